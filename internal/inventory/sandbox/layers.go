// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// openAhead is how many bytes of a layer are left when the next one is opened: a registry takes its time to answer, and takes
// offence at readers who do not read.
const openAhead = 2 << 20

// layers are those of an image: what is in some is known, and the others are given out from the bottom to the top.
type layers struct {
	ctx    context.Context //nolint:containedctx // It lives as long as the job that makes it.
	source inventory.Source
	img    wire.Image
	limits wire.Limits

	mu     sync.Mutex
	found  map[int]found // by the index of the layer
	todo   []int
	coming chan *layer // the next layer, while it is being opened; nil when it is not
	busy   map[int]context.CancelFunc
	errs   map[int]error
}

// layer is a layer that was opened.
type layer struct {
	ctx     context.Context //nolint:containedctx // It ends when nobody wants to know any more what is in the layer.
	index   int
	content io.ReadCloser
	err     error
}

func newLayers(ctx context.Context, source inventory.Source, img wire.Image, limits wire.Limits, known map[int]found) *layers {
	l := &layers{ctx: ctx, source: source, img: img, limits: limits, found: known, busy: map[int]context.CancelFunc{}, errs: map[int]error{}}
	for _, index := range img.Distinct() {
		if _, ok := known[index]; !ok {
			l.todo = append(l.todo, index)
		}
	}
	return l
}

// left is how many compressed bytes are to be looked into, without those of the largest layer.
func (l *layers) left() int64 {
	var sum, largest int64
	for _, index := range l.todo {
		size := l.source.Manifest.Layers[index].Size
		sum, largest = sum+size, max(largest, size)
	}
	return sum - largest
}

// next gives out a layer, unless there is none or it is clear already that the image cannot be indexed.
func (l *layers) next() (*layer, bool) {
	for {
		coming := l.claim()
		if coming == nil {
			return nil, false
		}
		next := <-coming
		if next.err == nil {
			return next, true
		}
		l.done(next.index, found{}, next.err)
	}
}

func (l *layers) claim() chan *layer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) > 0 || l.overLimit() != nil {
		return nil
	}
	l.open()
	claimed := l.coming
	l.coming = nil
	return claimed
}

// open begins to open the next layer, if there is one and it is not being opened.
func (l *layers) open() {
	if l.coming != nil || len(l.todo) == 0 {
		return
	}
	next := &layer{index: l.todo[0]}
	l.todo = l.todo[1:]
	next.ctx, l.busy[next.index] = context.WithCancel(l.ctx)
	coming := make(chan *layer, 1)
	l.coming = coming
	go func() {
		opened, err := l.source.OpenLayer(next.ctx, next.index)
		size := l.source.Manifest.Layers[next.index].Size
		next.content, next.err = &almostRead{ReadCloser: opened, left: size - openAhead, reached: l.openNext}, err
		coming <- next
	}()
}

func (l *layers) openNext() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) == 0 {
		l.open()
	}
}

// done says what came of a layer. After an error nobody cares for the layers above.
func (l *layers) done(index int, f found, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[index]()
	delete(l.busy, index)
	if err == nil {
		l.found[index] = f
		return
	}
	l.errs[index] = err
	for other, cancel := range l.busy {
		if other > index {
			cancel()
		}
	}
}

// verdict is the error of the lowest layer that has one, so that it is the same each time.
func (l *layers) verdict() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for index := range l.img.Layers {
		if err := l.errs[index]; err != nil {
			return err
		}
	}
	return l.overLimit()
}

// overLimit holds what all layers are found to have together against the limits.
func (l *layers) overLimit() error {
	var sum wire.Measures
	var results int64
	for _, f := range l.found {
		sum.Bytes += f.measures.Bytes
		sum.Entries += f.measures.Entries
		results += int64(len(f.content))
	}
	switch {
	case sum.Bytes > l.limits.ImageBytes:
		return fmt.Errorf("%w: the layers decompress to more than %s", inventory.ErrOverLimit, wire.Size(l.limits.ImageBytes))
	case sum.Entries > l.limits.Entries:
		return fmt.Errorf("%w: the layers have more than %d files, folders and links", inventory.ErrOverLimit, l.limits.Entries)
	case results > l.limits.ResultBytes:
		return fmt.Errorf("%w: what is in the layers takes more than %s", inventory.ErrOverLimit, wire.Size(l.limits.ResultBytes))
	}
	return nil
}

// close closes a layer that was opened in vain, or is being opened.
func (l *layers) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cancel := range l.busy {
		cancel()
	}
	if l.coming == nil {
		return
	}
	if next := <-l.coming; next.err == nil {
		_ = next.content.Close()
	}
}

// almostRead calls reached once, when so much is left.
type almostRead struct {
	io.ReadCloser
	left    int64
	reached func()
}

// Read implements [io.Reader].
func (r *almostRead) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.left -= int64(n)
	if r.left <= 0 && r.reached != nil {
		r.reached()
		r.reached = nil
	}
	return n, err
}
