// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"context"
	"time"
)

// knows says that the digest was seen in the place.
func (c *Chronicle) knows(at place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.places[at]
	return known
}

// arrive remembers that the digest was seen in the place with a copy, and since when it is known.
func (c *Chronicle) arrive(ctx context.Context, at place, firstSeen time.Time, written copied) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := earliest(c.digests[at.digest], firstSeen)
	if first == 0 {
		first = c.clock.Now().Unix()
	}
	if len(c.places) >= maxPlaces {
		return nil
	}
	return c.keep(ctx, at, first, written)
}

// isDue says that a copy with the hash is to be written, the latest time in which is given.
func (c *Chronicle) isDue(at place, hash uint64, latest time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.places[at]
	if known.hash == hash {
		return false
	}
	written := timeOf(known.at)
	return !latest.Before(written) || c.clock.Now().Sub(written) >= rewriteAfter
}

// published remembers the copy that was written.
func (c *Chronicle) published(ctx context.Context, at place, written copied) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.places[at]; !known {
		return nil // it was never restored, and will be
	}
	return c.keep(ctx, at, c.digests[at.digest], written)
}

// keep remembers what is known of a digest in a place once it is on the disk.
func (c *Chronicle) keep(ctx context.Context, at place, first int64, written copied) error {
	if c.disk != nil {
		news := []record{{Digest: at.digest, FirstSeen: first, Repository: at.repository, Copy: written.hash, CopiedAt: written.at}}
		if err := c.save(ctx, news); err != nil {
			return err
		}
	}
	c.digests[at.digest], c.places[at] = first, written
	return nil
}
