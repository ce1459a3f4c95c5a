// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ecdsa"
	"slices"
	"unique"

	"github.com/assay-dev/assay/internal/image"
)

// Passport is what one TrustedImage says. Nothing in it is believed unless it is signed.
type Passport struct {
	Namespace, Name string
	// Source is the repository that the spec names, zero when digests come from an upstream.
	Source image.Repository
	// Claims are the trusted digest and those trusted before it, newest first.
	Claims []Claim
	// Candidate is the digest that could be trusted next, nil if there is none.
	Candidate *Candidate
}

// Claim is an entry as it stands in a status: trust if the signature over it is valid, else nothing.
type Claim struct {
	Repository   image.Repository
	Digest       image.Digest
	Platforms    []image.Digest
	PoliciesHash image.Digest
	// Signature in base64.
	Signature string
}

// Candidate is a digest that could be trusted next. It only serves to explain.
type Candidate struct {
	Repository image.Repository
	Digest     image.Digest
	// Standing is Refused, Undetermined, NotJudged or Waiting, with Reason and Message as the status gives them.
	Standing        Standing
	Reason, Message string
}

// passport is a Passport in the form that the index keeps: what is the same in many passports is kept once.
type passport struct {
	namespace, name string
	source          unique.Handle[image.Repository]
	entries         []entry
	candidate       *Candidate
}

// entry is a Claim, and whether it is trust.
type entry struct {
	repository unique.Handle[image.Repository]
	policies   unique.Handle[image.Digest]
	digest     image.Digest
	platforms  []image.Digest
	signature  string
	verified   bool
}

func compact(p Passport) *passport {
	compacted := &passport{
		namespace: unique.Make(p.Namespace).Value(),
		name:      p.Name,
		source:    unique.Make(p.Source),
		entries:   make([]entry, len(p.Claims)),
		candidate: p.Candidate,
	}
	for i, c := range p.Claims {
		compacted.entries[i] = entry{
			repository: unique.Make(c.Repository),
			policies:   unique.Make(c.PoliciesHash),
			digest:     c.Digest,
			platforms:  c.Platforms,
			signature:  c.Signature,
		}
	}
	return compacted
}

// adopt takes over what was verified of the same entries before, by the same keys.
func (p *passport) adopt(before *passport) {
	if before == nil {
		return
	}
	for i := range p.entries {
		p.entries[i].verified = slices.ContainsFunc(before.entries, func(e entry) bool {
			return e.verified && e.equal(p.entries[i])
		})
	}
}

// equal says that two entries of one passport have the same message and signature.
func (e entry) equal(other entry) bool {
	return e.repository == other.repository && e.policies == other.policies && e.digest == other.digest &&
		slices.Equal(e.platforms, other.platforms) && e.signature == other.signature
}

// verify verifies the entries that are not known to be valid.
func (p *passport) verify(keys []*ecdsa.PublicKey) {
	for i := range p.entries {
		e := &p.entries[i]
		e.verified = e.verified || Entry{
			Namespace: p.namespace, Name: p.name,
			Repository: e.repository.Value(), Digest: e.digest, Platforms: e.platforms, PoliciesHash: e.policies.Value(),
		}.Verify(keys, e.signature) == nil
	}
}

// unverified returns a copy of which nothing is verified.
func (p *passport) unverified() *passport {
	fresh := *p
	fresh.entries = slices.Clone(p.entries)
	for i := range fresh.entries {
		fresh.entries[i].verified = false
	}
	return &fresh
}

// repositories that the passport speaks of, each once; the zero one alone when it speaks of none yet.
func (p *passport) repositories() []unique.Handle[image.Repository] {
	all := make([]unique.Handle[image.Repository], 0, 1)
	add := func(h unique.Handle[image.Repository]) {
		if !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	if p.speaksOfNone() || !p.source.Value().IsZero() {
		add(p.source)
	}
	for _, e := range p.entries {
		add(e.repository)
	}
	if p.candidate != nil {
		add(unique.Make(p.candidate.Repository))
	}
	return all
}

// speaksOfNone says that the passport has taken no image yet: its digests come from an upstream that offered none.
func (p *passport) speaksOfNone() bool {
	return p.source.Value().IsZero() && len(p.entries) == 0 && p.candidate == nil
}

// entry returns the entry that has the digest, a verified one before others, and nil if none has.
func (p *passport) entry(repository unique.Handle[image.Repository], digest image.Digest) *entry {
	var found *entry
	for i := range p.entries {
		e := &p.entries[i]
		if e.repository != repository || e.digest != digest && !slices.Contains(e.platforms, digest) {
			continue
		}
		if e.verified {
			return e
		}
		found = e
	}
	return found
}
