// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keyless_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
	"github.com/assay-dev/assay/internal/signature/keyless"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/sigstore"
)

const (
	namespace = "test-keyless"
	account   = "assay"
	statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"aa"}}],"predicateType":"https://example.com/p","predicate":{}}`
)

// world has real services and a token of a service account.
type world struct {
	cluster *controlplane.ControlPlane
	options keyless.Options
	clock   *clocktesting.FakePassiveClock
}

func newWorld(t *testing.T) world {
	t.Helper()
	cluster := controlplane.ForTest(t)
	services := sigstore.ForTest(t, cluster, "../../../bin")
	w := world{cluster: cluster, clock: clocktesting.NewFakePassiveClock(time.Now())}
	w.options = keyless.Options{
		SigningConfig: read(t, services.SigningConfig), TrustedRoot: read(t, services.TrustedRoot),
		TokenFile: sigstore.TokenFile(t, cluster, namespace, account),
		Subject:   sigstore.Subject(namespace, account), Issuer: cluster.Issuer(), Clock: w.clock,
	}
	return w
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func open(t *testing.T, options keyless.Options) *keyless.Signer {
	t.Helper()
	signer, err := keyless.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// certificateOf is the certificate in a bundle.
func certificateOf(t *testing.T, bundle []byte) string {
	t.Helper()
	var b struct {
		VerificationMaterial struct {
			Certificate struct{ RawBytes string }
		}
	}
	if err := json.Unmarshal(bundle, &b); err != nil || b.VerificationMaterial.Certificate.RawBytes == "" {
		t.Fatalf("no certificate in %s: %v", bundle, err)
	}
	return b.VerificationMaterial.Certificate.RawBytes
}

// signersOf are those that Assay's own verification finds.
func signersOf(t *testing.T, anchor signature.Anchor, bundle []byte) []evidence.Signer {
	t.Helper()
	checker, err := entity.NewChecker(anchor)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := entity.FromBundle(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if string(signed.Payload()) != statement {
		t.Errorf("the bundle holds %s", signed.Payload())
	}
	signers, err := checker.Check(signed)
	if err != nil {
		t.Fatal(err)
	}
	return signers
}

func TestAServiceAccountSignsWithCertificatesOfItsOwn(t *testing.T) {
	w := newWorld(t)
	signer := open(t, w.options)
	var bundles [][]byte
	sign := func() []byte {
		t.Helper()
		bundle, err := signer.Bundle(t.Context(), []byte(statement))
		if err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, bundle)
		return bundle
	}

	first, second := sign(), sign()
	if certificateOf(t, first) != certificateOf(t, second) {
		t.Error("two statements in a row have two certificates")
	}
	w.clock.SetTime(time.Now().Add(9 * time.Minute))
	if certificateOf(t, sign()) == certificateOf(t, first) {
		t.Error("a certificate that is about to expire was used")
	}
	for _, bundle := range bundles {
		signers := signersOf(t, signer.Anchor(), bundle)
		if len(signers) != 1 || !signer.Own(signers[0]) {
			t.Errorf("signers %+v are not Assay's own", signers)
		}
		if len(signers[0].Entries) != 1 || len(signers[0].Times) == 0 {
			t.Errorf("the signature is not logged, or at no time: %+v", signers[0])
		}
	}

	options := w.options
	options.TokenFile, options.Subject = sigstore.TokenFile(t, w.cluster, namespace, "somebody"), sigstore.Subject(namespace, "somebody")
	another, err := open(t, options).Bundle(t.Context(), []byte(statement))
	if err != nil {
		t.Fatal(err)
	}
	if signers := signersOf(t, signer.Anchor(), another); signer.Own(signers[0]) {
		t.Error("what another account signed is Assay's own")
	}

	// The token is read again for the next certificate only.
	w.clock.SetTime(time.Now())
	if err := os.WriteFile(w.options.TokenFile, []byte("canary.canary.canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	sign()
	w.clock.SetTime(time.Now().Add(30 * time.Minute))
	if _, err := signer.Bundle(t.Context(), []byte(statement)); !errors.Is(err, keyless.ErrRefused) || strings.Contains(err.Error(), "canary") {
		t.Errorf("with a token that is none: %v", err)
	}
}

func TestNothingIsSignedAsSomebodyElse(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		change    func(*keyless.Options)
		complaint string
	}{
		"another subject than is certified": {func(o *keyless.Options) { o.Subject += "2" }, "the certificate is for"},
		"another issuer than is certified":  {func(o *keyless.Options) { o.Issuer += "2" }, "the certificate is for"},
		"another trust root":                {func(o *keyless.Options) { o.TrustedRoot = []byte(noRoot) }, ""},
		"no token":                          {func(o *keyless.Options) { o.TokenFile += "2" }, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			options := w.options
			test.change(&options)
			_, err := open(t, options).Bundle(t.Context(), []byte(statement))
			if !errors.Is(err, keyless.ErrRefused) || !strings.Contains(err.Error(), test.complaint) {
				t.Errorf("Bundle: %v, want one that says %q", err, test.complaint)
			}
		})
	}
}
