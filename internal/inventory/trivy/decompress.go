// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

const (
	// readAhead is how much of a layer is read at once, in bytes.
	readAhead = 256 << 10
	// maxWindow bounds how far back zstd may refer, in bytes: as far as its own command goes without being asked to go
	// further.
	maxWindow = 128 << 20
	// unsuspicious is what a layer may decompress to before its ratio counts, in bytes: small files of zeros are common.
	unsuspicious = 256 << 20
)

var (
	gzipMagic = []byte{0x1f, 0x8b, 0x08}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// content is a decompressed layer. Its errors are of the layer, and those of limits, as failures that name it.
type content struct {
	name       string
	limits     wire.Limits
	compressed *counter
	decoder    io.Reader
	close      func()
	hash       hash.Hash
	size       int64 // of what came so far
}

// newContent decompresses a layer. Its form is told by its first bytes, as container runtimes do; the media type is what
// somebody says. Decompressing takes two thirds of the time that a layer takes. It is not done ahead in a goroutine of its own:
// that takes more of the processors than it saves of the time.
func newContent(name string, compressed io.Reader, limits wire.Limits) (*content, error) {
	c := &content{name: name, limits: limits, compressed: &counter{r: compressed}, hash: sha256.New(), close: func() {}}
	buffered := bufio.NewReaderSize(c.compressed, readAhead)
	magic, err := buffered.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		c.decoder, err = gzip.NewReader(buffered)
	case bytes.Equal(magic, zstdMagic):
		var decoder *zstd.Decoder
		decoder, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			c.decoder, c.close = decoder, decoder.Close
		}
	default:
		c.decoder, err = buffered, nil
	}
	if err != nil {
		return nil, c.damaged(err)
	}
	return c, nil
}

// Read implements [io.Reader].
func (c *content) Read(p []byte) (int, error) {
	n, err := c.decoder.Read(p)
	c.hash.Write(p[:n])
	c.size += int64(n)
	switch {
	case c.size > c.limits.LayerBytes:
		return n, overLimit("%s decompresses to more than %s", c.name, wire.Size(c.limits.LayerBytes))
	case c.size > c.limits.ImageBytes:
		return n, overLimit("the layers decompress to more than %s", wire.Size(c.limits.ImageBytes))
	case c.size > unsuspicious && c.size/c.limits.Ratio > c.compressed.n:
		return n, overLimit("%s decompresses to more than %d times its size", c.name, c.limits.Ratio)
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	default:
		return n, c.damaged(err)
	}
}

// damaged is the failure that a decoder's error means, unless the connection is at fault.
func (c *content) damaged(err error) error {
	if errors.Is(err, wire.ErrBroken) {
		return err
	}
	return malformed("%s is truncated or damaged", c.name)
}

// finish reads what is left and compares the whole with its diff ID.
func (c *content) finish(want image.Digest) error {
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err
	}
	if got := image.DigestFromSum([sha256.Size]byte(c.hash.Sum(nil))); got != want {
		return malformed("%s does not have the diff ID of the configuration", c.name)
	}
	return nil
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

// Read implements [io.Reader].
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
