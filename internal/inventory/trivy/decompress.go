// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// readAhead is how much of a layer is read at once, in bytes.
	readAhead = 64 << 10
	// maxWindow bounds how far back zstd may refer, in bytes: as far as its own command goes without being asked to go
	// further.
	maxWindow = 128 << 20
	// blockSize and blocks are how much is decompressed ahead of whoever reads, in bytes and in pieces.
	blockSize = 128 << 10
	blocks    = 6
)

var (
	gzipMagic = []byte{0x1f, 0x8b, 0x08}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// newDecoder decompresses a layer. Its form is told by its first bytes, as container runtimes do; the media type is what
// somebody says. The caller calls close.
func newDecoder(compressed io.Reader) (decoder io.Reader, closeDecoder func(), err error) {
	buffered := bufio.NewReaderSize(compressed, readAhead)
	magic, err := buffered.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		decoder, err := gzip.NewReader(buffered)
		return decoder, func() {}, err // which is no io.EOF, since there was something
	case bytes.Equal(magic, zstdMagic):
		decoder, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return decoder, decoder.Close, nil
	default:
		return buffered, func() {}, nil
	}
}

// block is a piece of a decompressed layer.
type block struct {
	content []byte
	// compressed is how many compressed bytes were read until then.
	compressed int64
	// err is why there is no other block, io.EOF at the end.
	err error
}

// ahead decompresses in a goroutine of its own: it is half of the work, and what is done with the content is the other half.
type ahead struct {
	filled chan block
	free   chan []byte
	done   chan struct{}
}

func decompressAhead(compressed io.Reader) *ahead {
	a := &ahead{filled: make(chan block, blocks), free: make(chan []byte, blocks), done: make(chan struct{})}
	for range blocks {
		a.free <- make([]byte, blockSize)
	}
	go a.run(&counter{r: compressed})
	return a
}

func (a *ahead) run(compressed *counter) {
	decoder, closeDecoder, err := newDecoder(compressed)
	if err != nil {
		a.filled <- block{err: err}
		return
	}
	defer closeDecoder()
	for err == nil {
		var b block
		select {
		case b.content = <-a.free:
		case <-a.done:
			return
		}
		var n int
		n, err = decoder.Read(b.content[:blockSize])
		b.content, b.compressed, b.err = b.content[:n], compressed.n, err
		a.filled <- b // there is room for all
	}
}

// next gives the block before it back and returns the one after it. After one with an error there is none.
func (a *ahead) next(before block) block {
	if before.content != nil {
		a.free <- before.content // there is room for all
	}
	return <-a.filled
}

// stop ends decompressing, when it waits for the compressed bytes only after they came.
func (a *ahead) stop() { close(a.done) }

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
