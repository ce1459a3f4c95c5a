// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bufio"
	"cmp"
	"errors"
	"io"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/trivy/secrets"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// newSearcher returns what searches for secrets, and nil if nobody asks for them.
func newSearcher(settings wire.Settings) (*secrets.Searcher, error) {
	if !settings.Secrets {
		return nil, nil //nolint:nilnil // there is nothing to search with, and nothing failed
	}
	return secrets.New()
}

// searchSecrets searches a file of the layer.
func (w *walk) searchSecrets(name string, f *file) error {
	if w.secrets == nil || !w.secrets.Wants(name, f.size) {
		return nil
	}
	head, err := f.head(secrets.HeadSize)
	if err != nil {
		return w.unlessDamaged(err)
	}
	if text, err := secrets.Text(name, head); err != nil || !text {
		return err
	}
	return w.unlessDamaged(w.secrets.File(name, f.size, f.open))
}

// head returns the beginning of the file. Of a file that nobody opens it is all that is read from the layer.
func (f *file) head(size int) ([]byte, error) {
	if !f.read {
		buffered := bufio.NewReaderSize(f.reader, size)
		f.reader = buffered
		head, err := buffered.Peek(int(min(int64(size), f.size)))
		return head, err
	}
	opened, err := f.open()
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	head := make([]byte, size)
	n, err := io.ReadFull(opened, head)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// secretsOfLayers are the secrets of an image's layers, from the bottom to the top.
type secretsOfLayers struct {
	all    []inventory.Secret
	byFile map[string][]int // indexes of those in the files that are still there
}

// lay lays a layer on those below. Who pulls an image has the layers below as well, whatever is deleted: a secret is there to stay.
func (s *secretsOfLayers) lay(layer layerResult, diffID image.Digest) {
	for file, fate := range covered(layer.entries, s.byFile) {
		remark := " (replaced by a later layer)"
		if fate != removesNothing {
			remark = " (deleted by a later layer)"
		}
		for _, index := range s.byFile[file] {
			s.all[index].Place += remark
		}
		delete(s.byFile, file)
	}
	if s.byFile == nil {
		s.byFile = map[string][]int{}
	}
	for _, found := range layer.Secrets {
		found.Layer = diffID
		s.byFile[found.Place] = append(s.byFile[found.Place], len(s.all))
		s.all = append(s.all, found)
	}
}

// secretsOf returns the contents of an image as far as they are secrets: of its layers and its configuration.
func (x *indexer) secretsOf(img wire.Image, config []byte, results []layerResult) wire.Contents {
	if x.searcher == nil {
		return wire.Contents{}
	}
	search := x.searcher.NewSearch()
	search.Config(config)
	var layers secretsOfLayers
	unsearched := search.Unsearched
	for i, result := range results {
		layers.lay(result, img.Layers[i].DiffID)
		unsearched = append(unsearched, result.SecretProblems...)
	}
	return wire.Contents{
		SecretsSought: true, Secrets: firstOf(append(layers.all, search.Secrets...), compareSecrets), SecretProblems: firstOf(unsearched, compareProblems),
	}
}

func compareSecrets(a, b inventory.Secret) int {
	return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Layer.String(), b.Layer.String()), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
}
