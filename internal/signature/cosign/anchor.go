// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// anchor is one that signatures are checked against, with what came of it.
type anchor struct {
	signature.Anchor
	id      string
	checker *entity.Checker
	// unfit says why the anchor cannot be used.
	unfit error
	// bare says that it is a key with nothing beside it, so that a signature proves that the key signed and no more.
	bare bool

	signed []found
	// signatures and attestations count those that do not verify; why tells what is wrong with the first.
	signatures, attestations int
	why                      error
	// hindrance is the first check that could not be made.
	hindrance error
}

// found is a signed statement and what orders it.
type found struct {
	evidence.Signed
	blob, signer string
}

func newAnchor(wanted signature.Anchor) *anchor {
	bare := signature.Anchor{Key: wanted.Key}
	a := &anchor{Anchor: wanted, id: wanted.ID(), bare: wanted.Key != nil && wanted.ID() == bare.ID()}
	a.unfit = guard(func() (err error) { a.checker, err = entity.NewChecker(wanted); return err })
	return a
}

// check tries the anchor on a claim that an entity from the blob makes, and says whether anybody signed it.
func (a *anchor) check(e entity.Entity, c claim, blob image.Digest) bool {
	if a.unfit != nil {
		return false
	}
	var signers []evidence.Signer
	err := guard(func() (err error) { signers, err = a.checker.Check(e); return err })
	if err == nil && len(signers) > 0 {
		for _, signer := range signers {
			a.take(c, signer, image.DigestOf(e.Payload()), blob)
		}
		return true
	}
	switch {
	case errors.Is(err, errPanicked):
		a.hindrance = cmp.Or(a.hindrance, err)
	case c.isSignature():
		a.signatures++
	default:
		a.attestations++
	}
	a.why = cmp.Or(a.why, err)
	return false
}

// take adds what a signer signed, once.
func (a *anchor) take(c claim, signer evidence.Signer, payload, blob image.Digest) {
	text, err := json.Marshal(signer)
	if err != nil { // a time out of JSON's reach
		a.hindrance = cmp.Or(a.hindrance, err)
		return
	}
	made := found{
		Signed: evidence.Signed{PredicateType: c.predicateType, Manifests: c.manifests, Payload: payload, Attached: blob, Statement: c.statement, Signer: signer},
		blob:   blob.Hex(), signer: string(text),
	}
	if !slices.ContainsFunc(a.signed, func(f found) bool { return f.blob == made.blob && f.signer == made.signer }) {
		a.signed = append(a.signed, made)
	}
}

// inOrder returns what was signed, by blob and signer.
func (a *anchor) inOrder() []evidence.Signed {
	slices.SortFunc(a.signed, func(x, y found) int { return cmp.Or(cmp.Compare(x.blob, y.blob), cmp.Compare(x.signer, y.signer)) })
	var signed []evidence.Signed
	for _, f := range a.signed {
		signed = append(signed, f.Signed)
	}
	return signed
}
