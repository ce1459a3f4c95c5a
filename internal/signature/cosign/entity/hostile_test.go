// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// atMost is how long it may take to refuse what is hostile, the fastest of three times: there may be other work beside.
const atMost = 200 * time.Millisecond

// TestCVE_2026_32280 is about floods of certificates, and of what else takes long to read. Each is refused, soon. SEC-34.
func TestCVE_2026_32280(t *testing.T) {
	w := newWorld(t, always, always, always)
	flood := bytes.Repeat(pemOf(w.middle.certificate), 5000)
	large := bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 10<<20/58)
	message := w.message(signing{statement: "{}", logged: moment})
	chain := message.GetVerificationMaterial().GetX509CertificateChain()
	for range 5000 {
		chain.Certificates = append(chain.Certificates, &protocommon.X509Certificate{RawBytes: w.middle.certificate.Raw})
	}
	crowded := bundleJSON(t, message)
	message = w.message(signing{statement: "{}", stamped: moment})
	stamps := message.GetVerificationMaterial().GetTimestampVerificationData()
	for range 1000 {
		stamps.Rfc3161Timestamps = append(stamps.Rfc3161Timestamps, stamps.GetRfc3161Timestamps()[0])
	}
	stamped := bundleJSON(t, message)
	payload, annotations := w.taggedSignature(signing{statement: "{}", logged: moment})
	tagged := func(name, value string) error {
		_, err := made{t: t, form: formSignature, content: payload, annotations: map[string]string{
			"dev.cosignproject.cosign/signature": annotations["dev.cosignproject.cosign/signature"],
			"dev.sigstore.cosign/certificate":    annotations["dev.sigstore.cosign/certificate"],
			"dev.sigstore.cosign/" + name:        value,
		}}.check(signature.Anchor{Root: w.trustRoot()})
		return err
	}
	anchored := func(anchor signature.Anchor) error {
		_, err := entity.NewChecker(anchor)
		return err
	}
	trusted := w.trustRoot()
	authorities, logs := repeated(t, trusted, "certificateAuthorities", 500), repeated(t, trusted, "tlogs", 1500)
	if len(authorities) > 1<<20 || len(logs) > 1<<20 {
		t.Fatal("so large that their number does not matter")
	}
	maze, lost := newMaze(t)
	for name, try := range map[string]func() error{
		"5,000 intermediates in a bundle": func() error {
			_, err := check(t, signature.Anchor{Chain: pemOf(w.root.certificate)}, crowded)
			return err
		},
		"1,000 timestamps in a bundle":    func() error { _, err := check(t, signature.Anchor{Root: trusted}, stamped); return err },
		"5,000 intermediates under a tag": func() error { return tagged("chain", string(flood)) },
		"10 MiB of PEM under a tag":       func() error { return tagged("chain", string(large)) },
		"10 MiB of certificate":           func() error { return tagged("certificate", string(large)) },
		"a nested certificate":            func() error { return tagged("certificate", string(nestedPEM())) },
		"a nested timestamp":              func() error { return tagged("rfc3161timestamp", nestedStamp(30<<10)) },
		"a large nested timestamp":        func() error { return tagged("rfc3161timestamp", nestedStamp(700<<10)) },
		"5,000 intermediates in a chain":  func() error { return anchored(signature.Anchor{Chain: flood}) },
		"10 MiB of PEM in a chain":        func() error { return anchored(signature.Anchor{Chain: large}) },
		"10 MiB of PEM for timestamps":    func() error { return anchored(signature.Anchor{Key: w.key(), Timestamps: large}) },
		"a nested certificate in a chain": func() error { return anchored(signature.Anchor{Chain: nestedPEM()}) },
		"10 MiB of trust root": func() error {
			return anchored(signature.Anchor{Root: append(bytes.Repeat([]byte(" "), 10<<20), trusted...)})
		},
		"a trust root that is deep": func() error {
			return anchored(signature.Anchor{Root: []byte(`{"tlogs":` + strings.Repeat("[", 500_000))})
		},
		"500 authorities": func() error { return anchored(signature.Anchor{Root: authorities}) },
		"1,500 logs":      func() error { return anchored(signature.Anchor{Root: logs}) },
		"a maze of intermediates, twice": func() error {
			if got, err := check(t, maze, lost); err == nil {
				t.Errorf("verified: %+v", got)
			}
			_, err := check(t, maze, lost)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			took := atMost
			for range 3 {
				start := time.Now()
				if err := try(); err == nil || errors.Is(err, entity.ErrPanicked) {
					t.Errorf("got %v", err)
				}
				took = min(took, time.Since(start))
			}
			t.Logf("it took %s", took)
			if took >= atMost {
				t.Error("which is too long")
			}
		})
	}
}

