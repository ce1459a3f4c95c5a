// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

const (
	// logName is the file that records are appended to, tmpName the one that takes its place when it is compacted.
	logName = "chronicle.log"
	tmpName = "chronicle.tmp"
	// maxLine bounds a line in bytes; two names of 512 bytes, each of which JSON can write six times as long, and what stands between.
	maxLine = 8 << 10
	// slack is how many lines more than twice those that are needed the log may have before it is compacted.
	slack = 4096
)

// record is one line of the log: the times of a subject, or a digest in a place. What the log says of one thing again and again
// adds up, the earliest time and the last copy, so that no line depends on another.
type record struct {
	ID        string       `json:"id,omitempty"`
	Package   string       `json:"package,omitempty"`
	FirstSeen int64        `json:"firstSeen,omitempty"`
	FixSeen   int64        `json:"fixSeen,omitempty"`
	Digest    image.Digest `json:"digest,omitzero"`
	// Repository of the place, with the copy that was put there.
	Repository string `json:"repository,omitempty"`
	Copy       uint64 `json:"copy,omitempty"`
	CopiedAt   int64  `json:"copiedAt,omitempty"`
}

func recordOf(at subject, t times) record {
	return record{ID: at.id, Package: at.pkg, FirstSeen: t.first, FixSeen: t.fix}
}

// log is the file. Its methods are called one at a time.
type log struct {
	dir  string
	file *os.File
	// size of the file as far as it is whole, and the number of its lines.
	size  int64
	lines int
}

// Open opens the chronicle in dir, which it makes if need be. One process at a time may have it open, which the lock of the evidence
// store beside it sees to. What a killed process left half written is removed; a line that is damaged is logged and left out.
// The caller closes the chronicle.
func Open(ctx context.Context, dir string, clock clock.PassiveClock) (*Chronicle, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the chronicle: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, logName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the chronicle: %w", err)
	}
	c := New(clock)
	c.disk = &log{dir: dir, file: file}
	if err := c.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the chronicle: %w", err), file.Close())
	}
	return c, nil
}

// load reads the log and cuts off what is not a whole line at its end.
func (c *Chronicle) load(ctx context.Context) error {
	reader := bufio.NewReaderSize(c.disk.file, maxLine)
	damaged := 0
	for {
		line, err := reader.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		c.disk.size += int64(len(line))
		c.disk.lines++
		if r, whole := parseLine(line); whole {
			c.take(r)
		} else {
			damaged++
		}
	}
	if damaged > 0 {
		logr.FromContextOrDiscard(ctx).Info("lines of the chronicle on the disk are damaged; the times in them are taken from the copies in registries", "lines", damaged)
	}
	return c.disk.rewind()
}

// take adds what a record says to what is known.
func (c *Chronicle) take(r record) {
	switch {
	case r.ID != "":
		at := subject{r.ID, r.Package}
		known := c.entries[at]
		c.entries[at] = times{earliest(known.first, timeOf(r.FirstSeen)), earliest(known.fix, timeOf(r.FixSeen))}
	case !r.Digest.IsZero():
		c.digests[r.Digest] = earliest(c.digests[r.Digest], timeOf(r.FirstSeen))
		if r.Repository != "" {
			c.places[place{r.Digest, r.Repository}] = copied{r.Copy, r.CopiedAt}
		}
	}
}

// records are all that is known.
func (c *Chronicle) records() iter.Seq[record] {
	return func(yield func(record) bool) {
		for at, t := range c.entries {
			if !yield(recordOf(at, t)) {
				return
			}
		}
		for at, written := range c.places {
			if !yield(record{Digest: at.digest, FirstSeen: c.digests[at.digest], Repository: at.repository, Copy: written.hash, CopiedAt: written.at}) {
				return
			}
		}
	}
}

// append writes the records and waits until they are on the disk. When the log has grown, it is replaced by one with all that is
// known, as so many records.
func (l *log) append(ctx context.Context, records []record, all iter.Seq[record], known int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var b bytes.Buffer
	for _, r := range records {
		if err := writeLine(&b, r); err != nil {
			return err
		}
	}
	if err := l.rewind(); err != nil {
		return explain(err)
	}
	_, err := l.file.Write(b.Bytes())
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return explain(errors.Join(err, l.rewind()))
	}
	l.size += int64(b.Len())
	l.lines += len(records)
	if err := l.compact(all, known); err != nil {
		// What was to be written is written; the next one tries again.
		logr.FromContextOrDiscard(ctx).Info("the chronicle on the disk cannot be compacted", "why", explain(err).Error())
	}
	return nil
}

// rewind cuts off what stands after the last whole line, and goes there.
func (l *log) rewind() error {
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	_, err := l.file.Seek(l.size, io.SeekStart)
	return err
}

// compact replaces the log when most of it says what was said before.
func (l *log) compact(all iter.Seq[record], known int) error {
	if l.lines <= 2*known+slack {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(l.dir, tmpName), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	size, err := fill(file, all)
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(l.dir, logName))
	}
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	before := l.file
	l.file, l.size, l.lines = file, size, known
	return errors.Join(before.Close(), syncFolder(l.dir))
}

// fill writes all records and waits until they are on the disk.
func fill(file *os.File, records iter.Seq[record]) (size int64, err error) {
	w := bufio.NewWriter(file)
	for r := range records {
		if err := writeLine(w, r); err != nil {
			return 0, err
		}
	}
	if err := errors.Join(w.Flush(), file.Sync()); err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekCurrent)
}

func (l *log) close() error { return l.file.Close() }

// writeLine writes a record after its checksum.
func writeLine(w io.Writer, r record) error {
	text, err := json.Marshal(r)
	if err == nil {
		_, err = fmt.Fprintf(w, "%08x %s\n", crc32.ChecksumIEEE(text), text)
	}
	return err
}

// parseLine reads what writeLine wrote. It returns false for a line that is damaged.
func parseLine(line []byte) (record, bool) {
	sum, text, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if string(sum) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) {
		return record{}, false
	}
	var r record
	err := json.Unmarshal(text, &r)
	return r, err == nil
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// explain takes paths out of an error and names a full disk.
func explain(err error) error {
	var path *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return evidence.ErrFull
	case errors.As(err, &path):
		return fmt.Errorf("write the chronicle: %s: %w", path.Op, path.Err)
	}
	return fmt.Errorf("write the chronicle: %w", err)
}
