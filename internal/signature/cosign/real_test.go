// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry/layout"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
	"github.com/assay-dev/assay/test/shareddata"
)

// TestRealProvenance: what GitHub Actions attested without keys, logged in the public log, is found under the public trust root and
// under no other anchor.
func TestRealProvenance(t *testing.T) {
	const provenance = "https://slsa.dev/provenance/v0.2"
	root, err := os.ReadFile(shareddata.Require(t, "sigstore-public/trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	k := p256(t)
	public := signature.Anchor{Root: root, Logged: true}
	for version, entry := range map[string]string{"v1.7.0": "intoto 0.0.1", "v2.0.0": "dsse 0.0.1"} {
		t.Run(version, func(t *testing.T) {
			saved, reference := savedImage(t, version)
			search := signature.Search{Reference: reference, Anchors: []signature.Anchor{public, k.anchor()}, PredicateTypes: []string{provenance}}
			found := cosign.Finder{}.Find(t.Context(), saved, search)

			got := found.Statements[public.ID()]
			if len(got.Signed) != 1 || got.Rest != evidence.Checked("") || len(found.Strangers) > 0 {
				t.Fatalf("got %+v, strangers %v", got, found.Strangers)
			}
			one := got.Signed[0]
			const builder = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/"
			certificate := one.Signer.Certificate
			if one.PredicateType != provenance || certificate == nil || certificate.Subject != builder+version ||
				certificate.Issuer != "https://token.actions.githubusercontent.com" || !strings.HasPrefix(certificate.SourceRepository, "https://github.com/slsa-framework/") {
				t.Errorf("got %s by %+v", one.PredicateType, certificate)
			}
			if len(one.Signer.Entries) != 1 || one.Signer.Entries[0].Kind != entry || len(one.Signer.Times) != 1 || one.Signer.Times[0].By != evidence.WitnessLog {
				t.Errorf("logged at %+v, %+v", one.Signer.Entries, one.Signer.Times)
			}
			if got := found.Statements[k.anchor().ID()]; len(got.Signed) > 0 || got.Rest != evidence.Checked("1 attestation by others") {
				t.Errorf("by a key: %+v", got)
			}

			search.Reference.Digest = image.DigestOf([]byte("another image"))
			got = cosign.Finder{}.Find(t.Context(), replayed{saved, reference}, search).Statements[public.ID()]
			if len(got.Signed) > 0 || got.Rest != evidence.Checked("1 unusable signature or attestation: it is about something else") {
				t.Errorf("attached to another image: %+v", got)
			}
		})
	}
}

// replayed shows what is attached to one image under the tags of every other.
type replayed struct {
	*layout.Layout
	from image.Reference
}

func (r replayed) Resolve(ctx context.Context, tag image.Tag) (image.Document, error) {
	_, suffix, _ := strings.Cut(tag.Name, ".")
	return r.Layout.Resolve(ctx, image.Tag{Repository: tag.Repository, Name: "sha256-" + r.from.Digest.Hex() + "." + suffix})
}

// savedImage is an image in an OCI layout as cosign save writes it.
func savedImage(t *testing.T, version string) (*layout.Layout, image.Reference) {
	t.Helper()
	path := shareddata.Require(t, "slsa/"+version+"/container_workflow_dispatch")
	saved, err := layout.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := saved.Close(); err != nil {
			t.Error(err)
		}
	})
	text, err := os.ReadFile(path + ".digest")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := image.ParseReference("registry.example.com/shop/checkout@sha256:" + strings.TrimPrefix(strings.TrimSpace(string(text)), "sha256:"))
	if err != nil {
		t.Fatal(err)
	}
	return saved, reference
}
