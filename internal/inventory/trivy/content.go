// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// unsuspicious is what a layer may decompress to before its ratio counts, in bytes: small files of zeros are common.
const unsuspicious = 256 << 20

// content is a decompressed layer. Its errors are of the layer, and those of limits, as failures that name it.
type content struct {
	name   string
	limits wire.Limits
	ahead  *ahead
	block  block
	rest   []byte // of the block
	err    error  // once the block is used up
	hash   hash.Hash
	size   int64 // of what came so far
	pos    int64
}

// newContent decompresses a layer. The caller calls close.
func newContent(name string, compressed io.Reader, limits wire.Limits) *content {
	return &content{name: name, limits: limits, ahead: decompressAhead(compressed), hash: sha256.New()}
}

func (c *content) close() { c.ahead.stop() }

// Read implements [io.Reader].
func (c *content) Read(p []byte) (int, error) {
	if err := c.more(); err != nil {
		return 0, err
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	c.pos += int64(n)
	return n, nil
}

// Seek passes over what nobody wants without copying it. It is an [io.Seeker] as far as [archive/tar] needs one: it goes forward from where
// it is, and not beyond the end.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return 0, errors.ErrUnsupported
	}
	for offset > 0 {
		err := c.more()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		n := min(offset, int64(len(c.rest)))
		c.rest = c.rest[n:]
		c.pos += n
		offset -= n
	}
	return c.pos, nil
}

// more makes sure that there is something to read.
func (c *content) more() error {
	for len(c.rest) == 0 {
		if c.err != nil {
			return c.err
		}
		c.block = c.ahead.next(c.block)
		c.rest = c.block.content
		c.hash.Write(c.rest) // never fails
		c.err = c.judge()
	}
	return nil
}

// judge says what ends the layer after the block, if anything does.
func (c *content) judge() error {
	c.size += int64(len(c.rest))
	switch err := c.block.err; {
	case c.size > c.limits.LayerBytes:
		return overLimit("%s decompresses to more than %s", c.name, wire.Size(c.limits.LayerBytes))
	case c.size > c.limits.ImageBytes:
		return overLimit("the layers decompress to more than %s", wire.Size(c.limits.ImageBytes))
	case c.size > unsuspicious && c.size/c.limits.Ratio > c.block.compressed:
		return overLimit("%s decompresses to more than %d times its size", c.name, c.limits.Ratio)
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, wire.ErrBroken):
		return err
	default:
		return malformed("%s is truncated or damaged", c.name)
	}
}

// finish reads what is left and compares the whole with its diff ID.
func (c *content) finish(want image.Digest) error {
	for {
		err := c.more()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		c.rest = nil
	}
	if got := image.DigestFromSum([sha256.Size]byte(c.hash.Sum(nil))); got != want {
		return malformed("%s does not have the diff ID of the configuration", c.name)
	}
	return nil
}
