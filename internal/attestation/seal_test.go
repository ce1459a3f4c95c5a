// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation_test

import (
	"crypto/ecdsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/fake"
)

func ecdsaKeys(t *testing.T, signers ...*fake.Signer) []*ecdsa.PublicKey {
	t.Helper()
	var keys []*ecdsa.PublicKey
	for _, s := range signers {
		keys = append(keys, s.Key().Public.(*ecdsa.PublicKey))
	}
	return keys
}

var production = evidence.Environment{Namespace: "prod", Name: "checkout"}

func sealOf(t testing.TB) attestation.Seal {
	t.Helper()
	return attestation.Seal{
		Environment: production,
		Image:       reference(t, "registry.example.com:5000/shop/checkout"),
		Platforms: []attestation.SealedPlatform{
			{Platform: image.Platform{OS: "linux", Architecture: "amd64"}, Manifest: image.DigestOf([]byte("amd64"))},
			{Platform: image.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}, Manifest: image.DigestOf([]byte("arm64"))},
		},
		PoliciesHash: image.DigestOf([]byte("policies")),
		TrustedAt:    time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		VerifiedAt:   time.Date(2026, 11, 21, 9, 30, 15, 0, time.UTC),
		Version:      "v0.1.0",
		Inputs: []attestation.Input{
			{URI: "https://evidence.example.com/attestations?image=checkout&kind=spdx", Digest: image.DigestOf([]byte("signature"))},
			{Digest: image.DigestOf([]byte("inventory"))},
		},
	}
}

func signSeal(t testing.TB, signer signature.Signer, seal attestation.Seal) []byte {
	t.Helper()
	bundle, err := attestation.SignSeal(t.Context(), attestation.ByKey(signer), seal)
	if err != nil {
		t.Fatal(err)
	}
	return bundle
}

func TestASealIsAVerificationSummary(t *testing.T) {
	golden(t, "seal.statement.json", payload(t, signSeal(t, fake.NewSigner("seal"), sealOf(t))))
}

