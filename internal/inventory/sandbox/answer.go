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
	// maxText bounds a path and a message, in characters, and maxPath the path of a jar, which findings bear as well.
	maxText, maxPath = 200, 1000
)

// inventoryOf makes an inventory of what a child says. The child has read what strangers wrote: nothing that it says is taken as
// it is.
func inventoryOf(source inventory.Source, img wire.Image, contents wire.Contents, details wire.Details) inventory.Inventory {
	diffIDs := make([]image.Digest, len(img.Layers))
	for i, layer := range img.Layers {
		diffIDs[i] = layer.DiffID
	}
	made := inventory.Inventory{
		Version:        inventory.Version,
		Image:          source.Image,
		Platform:       source.Platform,
		ImageID:        source.Manifest.Config.Digest,
		DiffIDs:        diffIDs,
		Detail:         details.Detail,
		Hidden:         details.Hidden,
		Jars:           jars(details.Jars),
		Packages:       max(0, contents.Packages),
		Problems:       problems(contents.Problems),
		SecretsSought:  source.Secrets && contents.SecretsSought,
		Secrets:        secrets(contents.Secrets),
		SecretProblems: problems(contents.SecretProblems),
	}
	made.Identify(inventory.Naming{})
	return made
}

// failure is the error that an answer is, unless its outcome is Indexed.
func failure(answer wire.Answer) error {
	message := evidence.Printable(answer.Message, maxText)
	switch answer.Outcome {
	case wire.Indexed:
		return nil
	case wire.Forgotten:
		return errForgotten
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

func jars(found []inventory.Jar) []inventory.Jar {
	var listed []inventory.Jar
	for _, jar := range found[:min(len(found), wire.MaxJars)] {
		jar.Path = evidence.Printable(jar.Path, maxPath)
		for _, field := range []*string{&jar.SHA1, &jar.Group, &jar.Artifact, &jar.Version} {
			*field = evidence.Printable(*field, maxText)
		}
		listed = append(listed, jar)
	}
	slices.SortFunc(listed, func(a, b inventory.Jar) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.SHA1, b.SHA1)) })
	return listed
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
