// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package interoperability_test

import (
	"testing"
	"time"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// attached is everything that Assay attaches to an image, in one form.
type attached struct {
	t      *testing.T
	about  image.Reference
	reader registry.Reader
	writer registry.Writer
	tags   bool
}

// sign attaches signature, SBOM and seal as the controller does; doing it again must write nothing.
func (a attached) sign(c *command) {
	a.t.Helper()
	for predicateType, predicate := range map[string]string{attestation.PredicateSPDX: sbom, evidence.SignaturePredicate: "{}"} {
		if a.tags && predicateType == evidence.SignaturePredicate {
			a.signTagged(c)
			continue
		}
		bundle, err := attestation.Attest(a.t.Context(), attestation.ByKey(c.ours), a.about, predicateType, []byte(predicate))
		if err != nil {
			a.t.Fatal(err)
		}
		a.attach(bundle, predicateType)
	}
	moment := time.Date(2026, 11, 21, 9, 30, 15, 0, time.UTC)
	seal, err := attestation.SignSeal(a.t.Context(), attestation.ByKey(c.ours), attestation.Seal{
		Environment: evidence.Environment{Namespace: "prod", Name: "checkout"}, Image: a.about, PoliciesHash: image.DigestOf([]byte("policies")),
		TrustedAt: moment, VerifiedAt: moment, Version: "test",
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.attach(seal, attestation.PredicateSeal)
}

func (a attached) attach(bundle []byte, predicateType string) {
	a.t.Helper()
	var err error
	if a.tags {
		var tagged registry.Artifact
		if tagged, err = attestation.TaggedArtifact(bundle, predicateType); err == nil {
			_, err = a.writer.Append(a.t.Context(), attestation.StatementTag(a.about.Repository, a.about.Digest), tagged)
		}
	} else {
		var document image.Document
		if document, err = a.reader.Document(a.t.Context(), a.about); err == nil {
			subject := image.Descriptor{MediaType: document.MediaType(), Digest: a.about.Digest, Size: int64(len(document.Raw))}
			_, err = a.writer.Attach(a.t.Context(), a.about.Repository, subject, attestation.Artifact(bundle, predicateType))
		}
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a attached) signTagged(c *command) {
	a.t.Helper()
	sig, err := attestation.SignImage(a.t.Context(), c.ours, a.about)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := attestation.ImageSignature(a.about, sig)
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.writer.Append(a.t.Context(), attestation.SignatureTag(a.about.Repository, a.about.Digest), signed); err != nil {
		a.t.Fatal(err)
	}
}

// count is how much is attached in the form.
func (a attached) count() (count int) {
	a.t.Helper()
	if !a.tags {
		referrers, err := a.reader.Referrers(a.t.Context(), a.about)
		if err != nil {
			a.t.Fatal(err)
		}
		return len(referrers)
	}
	for _, tag := range []image.Tag{attestation.SignatureTag(a.about.Repository, a.about.Digest), attestation.StatementTag(a.about.Repository, a.about.Digest)} {
		list, err := a.reader.Resolve(a.t.Context(), tag)
		if err != nil {
			a.t.Fatal(err)
		}
		count += len(list.Manifest.Layers)
	}
	return count
}

// TestTheCosignCommandVerifiesWhatAssaySigns in both forms, also when others sign and attest beside Assay, before and after it.
func TestTheCosignCommandVerifiesWhatAssaySigns(t *testing.T) {
	c := newCommand(t)
	for kind, host := range bothKinds(t) {
		for form, flags := range map[string][]string{"as bundles": {"--new-bundle-format"}, "under tags": nil} {
			theirs := func(t *testing.T, about image.Reference) {
				t.Helper()
				c.must(t, append([]string{"sign", "--key=theirs.key", "--tlog-upload=false", about.String()}, flags...)...)
				c.must(t, append([]string{"attest", "--key=theirs.key", "--tlog-upload=false", "--type=spdxjson", "--predicate=sbom.json", about.String()}, flags...)...)
			}
			for order, first := range map[string]bool{"then others": true, "after others": false} {
				t.Run(form+", "+kind+", "+order, func(t *testing.T) {
					t.Parallel()
					reader, writer := client(t, host)
					a := attached{t: t, about: pushed(t, host), reader: reader, writer: writer, tags: flags == nil}
					if !first {
						theirs(t, a.about)
					}
					a.sign(c)
					if first {
						theirs(t, a.about)
					}
					a.sign(c)
					if count := a.count(); count != 5 {
						t.Errorf("%d signatures and attestations, want Assay's 3 and 2 of others", count)
					}
					for _, predicateType := range []string{"", "spdxjson", attestation.PredicateSeal} {
						c.verifies(t, true, "ours", predicateType, a.about)
						c.verifies(t, predicateType != attestation.PredicateSeal, "theirs", predicateType, a.about)
					}
				})
			}
		}
	}
}
