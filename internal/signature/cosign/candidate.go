// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// candidate is a blob that may hold something signed.
type candidate struct {
	digest image.Digest
	size   int64
	// annotations of the layer, with the signature and its proofs where the form has them there.
	annotations map[string]string
	// hint is the predicate type that it is annotated with.
	hint string
	form *form
}

// form is one of those in which something signed is attached to an image.
type form struct {
	// noun for people, and the limit of its size in bytes.
	noun  string
	limit int64
	// read parses what was fetched.
	read func(content []byte, annotations map[string]string) (entity.Entity, error)
	// claim says what is claimed of the image, by our own strict reading. An error that is not errUnwanted says what is wrong with it.
	claim func(*look, entity.Entity) (claim, error)
}

// errUnwanted says that something is signed and is not what is looked for.
var errUnwanted = errors.New("something else")

// claim is what an entity says of the image.
type claim struct {
	predicateType string
	manifests     []image.Digest
	// statement is nil for a signature.
	statement []byte
}

func (c claim) isSignature() bool { return c.predicateType == evidence.SignaturePredicate }

// choose takes as many of the candidates as may be looked into, once each, those first that say that they are wanted.
func (l *look) choose(candidates []candidate) []candidate {
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(promise(a.hint), promise(b.hint)) })
	var chosen []candidate
	for _, c := range candidates {
		if slices.ContainsFunc(chosen, c.is) {
			continue
		}
		if len(chosen) == maxSignatures {
			l.hinder(registry.NewError(registry.KindOverLimit, nil, "%s has more than %d %ss; only the first were looked at: remove those that nobody needs",
				l.digest, maxSignatures, c.form.noun))
			break
		}
		chosen = append(chosen, c)
	}
	return chosen
}

// promise orders hints: one that says something says that it is wanted.
func promise(hint string) int {
	if hint == "" {
		return 1
	}
	return 0
}

func (c candidate) is(other candidate) bool {
	return c.form == other.form && c.inSameBlob(other) && maps.Equal(c.annotations, other.annotations)
}

// inSameBlob says that both have the same content. Whoever states another size for the same digest must not spoil the right one.
func (c candidate) inSameBlob(other candidate) bool {
	return c.digest == other.digest && c.size == other.size
}

// open looks into the candidates. What stands in one blob is fetched once.
func (l *look) open(ctx context.Context, candidates []candidate) {
	for len(candidates) > 0 && !l.settled() {
		first := candidates[0]
		var content []byte
		err := guard(func() (err error) { content, err = l.fetch(ctx, first); return err })
		switch {
		case registry.IsKind(err, registry.KindNotFound):
			l.discount(first.hint, errors.New("its content is gone"))
		case err != nil:
			l.hinder(err)
		default:
			for _, c := range candidates {
				if c.inSameBlob(first) {
					l.judge(c, content)
				}
			}
		}
		candidates = slices.DeleteFunc(candidates, first.inSameBlob)
	}
}

// fetch reads a candidate's blob within the limits.
func (l *look) fetch(ctx context.Context, c candidate) (content []byte, err error) {
	if c.size > c.form.limit {
		return nil, registry.NewError(registry.KindOverLimit, nil, "one %s of %s has more than %d bytes: remove it", c.form.noun, l.digest, c.form.limit)
	}
	if c.size > l.budget {
		return nil, registry.NewError(registry.KindOverLimit, nil, "the signatures and attestations of %s have more than %d bytes together: remove those that nobody needs", l.digest, maxTotalSize)
	}
	l.budget -= c.size
	body, err := l.reader.Blob(ctx, l.repository, image.Descriptor{Digest: c.digest, Size: c.size})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if content, err = io.ReadAll(body); err != nil {
		return nil, fmt.Errorf("read one %s of %s: %w", c.form.noun, l.digest, err)
	}
	return content, nil
}

// judge tries every anchor on what a candidate's content claims of the image.
func (l *look) judge(c candidate, content []byte) {
	var e entity.Entity
	var claimed claim
	err := guard(func() (err error) {
		if e, err = c.form.read(content, c.annotations); err != nil {
			return err
		}
		claimed, err = c.form.claim(l, e)
		return err
	})
	switch {
	case errors.Is(err, errPanicked):
		l.hinder(err)
		return
	case errors.Is(err, errUnwanted):
		return
	case err != nil:
		l.discount(cmp.Or(claimed.predicateType, c.hint), err)
		return
	}
	signed := false
	for _, a := range l.anchors {
		signed = a.check(e, claimed, c.digest) || signed
	}
	if !signed {
		l.estrange(claimed.predicateType)
	}
}
