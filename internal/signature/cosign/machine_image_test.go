// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/predicate"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
	"github.com/assay-dev/assay/test/shareddata"
)

// summary is the real verification summary (VSA) of a machine image: an envelope as it was published, and the same in a bundle.
type summary struct {
	key              signature.Key
	envelope, bundle []byte
	statement        predicate.Statement
}

func realSummary(t *testing.T) summary {
	t.Helper()
	folder := shareddata.Require(t, "vsa")
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.TrimSpace(content)
	}
	key, err := signature.ParseKey(read("vsa_signing_public_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	s := summary{key: key, envelope: read("gke-gce-pre.bcid-vsa.jsonl")}
	s.bundle = encode(t, map[string]any{
		"mediaType": bundleV03, "dsseEnvelope": json.RawMessage(s.envelope),
		"verificationMaterial": map[string]any{"publicKey": map[string]string{"hint": key.Fingerprint}},
	})
	signed, err := entity.FromTaggedAttestation(s.envelope, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.statement, err = predicate.Parse(signed.Payload()); err != nil {
		t.Fatal(err)
	}
	return s
}

// attestTag attaches an envelope under the tag of attestations, with cosign's library.
func attestTag(t *testing.T, digest name.Digest, envelope []byte) {
	t.Helper()
	attested, err := static.NewAttestation(envelope, static.WithLayerMediaType(dsseEnvelope), static.WithAnnotations(map[string]string{"predicateType": seal}))
	if err != nil {
		t.Fatal(err)
	}
	attached, err := mutate.AttachAttestationToEntity(ociremote.SignedUnknown(digest), attested)
	if err != nil {
		t.Fatal(err)
	}
	if err := ociremote.WriteAttestations(digest.Repository, attached); err != nil {
		t.Fatal(err)
	}
}

// attestBundle attaches a bundle as a referrer, with cosign's library.
func attestBundle(t *testing.T, digest name.Digest, bundle []byte) {
	t.Helper()
	if err := ociremote.WriteAttestationNewBundleFormat(digest, bundle, seal); err != nil {
		t.Fatal(err)
	}
}

// verdictOn is how the image does under a policy that demands a summary such as the real one, by the key.
func (s summary) verdictOn(t *testing.T, about image.Reference, found signature.Found, key signature.Key) policy.Verdict {
	t.Helper()
	says, err := predicate.ParseSummary(s.statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Judge([]policy.Policy{{
		Name: "summaries",
		Spec: v1alpha1.PolicySpec{Attestations: []v1alpha1.AttestationRule{{
			Name: "summary", PredicateType: seal, SignedBy: []v1alpha1.RuleName{"verifier"},
			VSA: &v1alpha1.SummaryRules{Verifiers: []v1alpha1.AttestedPattern{v1alpha1.AttestedPattern(says.Verifier)}, MinLevel: int32(says.BuildLevel())},
		}}},
		Authorities: map[v1alpha1.RuleName]evidence.Fact[authority.Authority]{
			"verifier": evidence.Checked(authority.OfKey(signature.Anchor{Key: &key}.ID(), key.Fingerprint, v1alpha1.KeySource{})),
		},
	}}, evidence.Evidence{
		Image: about, Signed: found.Statements,
		Platforms: []evidence.Platform{{Platform: image.Platform{OS: "linux", Architecture: "amd64"}, Manifest: about.Digest}},
	}, policy.Circumstances{Now: time.Now()})
}

// TestTheRealSummaryOfAMachineImageVerifies in each form, by its key and no other: what follows is not about its signature.
func TestTheRealSummaryOfAMachineImageVerifies(t *testing.T) {
	s := realSummary(t)
	tagged, err := entity.FromTaggedAttestation(s.envelope, map[string]string{"predicateType": seal, "dev.cosignproject.cosign/signature": ""})
	if err != nil {
		t.Fatal(err)
	}
	bundled, err := entity.FromBundle(s.bundle)
	if err != nil {
		t.Fatal(err)
	}
	stranger := p256(t)
	for form, signed := range map[string]entity.Entity{"under the tag": tagged, "as a bundle": bundled} {
		for key, want := range map[*signature.Key]bool{&s.key: true, &stranger.key: false} {
			checker, err := entity.NewChecker(signature.Anchor{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			signers, err := checker.Check(signed)
			if is := err == nil && len(signers) == 1 && signers[0].Key == key.Fingerprint; is != want {
				t.Errorf("%s: signed by %+v, %v, want it to be by the key: %t", form, signers, err, want)
			}
		}
	}
}

// TestTheRealSummaryOfAMachineImageIsRefusedForAnyImage that it is attached to, in whatever form and registry: it is about something else,
// and for the policy it is not there. The same summary about the image, by a key of the test's, is what the policy wants.
func TestTheRealSummaryOfAMachineImageIsRefusedForAnyImage(t *testing.T) {
	s, ours := realSummary(t), p256(t)
	for kind, r := range bothKinds(t) {
		for form, attach := range map[string]func(*testing.T, name.Digest){
			"under the tag": func(t *testing.T, digest name.Digest) { t.Helper(); attestTag(t, digest, s.envelope) },
			"as a bundle":   func(t *testing.T, digest name.Digest) { t.Helper(); attestBundle(t, digest, s.bundle) },
		} {
			t.Run(form+", "+kind, func(t *testing.T) {
				digest := pushed(t, r.Host())
				reference, anchor := referenceOf(t, digest), signature.Anchor{Key: &s.key}
				search := signature.Search{Anchors: []signature.Anchor{anchor, ours.anchor()}, PredicateTypes: []string{seal}}

				attach(t, digest)
				found := find(t, digest, search)
				if got := found.Statements[anchor.ID()]; len(got.Signed) > 0 || got.Rest != evidence.Checked("1 unusable signature or attestation: it is about something else") {
					t.Errorf("found %+v", got)
				}
				got := s.verdictOn(t, reference, found, s.key)
				if got.Outcome != policy.Rejected || got.Reason() != v1alpha1.ReasonAttestationMissing || !strings.Contains(got.Message(), "it is about something else") {
					t.Errorf("%s, %s: %s", got.Outcome, got.Reason(), got.Message())
				}

				attestBundle(t, digest, ours.bundle(strings.Replace(about(seal, reference.Digest), `{"a":1}`, string(s.statement.Predicate), 1)))
				if got := s.verdictOn(t, reference, find(t, digest, search), ours.key); got.Outcome != policy.Trusted {
					t.Errorf("about the image: %s, %s: %s", got.Outcome, got.Reason(), got.Message())
				}
			})
		}
	}
}
