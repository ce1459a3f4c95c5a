// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package interoperability_test

import (
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
)

// demands is a policy that wants a signature and an SBOM by the key.
func demands(key signature.Key) policy.Policy {
	return policy.Policy{
		Name: "release",
		Spec: v1alpha1.PolicySpec{
			Signatures:   []v1alpha1.SignatureRule{{Name: "release", AnyOf: []v1alpha1.RuleName{"ci"}, Threshold: 1}},
			Attestations: []v1alpha1.AttestationRule{{Name: "sbom", PredicateType: attestation.PredicateSPDX, SignedBy: []v1alpha1.RuleName{"ci"}}},
		},
		Authorities: map[v1alpha1.RuleName]evidence.Fact[authority.Authority]{
			"ci": evidence.Checked(authority.OfKey(signature.Anchor{Key: &key}.ID(), key.Fingerprint, v1alpha1.KeySource{})),
		},
	}
}

// judged finds what is signed about an image and judges it by the key.
func judged(t *testing.T, reader registry.Reader, about image.Reference, key signature.Key) policy.Verdict {
	t.Helper()
	found := cosign.Finder{}.Find(t.Context(), reader, signature.Search{
		Reference: about, Anchors: []signature.Anchor{{Key: &key}}, PredicateTypes: []string{attestation.PredicateSPDX},
	})
	return policy.Judge([]policy.Policy{demands(key)}, evidence.Evidence{
		Image: about, Signed: found.Statements,
		Platforms: []evidence.Platform{{Platform: image.Platform{OS: "linux", Architecture: "amd64"}, Manifest: about.Digest}},
	}, policy.Circumstances{Now: time.Now()})
}

// TestAssayAcceptsWhatIsSigned by the command and by Assay itself, in each form, and by the key that a policy names only.
func TestAssayAcceptsWhatIsSigned(t *testing.T) {
	c := newCommand(t)
	for kind, host := range bothKinds(t) {
		reader, writer := client(t, host)
		for form, flags := range map[string][]string{"as bundles": {"--new-bundle-format"}, "under tags": nil} {
			for by, sign := range map[string]func(t *testing.T, about image.Reference){
				"by the command": func(t *testing.T, about image.Reference) {
					t.Helper()
					c.must(t, append([]string{"sign", "--key=ours.key", "--tlog-upload=false", about.String()}, flags...)...)
					c.must(t, append([]string{"attest", "--key=ours.key", "--tlog-upload=false", "--type=spdxjson", "--predicate=sbom.json", about.String()}, flags...)...)
				},
				"by Assay": func(t *testing.T, about image.Reference) {
					t.Helper()
					attached{t: t, about: about, reader: reader, writer: writer, tags: flags == nil}.sign(c)
				},
			} {
				t.Run(by+", "+form+", "+kind, func(t *testing.T) {
					t.Parallel()
					about := pushed(t, host)
					if verdict := judged(t, reader, about, c.ours.Key()); verdict.Outcome != policy.Rejected {
						t.Errorf("before it was signed it is %s: %s", verdict.Outcome, verdict.Message())
					}
					sign(t, about)
					if verdict := judged(t, reader, about, c.ours.Key()); verdict.Outcome != policy.Trusted {
						t.Errorf("by the right key it is %s: %s", verdict.Outcome, verdict.Message())
					}
					if verdict := judged(t, reader, about, c.theirs.Key()); verdict.Outcome != policy.Rejected {
						t.Errorf("by another key it is %s: %s", verdict.Outcome, verdict.Message())
					}
				})
			}
		}
	}
}
