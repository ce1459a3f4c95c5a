// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// errGone says that the child went away, and its end says why.
var errGone = errors.New("the indexer is gone")

// errNonsense is what an answer comes to that nobody can make sense of.
var errNonsense = fmt.Errorf("%w: the indexer's answer cannot be read; are all programs of one version?", inventory.ErrFailed)

// found is what a child found in a layer.
type found struct {
	measures wire.Measures
	// content is for children only.
	content []byte
}

// worker is a child that works on an image.
type worker struct {
	*child
	img      wire.Image
	name     string // of the image
	logger   *slog.Logger
	greeting wire.Greeting
	// given are the layers whose bytes the child has had.
	given []image.Digest
	stop  func() bool // ends that the child ends with its image's context
}

// begin tells the child of the image.
func (w *worker) begin(ctx context.Context) error {
	if err := w.from.ReadMessage(&w.greeting); err != nil {
		return w.explain(ctx, w.broken(err))
	}
	// An error means that the child is gone, which shows in its first answer.
	_ = w.to.WriteMessage(w.img)
	return nil
}

// lookInto has the child look into a layer.
func (w *worker) lookInto(layer *layer) (found, error) {
	stop := context.AfterFunc(layer.ctx, w.end)
	defer stop()
	defer layer.content.Close()
	listens := w.to.WriteMessage(wire.Task{Layer: layer.index}) == nil
	if listens {
		w.given = append(slices.Clip(w.given), w.img.Layers[layer.index].Digest)
		var err error
		if listens, err = pipe(w.to, layer.content); err != nil {
			return found{}, err
		}
	}
	f, err := w.findings()
	if err == nil && !listens {
		err = errNonsense // it knows what is in the layer without having seen it
	}
	return f, w.explain(layer.ctx, err)
}

// pipe sends a layer and says whether the child listened to the end. The error is the layer's. A layer that was begun is read to
// its end even if nobody listens: only there it shows whether the registry sent what the digest says, and a registry that lies
// must not pass for a layer that is malformed.
func pipe(w *wire.Writer, content io.Reader) (listens bool, err error) {
	err = w.WriteStream(content)
	var read *wire.ReadError
	if errors.As(err, &read) {
		return false, read.Err
	}
	if err == nil {
		return true, nil
	}
	_, err = io.Copy(io.Discard, content)
	return false, err
}

// findings reads what the child found in a layer.
func (w *worker) findings() (found, error) {
	answer, err := w.answer()
	if err != nil {
		return found{}, err
	}
	m := answer.Measures
	if m == nil || m.Bytes < 0 || m.Entries < 0 {
		return found{}, errNonsense
	}
	content, err := w.from.ReadBytes(w.limits.ResultBytes)
	if err != nil {
		return found{}, w.broken(err)
	}
	return found{measures: *m, content: content}, nil
}

// apply has the child lay the layers on each other.
func (w *worker) apply(ctx context.Context, layers map[int]found, config []byte) (wire.Contents, wire.Details, error) {
	contents, details, err := w.applied(layers, config)
	return contents, details, w.explain(ctx, err)
}

func (w *worker) applied(layers map[int]found, config []byte) (wire.Contents, wire.Details, error) {
	listens := w.to.WriteMessage(wire.Task{Apply: true}) == nil
	for _, index := range w.img.Distinct() {
		listens = listens && w.to.WriteBytes(layers[index].content) == nil
	}
	_ = listens && w.to.WriteBytes(config) == nil
	answer, err := w.answer() // if it does not listen, it has said why
	if err != nil {
		return wire.Contents{}, wire.Details{}, err
	}
	encoded, err := w.from.ReadBytes(w.limits.ResultBytes)
	if err != nil {
		return wire.Contents{}, wire.Details{}, w.broken(err)
	}
	var details wire.Details
	if answer.Contents == nil || json.Unmarshal(encoded, &details) != nil || !bytes.HasPrefix(details.Detail, []byte("{")) {
		return wire.Contents{}, wire.Details{}, errNonsense
	}
	return *answer.Contents, details, nil
}

// answer reads what the child says next, unless it is a failure.
func (w *worker) answer() (wire.Answer, error) {
	var answer wire.Answer
	if err := w.from.ReadMessage(&answer); err != nil {
		return answer, w.broken(err)
	}
	return answer, failure(answer)
}

// broken tells a child that went away from one that talks nonsense or does not stop talking.
func (w *worker) broken(err error) error {
	switch {
	case errors.Is(err, wire.ErrNonsense):
		return errNonsense
	case errors.Is(err, wire.ErrTooLong):
		return fmt.Errorf("%w: what the indexer says has more than %s", inventory.ErrOverLimit, wire.Size(w.limits.ResultBytes))
	default:
		return errGone
	}
}

// explain finds out why a child is gone, and logs what nobody expected.
func (w *worker) explain(ctx context.Context, err error) error {
	if errors.Is(err, errGone) {
		<-w.gone // at the latest when ctx ends
		err = causeOfDeath(w.command.ProcessState, w.stderr.kept.Bytes(), w.limits)
	}
	if errors.Is(err, inventory.ErrFailed) && ctx.Err() == nil {
		w.end()
		<-w.gone
		w.logger.ErrorContext(ctx, "The indexer ended without a result", "image", w.name, "error", err, "stderr", w.lastWords())
	}
	return err
}
