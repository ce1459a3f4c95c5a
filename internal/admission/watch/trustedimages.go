// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"log/slog"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/trust"
)

// trustedImage is what is needed of a TrustedImage: strings only.
type trustedImage struct {
	Spec struct {
		Source struct {
			Registry struct {
				Repository string `json:"repository"`
			} `json:"registry"`
		} `json:"source"`
	} `json:"spec"`
	Status struct {
		Trusted   *trustedDigest   `json:"trusted"`
		History   []trustedDigest  `json:"history"`
		Candidate *candidateDigest `json:"candidate"`
		Summary   struct {
			Reason string `json:"reason"`
		} `json:"summary"`
	} `json:"status"`
}

type trustedDigest struct {
	Digest     string `json:"digest"`
	Repository string `json:"repository"`
	Platforms  []struct {
		Digest string `json:"digest"`
	} `json:"platforms"`
	PoliciesHash string `json:"policiesHash"`
	Signature    string `json:"signature"`
}

type candidateDigest struct {
	Digest     string           `json:"digest"`
	Repository string           `json:"repository"`
	Verdict    v1alpha1.Verdict `json:"verdict"`
	Rules      []ruleResult     `json:"rules"`
}

type ruleResult struct {
	Result  v1alpha1.Result `json:"result"`
	Reason  string          `json:"reason"`
	Message string          `json:"message"`
}

// trustedImages feeds the trust index.
type trustedImages struct {
	index *trust.Index
	log   *slog.Logger
}

func (t trustedImages) set(o *object[trustedImage]) {
	if o.DeletionTimestamp != "" {
		t.remove(o)
		return
	}
	t.index.Set(t.passport(o))
}

func (t trustedImages) remove(o *object[trustedImage]) { t.index.Delete(o.Namespace, o.Name) }

func (t trustedImages) replace(all []*object[trustedImage]) {
	passports := make([]trust.Passport, 0, len(all))
	for _, o := range all {
		if o.DeletionTimestamp == "" {
			passports = append(passports, t.passport(o))
		}
	}
	t.index.Replace(passports)
	t.log.Info("the trust index is filled", "trustedImages", t.index.Len())
}

// passport returns what the object says. Whatever is malformed in it is left out, and gives no trust.
func (t trustedImages) passport(o *object[trustedImage]) trust.Passport {
	if o.err != nil {
		t.log.Warn("a TrustedImage cannot be decoded and gives no trust", "object", o.key(), "error", o.err)
	}
	spec, status := o.content.Spec, o.content.Status
	p := trust.Passport{Namespace: o.Namespace, Name: o.Name}
	if repository := spec.Source.Registry.Repository; repository != "" {
		p.Source, _ = image.ParseRepository(repository) // A malformed one speaks of no image.
	}
	if status.Trusted != nil {
		p.Claims = appendClaim(p.Claims, *status.Trusted)
	}
	for _, former := range status.History {
		p.Claims = appendClaim(p.Claims, former)
	}
	if status.Candidate != nil {
		p.Candidate = candidate(*status.Candidate, status.Summary.Reason)
	}
	return p
}

func appendClaim(claims []trust.Claim, d trustedDigest) []trust.Claim {
	reference, err := reference(d.Repository, d.Digest)
	if err != nil {
		return claims
	}
	claim := trust.Claim{Repository: reference.Repository, Digest: reference.Digest, Signature: d.Signature}
	if claim.PoliciesHash, err = digestOrNone(d.PoliciesHash); err != nil {
		return claims
	}
	for _, p := range d.Platforms {
		platform, err := image.ParseDigest(p.Digest)
		if err != nil {
			return claims
		}
		claim.Platforms = append(claim.Platforms, platform)
	}
	return append(claims, claim)
}

// candidate returns what explains the candidate, nil when it is malformed. waiting is why one that passes is not taken.
func candidate(c candidateDigest, waiting string) *trust.Candidate {
	reference, err := reference(c.Repository, c.Digest)
	if err != nil {
		return nil
	}
	told := &trust.Candidate{Repository: reference.Repository, Digest: reference.Digest, Standing: trust.NotJudged}
	switch c.Verdict {
	case v1alpha1.VerdictTrusted:
		told.Standing, told.Reason = trust.Waiting, waiting
	case v1alpha1.VerdictRejected:
		told.Standing = trust.Refused
		told.Reason, told.Message = firstWith(c.Rules, v1alpha1.ResultFail)
	case v1alpha1.VerdictUndetermined:
		if reason, message := firstWith(c.Rules, v1alpha1.ResultUnknown); reason != "" {
			told.Standing, told.Reason, told.Message = trust.Undetermined, reason, message
		}
	}
	return told
}

// firstWith returns the reason and message of the first rule with the result.
func firstWith(rules []ruleResult, result v1alpha1.Result) (reason, message string) {
	for _, r := range rules {
		if r.Result == result {
			return r.Reason, r.Message
		}
	}
	return "", ""
}

func reference(repository, digest string) (image.Reference, error) {
	var r image.Reference
	var err error
	if r.Repository, err = image.ParseRepository(repository); err != nil {
		return r, err
	}
	r.Digest, err = image.ParseDigest(digest)
	return r, err
}

func digestOrNone(s string) (image.Digest, error) {
	if s == "" {
		return image.Digest{}, nil
	}
	return image.ParseDigest(s)
}
