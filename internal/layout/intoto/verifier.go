// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package intoto verifies in-toto layouts with in-toto's own library. It does without the parts of it that read files, run commands or
// ask for the time, and shows it only what is bounded and can be read in one way.
package intoto

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/signature"
)

const (
	// maxLinks that are read of one functionary, and maxFunctionaries of a layout with its sublayouts.
	maxLinks         = 256
	maxFunctionaries = 128
	// maxMessage is the longest message, in characters.
	maxMessage = 256
)

// Verifier is the adaptor. The zero value is ready.
type Verifier struct{}

var _ layout.Verifier = Verifier{}

// failure says for people why an image does not pass.
type failure struct{ reason, message string }

func (f failure) Error() string { return f.message }

// invalid says what is wrong with a layout, and broken with what was done.
func invalid(format string, args ...any) error {
	return failure{v1alpha1.ReasonInvalidLayout, fmt.Sprintf(format, args...)}
}

func broken(format string, args ...any) error {
	return failure{v1alpha1.ReasonLayoutBroken, fmt.Sprintf(format, args...)}
}

// Functionaries implements layout.Verifier.
func (Verifier) Functionaries(l layout.Layout, links []evidence.Signed) ([]signature.Key, error) {
	var found map[string]signature.Key
	err := guard(func() error {
		root, err := open(l)
		if err != nil {
			return err
		}
		found = withSublayouts(root.keys, readStatements(links))
		return nil
	})
	if err != nil {
		return nil, errors.New(evidence.Printable(err.Error(), maxMessage))
	}
	keys := slices.Collect(maps.Values(found))
	slices.SortFunc(keys, func(a, b signature.Key) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	return keys, nil
}

// withSublayouts adds the keys of every layout that the owner of a key signed, of as many as have not too many keys together.
func withSublayouts(keys map[string]signature.Key, statements []statement) map[string]signature.Key {
	all := maps.Clone(keys)
	for before := -1; before != len(all); {
		before = len(all)
		for _, s := range statements {
			if _, known := all[s.signer]; !known || s.sublayout == nil {
				continue
			}
			more := maps.Clone(all)
			maps.Copy(more, s.sublayout.keys)
			if len(more) <= maxFunctionaries {
				all = more
			}
		}
	}
	return all
}

// Verify implements layout.Verifier.
func (Verifier) Verify(l layout.Layout, links []evidence.Signed, about image.Digest, now time.Time) evidence.LayoutResult {
	var result evidence.LayoutResult
	err := guard(func() error {
		root, err := open(l)
		if err != nil {
			return err
		}
		result.Expires = root.expires
		v := verification{statements: readStatements(links), about: about, now: now, sublayouts: map[place]outcome{}}
		ways, err := v.verify(root, 0, true)
		if err != nil {
			return err
		}
		result.Expires = slices.MaxFunc(ways, func(a, b alternative) int { return a.expires.Compare(b.expires) }).expires
		return nil
	})
	if err == nil {
		result.Passed = true
		return result
	}
	failed := failure{reason: v1alpha1.ReasonInvalidLayout, message: err.Error()}
	errors.As(err, &failed)
	result.Reason, result.Message = failed.reason, evidence.Printable(failed.message, maxMessage)
	return result
}

// guard turns a panic into a failure: what makes the library fall over must not pass, nor end the process.
func guard(check func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = invalid("the layout could not be checked: the verifier failed on it or on a link of it")
		}
	}()
	return check()
}