// newMaze is an anchor of authorities that certify each other in all ways, each from another day on, and a bundle of a signer who is
// certified by one of them, but by way of none of the anchor's roots.
func newMaze(t *testing.T) (anchor signature.Anchor, bundle []byte) {
	t.Helper()
	w := newWorld(t, always, always, always)
	nowhere := issue(t, nil, authorityTemplate("nowhere"), always)
	one := issue(t, &nowhere, authorityTemplate("one"), always)
	two := issue(t, &nowhere, authorityTemplate("two"), always)
	var certificates []*x509.Certificate
	for range 8 {
		certificates = append(certificates, issue(t, nil, authorityTemplate("a root"), always).certificate)
	}
	for day := range 28 {
		valid := window{moment.AddDate(0, 0, day), always.to}
		certificates = append(certificates, reissue(t, &one, two, valid), reissue(t, &two, one, valid))
	}
	w.signer = issue(t, &one, leafTemplate(t), always)
	return signature.Anchor{Chain: pemOf(certificates...)}, w.bundle(signing{statement: "{}"})
}

// repeated is the trust root with so many of what it has one of.
func repeated(t *testing.T, trusted []byte, list string, n int) []byte {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(trusted, &document); err != nil {
		t.Fatal(err)
	}
	elements, found := document[list].([]any)
	if !found || len(elements) != 1 {
		t.Fatalf("%d %s", len(elements), list)
	}
	for range n - 1 {
		elements = append(elements, elements[0])
	}
	document[list] = elements
	return []byte(jsonOf(t, document))
}

// nested is ASN.1 in which a sequence is in a sequence is in a sequence, without end.
func nested(size int) []byte {
	return bytes.Repeat([]byte{0x30, 0x80}, size/2)
}

func nestedPEM() []byte {
	return []byte("-----BEGIN CERTIFICATE-----\n" + base64.StdEncoding.EncodeToString(nested(30<<10)) + "\n-----END CERTIFICATE-----\n")
}

func nestedStamp(size int) string {
	return `{"SignedRFC3161Timestamp":"` + base64.StdEncoding.EncodeToString(nested(size)) + `"}`
}

// TestCVE_2023_33199: where a library panics, in whatever stage, nothing is verified, and it is told apart from what is not signed.
// SEC-35, with CVE-2026-23831 and CVE-2026-44310.
func TestCVE_2023_33199(t *testing.T) {
	w := newWorld(t, always, always, always)
	checker := func(anchor signature.Anchor) *entity.Checker {
		c, err := entity.NewChecker(anchor)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	byKey, byRoot := checker(signature.Anchor{Key: w.key()}), checker(signature.Anchor{Root: w.trustRoot()})
	trusted, err := root.NewTrustedRootFromJSON(w.trustRoot())
	if err != nil {
		t.Fatal(err)
	}
	both := signing{statement: "{}", logged: moment, stamped: moment}
	keyed := both
	keyed.byKey = true
	for stage, c := range map[string]struct {
		checker *entity.Checker
		signing signing
	}{
		"the signature":           {checker(signature.Anchor{Key: &signature.Key{Public: &ecdsa.PublicKey{Curve: hollowCurve{}}}}), keyed},
		"the logs":                {byRoot.With(panicking{trusted, "logs"}), both},
		"the logs, for a key":     {byKey.With(panicking{trusted, "logs"}), keyed},
		"the timestamps":          {byRoot.With(panicking{trusted, "timestamps"}), both},
		"the certificate":         {byRoot.WithoutRoots(), both},
		"the certificate's entry": {byRoot.With(panicking{trusted, "certificate transparency"}), both},
	} {
		for _, form := range forms {
			t.Run(stage+" of "+form, func(t *testing.T) {
				if got, err := c.checker.Check(w.make(form, c.signing).entity()); !errors.Is(err, entity.ErrPanicked) || got != nil {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
	}
	t.Run("reading", func(t *testing.T) {
		if n, err := entity.Guard(func() (int, error) { panic("while reading") }); n != 0 || !errors.Is(err, entity.ErrPanicked) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// hollowCurve panics whatever is asked of it.
type hollowCurve struct{ elliptic.Curve }

// panicking is a trust root that panics when one thing is asked of it.
type panicking struct {
	root.TrustedMaterial
	at string
}

func (p panicking) RekorLogs() map[string]*root.TransparencyLog {
	if p.at == "logs" {
		panic("logs")
	}
	return p.TrustedMaterial.RekorLogs()
}

func (p panicking) CTLogs() map[string]*root.TransparencyLog {
	if p.at == "certificate transparency" {
		panic("logs")
	}
	return p.TrustedMaterial.CTLogs()
}

func (p panicking) TimestampingAuthorities() []root.TimestampingAuthority {
	if p.at == "timestamps" {
		panic("timestamps")
	}
	return p.TrustedMaterial.TimestampingAuthorities()
}
