// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
)

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
	if err := c.disk.rewind(); err != nil || damaged == 0 {
		return err
	}
	logr.FromContextOrDiscard(ctx).Info("lines of the chronicle on the disk are damaged; what stood in them is taken from the copies in registries", "lines", damaged)
	clear(c.places) // so that every copy is read again
	if err := c.disk.replace(c.records(), c.known()); err != nil {
		logr.FromContextOrDiscard(ctx).Info("the chronicle on the disk cannot be written anew", "why", explain(err).Error())
	}
	return nil
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
		for digest, first := range c.digests {
			if !yield(record{Digest: digest, FirstSeen: first}) {
				return
			}
		}
		for at, written := range c.places {
			if !yield(record{Digest: at.digest, Repository: at.repository, Copy: written.hash, CopiedAt: written.at}) {
				return
			}
		}
	}
}

// known is the number of records.
func (c *Chronicle) known() int { return len(c.entries) + len(c.digests) + len(c.places) }
