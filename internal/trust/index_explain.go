// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"unique"

	"github.com/assay-dev/assay/internal/image"
)

// Standing is how an image stands in a namespace. The greater one tells more; the zero value is NoPassport.
type Standing uint8

// The standings.
const (
	// NoPassport: no TrustedImage in the namespace speaks of the repository.
	NoPassport Standing = iota
	// NoImage: no TrustedImage speaks of the repository, and there is one that has not taken any image yet.
	NoImage
	// OtherDigest: a TrustedImage speaks of the repository and does not know the digest.
	OtherDigest
	// NotJudged: the digest is a candidate without a verdict.
	NotJudged
	// Waiting: the digest is a candidate that passes its policies and waits for something else.
	Waiting
	// Undetermined: the digest is a candidate of which a rule could not be decided.
	Undetermined
	// Refused: the digest is a candidate that fails a rule.
	Refused
	// Forged: the digest stands among the trusted ones without a valid signature.
	Forged
	// Trusted: the image is admissible.
	Trusted
)

// Explanation tells why an image is admissible or not.
type Explanation struct {
	Standing Standing
	// Passport is the name of the TrustedImage that the explanation rests on, if there is one.
	Passport string
	// Trusted is the digest that it trusts now, zero if none.
	Trusted image.Digest
	// Reason and Message are those of the candidate.
	Reason, Message string
}

// Explain tells how the image stands in the namespace. Of several TrustedImages that speak of it the one that tells most counts.
func (x *Index) Explain(namespace string, reference image.Reference) Explanation {
	repository := unique.Make(reference.Repository)
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.environments[namespace]
	if e == nil {
		return Explanation{}
	}
	speakers := e.speakers[repository]
	if len(speakers) == 0 {
		speakers = e.speakers[unique.Make(image.Repository{})]
	}
	var most Explanation
	for _, p := range speakers {
		if told := p.explain(repository, reference.Digest); told.tellsMoreThan(most) {
			most = told
		}
	}
	return most
}

// tellsMoreThan orders explanations; of equal ones the first by name tells more, so that answers are stable.
func (e Explanation) tellsMoreThan(other Explanation) bool {
	return e.Standing > other.Standing || e.Standing == other.Standing && e.Passport < other.Passport
}

// explain tells how a digest of a repository that the passport speaks of stands in it. A passport that has taken no image
// yet may come to speak of any.
func (p *passport) explain(repository unique.Handle[image.Repository], digest image.Digest) Explanation {
	told := Explanation{Standing: OtherDigest, Passport: p.name}
	if p.speaksOfNone() {
		told.Standing = NoImage
		return told
	}
	for _, e := range p.entries {
		if e.verified && e.repository == repository {
			told.Trusted = e.digest
			break
		}
	}
	if e := p.entry(repository, digest); e != nil {
		told.Standing = Forged
		if e.verified {
			told.Standing = Trusted
		}
		return told
	}
	if c := p.candidate; c != nil && c.Digest == digest && c.Repository == repository.Value() {
		told.Standing, told.Reason, told.Message = c.Standing, c.Reason, c.Message
	}
	return told
}
