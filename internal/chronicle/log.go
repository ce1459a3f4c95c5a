// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"

	"github.com/assay-dev/assay/internal/evidence"
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

// log is the file. Its methods are called one at a time.
type log struct {
	dir  string
	file *os.File
	// size of the file as far as it is whole, and the number of its lines.
	size  int64
	lines int
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
	if l.lines <= 2*known+slack {
		return nil
	}
	if err := l.replace(all, known); err != nil {
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

// replace puts a log with the records, of which there are so many, in place of the one that there is.
func (l *log) replace(all iter.Seq[record], known int) error {
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
