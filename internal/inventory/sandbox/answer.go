// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

const (
	// maxListed bounds each list of an inventory but that of the secrets, which has maxSecrets.
	maxListed  = 20
	maxSecrets = 100
	// maxText bounds a path and a message, in characters.
	maxText = 200
)

// answer makes an inventory of a child's result. The child has read what strangers wrote: nothing that it says is taken as
// it is.
func answer(source inventory.Source, img wire.Image, result wire.Result) (inventory.Inventory, error) {
	if err := failure(result); err != nil {
		return inventory.Inventory{}, err
	}
	diffIDs := make([]image.Digest, len(img.Layers))
	for i, layer := range img.Layers {
		diffIDs[i] = layer.DiffID
	}
	return inventory.Inventory{
		Version:        inventory.Version,
		Image:          source.Image,
		Platform:       source.Platform,
		ImageID:        source.Manifest.Config.Digest,
		DiffIDs:        diffIDs,
		Detail:         result.Contents.Detail,
		Packages:       max(0, result.Contents.Packages),
		Problems:       problems(result.Contents.Problems),
		Unidentified:   unidentified(result.Contents.Unidentified),
		SecretsSought:  source.Secrets && result.Contents.SecretsSought,
		Secrets:        secrets(result.Contents.Secrets),
		SecretProblems: problems(result.Contents.SecretProblems),
	}, nil
}

func failure(result wire.Result) error {
	message := evidence.Printable(result.Message, maxText)
	switch result.Outcome {
	case wire.Indexed:
		if result.Contents != nil && len(result.Contents.Detail) > 0 {
			return nil
		}
		return fmt.Errorf("%w: the indexer's answer is empty", inventory.ErrFailed)
	case wire.MalformedLayer:
		return fmt.Errorf("%w: %s", inventory.ErrMalformedLayer, message)
	case wire.OverLimit:
		return fmt.Errorf("%w: %s", inventory.ErrOverLimit, message)
	default:
		return fmt.Errorf("%w: %s", inventory.ErrFailed, message)
	}
}

func problems(found []inventory.Problem) []inventory.Problem {
	var listed []inventory.Problem
	for _, p := range found {
		listed = append(listed, inventory.Problem{
			Path:    evidence.Printable(p.Path, maxText),
			Message: evidence.Printable(p.Message, maxText),
		})
	}
	slices.SortFunc(listed, func(a, b inventory.Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return listed[:min(len(listed), maxListed)]
}

func unidentified(found []string) []string {
	var listed []string
	for _, path := range found {
		listed = append(listed, evidence.Printable(path, maxText))
	}
	slices.Sort(listed)
	return listed[:min(len(listed), maxListed)]
}

func secrets(found []inventory.Secret) []inventory.Secret {
	var listed []inventory.Secret
	for _, s := range found {
		listed = append(listed, inventory.Secret{
			Rule:     evidence.Printable(s.Rule, maxText),
			Severity: evidence.Printable(s.Severity, maxText),
			Place:    evidence.Printable(s.Place, maxText),
			Layer:    s.Layer,
			Line:     max(0, s.Line),
		})
	}
	slices.SortFunc(listed, func(a, b inventory.Secret) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Layer.String(), b.Layer.String()), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Severity, b.Severity))
	})
	return listed[:min(len(listed), maxSecrets)]
}