func TestASealComesBackAsItWas(t *testing.T) {
	cases := map[string]attestation.Seal{
		"of an index with platforms and inputs": sealOf(t),
		"of an image that is no index": func() attestation.Seal {
			seal := sealOf(t)
			seal.Platforms, seal.Inputs = nil, nil
			return seal
		}(),
	}
	for name, seal := range cases {
		t.Run(name, func(t *testing.T) {
			signer := fake.NewSigner("seal")
			bundle := signSeal(t, signer, seal)
			got, err := attestation.OpenSeal(bundle, attestation.Keys{fake.NewSigner("the key before").Key(), signer.Key()}, seal.Environment, seal.Image)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(seal, got, cmp.Comparer(func(a, b image.Digest) bool { return a == b }),
				cmp.Comparer(func(a, b image.Repository) bool { return a == b })); diff != "" {
				t.Errorf("the seal changed on its way (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignSealRefusesAnIncompleteSeal(t *testing.T) {
	for name, change := range map[string]func(*attestation.Seal){
		"no namespace":       func(s *attestation.Seal) { s.Environment.Namespace = "" },
		"no name":            func(s *attestation.Seal) { s.Environment.Name = "" },
		"no repository":      func(s *attestation.Seal) { s.Image.Repository = image.Repository{} },
		"no digest":          func(s *attestation.Seal) { s.Image.Digest = image.Digest{} },
		"no policies' hash":  func(s *attestation.Seal) { s.PoliciesHash = image.Digest{} },
		"no time of trust":   func(s *attestation.Seal) { s.TrustedAt = time.Time{} },
		"no time of a look":  func(s *attestation.Seal) { s.VerifiedAt = time.Time{} },
		"too many platforms": func(s *attestation.Seal) { s.Platforms = make([]attestation.SealedPlatform, 65) },
	} {
		t.Run(name, func(t *testing.T) {
			seal := sealOf(t)
			change(&seal)
			if _, err := attestation.SignSeal(t.Context(), attestation.ByKey(fake.NewSigner("seal")), seal); err == nil {
				t.Error("it was sealed")
			}
		})
	}
}

// TestOpenSealRefusesASealForSomethingElse: a seal that Assay really made is shown where another belongs.
func TestOpenSealRefusesASealForSomethingElse(t *testing.T) {
	signer := fake.NewSigner("seal")
	cases := map[string]struct {
		change func(*attestation.Seal)
		want   string
	}{
		"another namespace":  {func(s *attestation.Seal) { s.Environment.Namespace = "dev" }, "environment"},
		"another name":       {func(s *attestation.Seal) { s.Environment.Name = "other" }, "environment"},
		"a longer name":      {func(s *attestation.Seal) { s.Environment.Name = "checkout/x" }, "environment"},
		"another registry":   {func(s *attestation.Seal) { s.Image = reference(t, "evil.example.com/shop/checkout") }, "it is for"},
		"another repository": {func(s *attestation.Seal) { s.Image = reference(t, "registry.example.com:5000/shop/cart") }, "it is for"},
		"another digest":     {func(s *attestation.Seal) { s.Image.Digest = image.DigestOf([]byte("other")) }, "not about"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			made, wanted := sealOf(t), sealOf(t)
			c.change(&made)
			_, err := attestation.OpenSeal(signSeal(t, signer, made), attestation.Keys{signer.Key()}, wanted.Environment, wanted.Image)
			if !errors.Is(err, attestation.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrInvalid with %q", err, c.want)
			}
		})
	}
	t.Run("another key", func(t *testing.T) {
		seal := sealOf(t)
		_, err := attestation.OpenSeal(signSeal(t, fake.NewSigner("another"), seal), attestation.Keys{signer.Key()}, seal.Environment, seal.Image)
		if !errors.Is(err, attestation.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	})
	t.Run("an SBOM instead of a seal", func(t *testing.T) {
		seal := sealOf(t)
		_, err := attestation.OpenSeal(attest(t, signer, attestation.PredicateSPDX, sbom), attestation.Keys{signer.Key()}, seal.Environment, seal.Image)
		if !errors.Is(err, attestation.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	})
}

// TestOpenSealRefusesAChangedSummary changes one field at a time, first within the signed bundle, where the signature stops it, and
// then signed anew with the seal key, where what it says must stop it.
func TestOpenSealRefusesAChangedSummary(t *testing.T) {
	signer := fake.NewSigner("seal")
	seal := sealOf(t)
	good := string(payload(t, signSeal(t, signer, seal)))
	const signedOnly = "" // a value that only the signature protects
	cases := map[string]struct{ old, with, want string }{
		"verifier":             {attestation.VerifierID, "https://example.com/verifier", "made by"},
		"version":              {`"assay":"v0.1.0"`, `"assay":"v9"`, signedOnly},
		"time verified":        {`2026-11-21T09:30:15Z`, `2027-11-21T09:30:15Z`, signedOnly},
		"a time that is none":  {`2026-11-21T09:30:15Z`, `yesterday`, "expected form"},
		"no time verified":     {`"timeVerified":"2026-11-21T09:30:15Z",`, ``, "when"},
		"resource":             {`oci://registry.example.com:5000/shop/checkout@`, `oci://registry.example.com:5000/shop/cart@`, "it is for"},
		"policy":               {`/environments/prod/checkout`, `/environments/prod/cart`, "environment"},
		"policies' hash":       {seal.PoliciesHash.Hex(), image.DigestOf([]byte("lax")).Hex(), signedOnly},
		"no policies' hash":    {`,"digest":{"sha256":"` + seal.PoliciesHash.Hex() + `"}`, ``, "which rules"},
		"a hash that is none":  {seal.PoliciesHash.Hex(), "00", "expected form"},
		"an input":             {seal.Inputs[1].Digest.Hex(), image.DigestOf([]byte("other")).Hex(), signedOnly},
		"result":               {`"PASSED"`, `"FAILED"`, "FAILED"},
		"no result":            {`"verificationResult":"PASSED",`, ``, "result"},
		"a second result":      {`"verificationResult"`, `"verificationResult":"FAILED","verificationResult"`, "twice"},
		"levels":               {`SLSA_BUILD_LEVEL_UNEVALUATED`, `SLSA_BUILD_LEVEL_3`, signedOnly},
		"time of trust":        {`2026-11-20T08:00:00Z`, `2020-11-20T08:00:00Z`, signedOnly},
		"no time of trust":     {`"trustedAt":"2026-11-20T08:00:00Z",`, ``, "when"},
		"a platform":           {seal.Platforms[0].Manifest.Hex(), image.DigestOf([]byte("evil")).Hex(), signedOnly},
		"a field from nowhere": {`"slsaVersion"`, `"extra":1,"slsaVersion"`, signedOnly},
		"too many platforms":   {`"platforms":[`, `"platforms":[` + strings.Repeat(`{},`, 64), "platforms"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if strings.Count(good, c.old) != 1 && c.old != seal.Platforms[0].Manifest.Hex() {
				t.Fatalf("%q stands %d times in %s", c.old, strings.Count(good, c.old), good)
			}
			changed := strings.Replace(good, c.old, c.with, 1)
			tampered := signedWith(t, signer, good, changed)
			if _, err := attestation.OpenSeal(tampered, attestation.Keys{signer.Key()}, seal.Environment, seal.Image); !errors.Is(err, attestation.ErrInvalid) {
				t.Errorf("changed in the bundle: got %v, want ErrInvalid", err)
			}
			if c.want == signedOnly {
				return
			}
			resigned := []byte(bundleOf(t, signer, "application/vnd.in-toto+json", changed))
			_, err := attestation.OpenSeal(resigned, attestation.Keys{signer.Key()}, seal.Environment, seal.Image)
			if !errors.Is(err, attestation.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("signed anew: got %v, want ErrInvalid with %q", err, c.want)
			}
		})
	}
}

// signedWith is a bundle that shows one statement with the signature over another.
func signedWith(t *testing.T, signer signature.Signer, signed, shown string) []byte {
	t.Helper()
	const inToto = "application/vnd.in-toto+json"
	_, sig, _ := strings.Cut(bundleOf(t, signer, inToto, signed), `"signatures"`)
	head, _, _ := strings.Cut(bundleOf(t, signer, inToto, shown), `"signatures"`)
	return []byte(head + `"signatures"` + sig)
}
