// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chronicle remembers when Assay first saw things: a vulnerability in a package, a fix for it, and a digest. Times are the
// fleet's: a vulnerability is first seen in a package when any image has it first. They are what graces begin with, so that they
// are kept on the disk as they come into being and, for a disk that is lost, as signed copies in a registry (Copies). Where
// two times are known of one thing, the earlier one counts.
package chronicle

import (
	"context"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// Bounds of what is remembered. An entry takes some 150 bytes of memory and as many on the disk.
const (
	// maxEntries bounds the pairs of a vulnerability and a package. What comes after that has no time, and so no grace.
	maxEntries = 1_000_000
	// maxPlaces bounds the digests, each in each repository that it was seen in. Those after that are restored every time.
	maxPlaces = 1_000_000
	// maxName bounds the name of a vulnerability or package, in bytes. A longer one is remembered by its hash.
	maxName = 512
)

// Entry says when a vulnerability, and a fix for it, was first seen in a package.
type Entry struct {
	// ID of the vulnerability.
	ID string
	// Package is its package URL without version and qualifiers, or its name where the ecosystem has none.
	Package string
	// FirstSeen is when the vulnerability was seen, FixSeen when a fix was; the zero time while there is none. Whole seconds in UTC.
	FirstSeen, FixSeen time.Time
}

// Chronicle implements vulnerability.Chronicle. It is safe for concurrent use.
type Chronicle struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	entries map[subject]times
	digests map[image.Digest]int64
	places  map[place]copied
	// disk is nil for a chronicle in memory.
	disk *log
	// unsaved has what could not be written to the disk yet.
	unsaved map[subject]bool
}

var _ vulnerability.Chronicle = (*Chronicle)(nil)

// subject is what times are remembered of.
type subject struct{ id, pkg string }

// times in seconds since 1970, 0 when there is none.
type times struct{ first, fix int64 }

// place is a digest in the repository that has the copy of its times.
type place struct {
	digest     image.Digest
	repository string
}

// copied is the copy that was put in a place: the hash of what it says, 0 when there is none, and when that was.
type copied struct {
	hash uint64
	at   int64
}

// New returns a chronicle that lives in memory alone, for a program that judges once.
func New(clock clock.PassiveClock) *Chronicle {
	return &Chronicle{
		clock: clock, entries: map[subject]times{}, digests: map[image.Digest]int64{}, places: map[place]copied{}, unsaved: map[subject]bool{},
	}
}

// Date implements vulnerability.Chronicle. The error says that a time which the findings need could not be written to the disk, so that it
// could be forgotten; it is evidence.ErrFull when that is full. The same time is written again with the next call.
func (c *Chronicle) Date(ctx context.Context, findings []evidence.Finding) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now().Unix()
	var news []record
	waiting := false
	for i := range findings {
		f := &findings[i]
		at := subjectOf(f.ID, packageOf(*f))
		t := c.entries[at]
		if t.first == 0 {
			t.first = now
		}
		if t.fix == 0 && f.FixedVersion != "" {
			t.fix = now
		}
		f.FirstSeen, f.FixSeen = time.Time{}, time.Time{}
		if !c.put(at, t, &news) {
			continue
		}
		waiting = waiting || c.unsaved[at]
		f.FirstSeen = timeOf(t.first)
		if f.FixedVersion != "" {
			f.FixSeen = timeOf(t.fix)
		}
	}
	if len(news) == 0 && !waiting {
		return nil
	}
	return c.save(ctx, news)
}

// Merge takes in times that are known from elsewhere, and returns the vulnerabilities of which one is earlier than what was known.
// The error is that of Date.
func (c *Chronicle) Merge(ctx context.Context, entries []Entry) (earlier map[string]struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var news []record
	earlier = map[string]struct{}{}
	for _, e := range entries {
		at := subjectOf(e.ID, e.Package)
		known := c.entries[at]
		merged := times{earliest(known.first, e.FirstSeen), earliest(known.fix, e.FixSeen)}
		if merged == known || merged.first == 0 {
			continue
		}
		if c.put(at, merged, &news) && known.first != 0 {
			earlier[e.ID] = struct{}{}
		}
	}
	return earlier, c.save(ctx, news)
}

// put remembers the times of a subject, and notes them as news when they are. It returns false when there is no room.
func (c *Chronicle) put(at subject, t times, news *[]record) bool {
	known, there := c.entries[at]
	if !there && len(c.entries) >= maxEntries {
		return false
	}
	if known != t {
		if !there {
			at = subject{strings.Clone(at.id), strings.Clone(at.pkg)} // not a part of something larger
		}
		c.entries[at] = t
		*news = append(*news, recordOf(at, t))
	}
	return true
}

// save writes news to the disk, and what could not be written before.
func (c *Chronicle) save(ctx context.Context, news []record) error {
	if c.disk == nil || len(news)+len(c.unsaved) == 0 {
		return nil
	}
	for at := range c.unsaved {
		news = append(news, recordOf(at, c.entries[at]))
	}
	if err := c.disk.append(ctx, news, c.records(), c.known()); err != nil {
		for _, r := range news {
			if r.ID != "" {
				c.unsaved[subject{r.ID, r.Package}] = true
			}
		}
		return err
	}
	clear(c.unsaved)
	return nil
}

// FirstSeen returns when the digest was first seen, the zero time when it never was.
func (c *Chronicle) FirstSeen(digest image.Digest) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return timeOf(c.digests[digest])
}

// Size returns the number of pairs of a vulnerability and a package, and of digests, that are remembered.
func (c *Chronicle) Size() (entries, digests int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), len(c.digests)
}

// Close closes the files. No other method may be called during or after it.
func (c *Chronicle) Close() error {
	if c.disk == nil {
		return nil
	}
	return c.disk.close()
}

func timeOf(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// earliest returns the earlier of the known time and the other, whichever of them there is.
func earliest(known int64, other time.Time) int64 {
	if other.IsZero() || known != 0 && known <= other.Unix() {
		return known
	}
	return other.Unix()
}
