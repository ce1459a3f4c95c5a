// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// maxWaiting bounds how many layers wait to be written to the disk.
const maxWaiting = 4

// record says what stands after it: what was found in a layer.
//
// Whoever made a layer may have taken over the process that looked into it, and say of a layer whatever they like. What
// they cannot change is which bytes the process had been given: this side gave them, under digests that it checked. So
// each record names, besides the layer itself, its witnesses: all layers that the process had been given bytes of when it
// said what is in this one. The record serves only an image that has all of them. Whoever can forge it is then
// somebody who made a layer of that very image, and could have hidden in it whatever they wanted.
//
// The layer is named by the digest of its compressed bytes, which was checked while they were sent. The diff ID is what the
// child says it checked. An image whose configuration states another one is looked into anew.
type record struct {
	Layer  image.Digest
	DiffID image.Digest
	// Analyzers and Settings are what else decided on what was found.
	Analyzers string
	Settings  wire.Settings
	Witnesses []image.Digest `json:",omitempty"`
	Measures  wire.Measures
}

// kind is the kind of evidence that is kept of a layer. There is one for each settings; a record of other analyzers is
// replaced.
func kind(settings wire.Settings) evidence.Kind {
	if settings.Secrets {
		return evidence.KindLayerWithSecrets
	}
	return evidence.KindLayer
}

// serves says that the record may be used for the layer in the image.
func (r record) serves(analyzers string, img wire.Image, layer wire.Layer) bool {
	return r.Layer == layer.Digest && r.DiffID == layer.DiffID && r.Analyzers == analyzers && r.Settings == img.Settings &&
		!slices.ContainsFunc(r.Witnesses, func(witness image.Digest) bool {
			return !slices.ContainsFunc(img.Layers, func(l wire.Layer) bool { return l.Digest == witness })
		})
}

// memory knows what was found in layers. It never fails: what cannot be read is found again, and what cannot be written is
// not kept.
type memory struct {
	store  evidence.Store // nil for none
	logger *slog.Logger

	mu      sync.Mutex
	waiting chan entry
	written chan struct{} // closed when all is written
}

// entry is something to write.
type entry struct {
	record  record
	content []byte
}

// recall returns what is known of the layers of an image, by their index; of more than one child may say, only a part.
func (m *memory) recall(ctx context.Context, analyzers string, img wire.Image, limits wire.Limits) map[int]found {
	known := map[int]found{}
	if m.store == nil {
		return known
	}
	room := limits.ResultBytes
	for _, index := range img.Distinct() {
		content, err := m.store.Get(ctx, img.Layers[index].Digest, kind(img.Settings))
		if err != nil {
			if !errors.Is(err, evidence.ErrNotFound) {
				m.logger.WarnContext(ctx, "Cannot read what was found in a layer; it is found again", "layer", img.Layers[index].Digest.String(), "error", err)
			}
			continue
		}
		kept, ok := open(content)
		if room -= int64(len(kept.content)); room < 0 {
			break
		}
		// A limit that was lowered since is for the child to tell of.
		if ok && kept.record.serves(analyzers, img, img.Layers[index]) && kept.record.Measures.Bytes <= limits.LayerBytes {
			known[index] = found{measures: kept.record.Measures, content: kept.content}
		}
	}
	return known
}

// remember has something written while the work goes on.
func (m *memory) remember(ctx context.Context, r record, content []byte) {
	if m.store == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting == nil {
		m.waiting, m.written = make(chan entry, maxWaiting), make(chan struct{})
		go m.write(ctx)
	}
	m.waiting <- entry{record: r, content: content}
}

// settle waits until all is written.
func (m *memory) settle() {
	if m.waiting != nil {
		close(m.waiting)
		<-m.written
	}
}

// write writes until there is nothing more, or until something could not be written: then nothing else is likely to be.
func (m *memory) write(ctx context.Context) {
	defer close(m.written)
	var failed bool
	for e := range m.waiting {
		if failed {
			continue
		}
		err := m.put(ctx, e)
		if failed = err != nil; failed && ctx.Err() == nil {
			m.logger.WarnContext(ctx, "Cannot keep what was found in a layer; it will be found again", "layer", e.record.Layer.String(), "error", err)
		}
	}
}

func (m *memory) put(ctx context.Context, e entry) error {
	content, err := e.encode()
	if err != nil {
		return err
	}
	return m.store.Put(ctx, e.record.Layer, kind(e.record.Settings), content)
}

// encode writes the record, and behind it what was found.
func (e entry) encode() ([]byte, error) {
	var encoded bytes.Buffer
	err := wire.NewWriter(&encoded).WriteMessage(e.record)
	_, _ = encoded.Write(e.content) // never fails
	return encoded.Bytes(), err
}

// open is the reverse of encode.
func open(encoded []byte) (entry, bool) {
	rest := bytes.NewReader(encoded)
	var e entry
	if err := wire.NewReader(rest).ReadMessage(&e.record); err != nil {
		return entry{}, false
	}
	e.content = encoded[len(encoded)-rest.Len():]
	return e, true
}

// forgetful is a store that knows nothing, and keeps what it is given.
type forgetful struct{ evidence.Store }

// Get implements [evidence.Store].
func (forgetful) Get(context.Context, image.Digest, evidence.Kind) ([]byte, error) {
	return nil, evidence.ErrNotFound
}
