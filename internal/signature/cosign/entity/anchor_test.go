// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// The witnesses of a signature at the moment of the tests.
var (
	byLog       = evidence.TrustedTime{Time: moment, By: evidence.WitnessLog}
	byTimestamp = evidence.TrustedTime{Time: moment, By: evidence.WitnessTimestamp}
)

// TestWhatAnAnchorAsksFor: the same entities under anchors that ask for more and less.
func TestWhatAnAnchorAsksFor(t *testing.T) {
	w, stranger := newWorld(t, always, always, always), newWorld(t, always, always, always)
	stranger.signer = w.signer // signs the same, and another log and another timestamp authority witness it
	own := pemOf(w.middle.certificate, w.root.certificate)
	stamps := pemOf(w.tsa.certificate, w.tsaRoot.certificate)
	trusted := w.trustRoot()
	bare, logged, stamped := signing{statement: "{}"}, signing{statement: "{}", logged: moment}, signing{statement: "{}", stamped: moment}
	both := signing{statement: "{}", logged: moment, stamped: moment}
	cases := map[string]struct {
		anchor  signature.Anchor
		from    *world
		signing signing
		want    []evidence.TrustedTime
		entries int
		err     string
	}{
		"a key alone":                                    {signature.Anchor{Key: w.key()}, w, bare, nil, 0, ""},
		"a key alone asks no log":                        {signature.Anchor{Key: w.key()}, w, both, nil, 0, ""},
		"a key and a root, nobody vouches":               {signature.Anchor{Key: w.key(), Root: trusted}, w, bare, nil, 0, ""},
		"a key and a root, the log vouches":              {signature.Anchor{Key: w.key(), Root: trusted}, w, logged, []evidence.TrustedTime{byLog}, 1, ""},
		"a key and a root, an unknown log is passed by":  {signature.Anchor{Key: w.key(), Root: trusted}, stranger, both, nil, 0, ""},
		"a key and a root, logged":                       {signature.Anchor{Key: w.key(), Root: trusted, Logged: true}, w, logged, []evidence.TrustedTime{byLog}, 1, ""},
		"a key and a root, not logged":                   {signature.Anchor{Key: w.key(), Root: trusted, Logged: true}, w, stamped, nil, 0, "no transparency log"},
		"a key and a root, logged elsewhere":             {signature.Anchor{Key: w.key(), Root: trusted, Logged: true}, stranger, both, nil, 0, "no transparency log"},
		"a key and a root, timed by a timestamp":         {signature.Anchor{Key: w.key(), Root: trusted, Timed: true}, w, stamped, []evidence.TrustedTime{byTimestamp}, 0, ""},
		"a key and a root, not timed":                    {signature.Anchor{Key: w.key(), Root: trusted, Timed: true}, w, bare, nil, 0, "vouches"},
		"a key and one's own timestamps":                 {signature.Anchor{Key: w.key(), Timestamps: stamps, Timed: true}, w, both, []evidence.TrustedTime{byTimestamp}, 0, ""},
		"a key and one's own timestamps, not timed":      {signature.Anchor{Key: w.key(), Timestamps: stamps, Timed: true}, w, logged, nil, 0, "vouches"},
		"a key and one's own timestamps, another's":      {signature.Anchor{Key: w.key(), Timestamps: stamps, Timed: true}, stranger, both, nil, 0, "vouches"},
		"another key":                                    {signature.Anchor{Key: newWorld(t, always, always, always).key()}, w, both, nil, 0, "not by this key"},
		"a root, the log vouches":                        {signature.Anchor{Root: trusted}, w, logged, []evidence.TrustedTime{byLog}, 1, ""},
		"a root, a timestamp vouches":                    {signature.Anchor{Root: trusted}, w, stamped, []evidence.TrustedTime{byTimestamp}, 0, ""},
		"a root, nobody vouches":                         {signature.Anchor{Root: trusted}, w, bare, nil, 0, "vouches"},
		"a root, a timestamp vouches and nothing logged": {signature.Anchor{Root: trusted, Logged: true}, w, stamped, nil, 0, "no transparency log"},
		"a root, both":                                   {signature.Anchor{Root: trusted, Logged: true}, w, both, []evidence.TrustedTime{byLog, byTimestamp}, 1, ""},
		"a root of others":                               {signature.Anchor{Root: stranger.trustRoot()}, stranger, both, nil, 0, "not issued"},
		"one's own CA":                                   {signature.Anchor{Chain: own}, w, bare, nil, 0, ""},
		"one's own CA asks no log":                       {signature.Anchor{Chain: own}, w, both, nil, 0, ""},
		"one's own CA, timed":                            {signature.Anchor{Chain: own, Timestamps: stamps, Timed: true}, w, stamped, []evidence.TrustedTime{byTimestamp}, 0, ""},
		"one's own CA, not timed":                        {signature.Anchor{Chain: own, Timestamps: stamps, Timed: true}, w, logged, nil, 0, "vouches"},
		"one's own CA, with the log of a root":           {signature.Anchor{Chain: own, Root: stranger.trustRoot(), Logged: true}, stranger, logged, []evidence.TrustedTime{byLog}, 1, ""},
		"another's CA, though the root's issued it":      {signature.Anchor{Chain: pemOf(stranger.root.certificate), Root: trusted}, w, both, nil, 0, "not issued"},
	}
	for name, c := range cases {
		for _, form := range forms {
			t.Run(name+": "+form, func(t *testing.T) {
				c.signing.byKey = c.anchor.Key != nil
				got, err := c.from.make(form, c.signing).check(c.anchor)
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Fatalf("%+v, %v", got, err)
					}
					return
				}
				if err != nil || len(got) != 1 {
					t.Fatalf("%+v, %v", got, err)
				}
				if diff := cmp.Diff(c.want, got[0].Times); diff != "" {
					t.Errorf("times (-want +got):\n%s", diff)
				}
				if len(got[0].Entries) != c.entries || (got[0].Key == "") == c.signing.byKey || (got[0].Certificate == nil) != c.signing.byKey {
					t.Errorf("got %+v", got[0])
				}
			})
		}
	}
}

// TestAKeyAloneIsAskedForNothingElse: what stands beside the signature may be as broken as it likes.
func TestAKeyAloneIsAskedForNothingElse(t *testing.T) {
	w := newWorld(t, always, always, always)
	for _, form := range forms[1:] {
		for _, name := range []string{"certificate", "chain", "bundle", "rfc3161timestamp"} {
			m := w.make(form, signing{statement: "{}", byKey: true})
			m.annotations["dev.sigstore.cosign/certificate"] = string(pemOf(w.signer.certificate))
			m.annotations["dev.sigstore.cosign/"+name] = "broken"
			if _, err := m.check(signature.Anchor{Key: w.key()}); err != nil {
				t.Errorf("%s with a broken %s: %v", form, name, err)
			}
			if _, err := m.check(signature.Anchor{Key: w.key(), Root: w.trustRoot()}); err == nil {
				t.Errorf("%s with a broken %s is good where that is asked for", form, name)
			}
		}
	}
}

// TestEachSignatureOfAnEnvelopeIsTried with a key; beside a certificate there must be one.
func TestEachSignatureOfAnEnvelopeIsTried(t *testing.T) {
	w, other := newWorld(t, always, always, always), newWorld(t, always, always, always)
	for _, byKey := range []bool{true, false} {
		message := w.message(signing{statement: "{}", byKey: byKey, logged: moment})
		others := other.message(signing{statement: "{}", byKey: true}).GetDsseEnvelope().GetSignatures()
		envelope := message.GetDsseEnvelope()
		envelope.Signatures = append(append([]*protodsse.Signature{}, others...), envelope.GetSignatures()...)
		anchors := map[string]signature.Anchor{"the first": {Key: other.key()}, "the second": {Key: w.key()}}
		if byKey {
			anchors["the second, logged"] = signature.Anchor{Key: w.key(), Root: w.trustRoot(), Logged: true}
		}
		for name, anchor := range anchors {
			if _, err := check(t, anchor, bundleJSON(t, message)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got, err := check(t, signature.Anchor{Root: w.trustRoot()}, bundleJSON(t, message)); err == nil {
			t.Errorf("several signatures and one certificate: %+v", got)
		}
	}
}

// TestIntermediateCertificates of a bundle count with an authority of one's own, which may have the root alone.
func TestIntermediateCertificates(t *testing.T) {
	w := newWorld(t, always, always, always)
	root := signature.Anchor{Chain: pemOf(w.root.certificate)}
	for name, version := range map[string]string{"v0.2": "application/vnd.dev.sigstore.bundle+json;version=0.2", "v0.3": "application/vnd.dev.sigstore.bundle.v0.3+json"} {
		message := w.message(signing{statement: "{}", withIntermediate: true, stamped: moment})
		message.MediaType = version
		if _, err := check(t, root, bundleJSON(t, message)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := check(t, signature.Anchor{Root: w.trustRoot()}, bundleJSON(t, message)); (err == nil) != (name == "v0.2") {
			t.Errorf("%s under a trust root: %v", name, err)
		}
		if _, err := check(t, signature.Anchor{Chain: pemOf(w.middle.certificate, w.root.certificate)}, w.bundle(signing{statement: "{}"})); err != nil {
			t.Errorf("the authority has it: %v", err)
		}
	}
	if got, err := check(t, root, w.bundle(signing{statement: "{}"})); err == nil {
		t.Errorf("without it: %+v", got)
	}
	rootOnly := w.authority()
	rootOnly.Intermediates = nil
	if got, err := check(t, signature.Anchor{Root: w.trustRootWith(rootOnly, nil)}, w.bundle(signing{statement: "{}", withIntermediate: true, stamped: moment})); err == nil {
		t.Errorf("a trust root has its own, and no others: %+v", got)
	}
	message := w.message(signing{statement: "{}", withIntermediate: true})
	chain := message.GetVerificationMaterial().GetX509CertificateChain()
	chain.Certificates = append(chain.Certificates, &protocommon.X509Certificate{RawBytes: w.root.certificate.Raw})
	if _, err := entity.FromBundle(bundleJSON(t, message)); err == nil {
		t.Error("a bundle brings its root along")
	}
}

// TestWhatACertificateIsFor: what an authority issued for other ends than signing code signs nothing.
func TestWhatACertificateIsFor(t *testing.T) {
	for purpose, valid := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageCodeSigning: true, x509.ExtKeyUsageServerAuth: false, x509.ExtKeyUsageTimeStamping: false} {
		w := newWorld(t, always, always, always)
		template := leafTemplate(t)
		template.ExtKeyUsage = []x509.ExtKeyUsage{purpose}
		w.signer = issue(t, &w.middle, template, always)
		if got, err := check(t, signature.Anchor{Chain: pemOf(w.middle.certificate, w.root.certificate)}, w.bundle(signing{statement: "{}"})); (err == nil) != valid {
			t.Errorf("purpose %v: %+v, %v", purpose, got, err)
		}
	}
}

// TestWhatACertificateSays is read by Fulcio's present extensions, and by the older ones where those are not there.
func TestWhatACertificateSays(t *testing.T) {
	extension := func(number int, value any) pkix.Extension {
		raw, isRaw := value.([]byte)
		if !isRaw {
			der, err := asn1.MarshalWithParams(value, "utf8")
			if err != nil {
				t.Fatal(err)
			}
			raw = der
		}
		return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, number}, Value: raw}
	}
	older := []pkix.Extension{
		extension(1, []byte("https://issuer.example.com")), extension(2, []byte("push")), extension(3, []byte("abc")), extension(4, []byte("release")),
		extension(5, []byte("shop/checkout")), extension(6, []byte("refs/heads/main")),
	}
	present := []pkix.Extension{
		extension(8, "https://other.example.com"), extension(12, "https://git.example.com/shop/cart"), extension(13, "def"), extension(14, "refs/tags/v1"),
		extension(18, "https://git.example.com/shop/cart/build.yaml"), extension(20, "schedule"),
	}
	otherName, err := cryptoutils.MarshalOtherNameSAN("somebody", true)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		template x509.Certificate
		want     evidence.Certificate
	}{
		"the older extensions": {x509.Certificate{EmailAddresses: []string{"a@example.com"}, ExtraExtensions: older}, evidence.Certificate{
			Subject: "a@example.com", Issuer: "https://issuer.example.com", SourceRepository: "https://github.com/shop/checkout", SourceRef: "refs/heads/main", SourceDigest: "abc",
			WorkflowName: "release", Trigger: "push",
		}},
		"the present extensions": {x509.Certificate{DNSNames: []string{"build.example.com"}, ExtraExtensions: present}, evidence.Certificate{
			Subject: "build.example.com", Issuer: "https://other.example.com", SourceRepository: "https://git.example.com/shop/cart", SourceRef: "refs/tags/v1", SourceDigest: "def",
			Workflow: "https://git.example.com/shop/cart/build.yaml", Trigger: "schedule",
		}},
		"both": {x509.Certificate{ExtraExtensions: append(append([]pkix.Extension{}, older...), present...)}, evidence.Certificate{
			Issuer: "https://other.example.com", SourceRepository: "https://git.example.com/shop/cart", SourceRef: "refs/tags/v1", SourceDigest: "def",
			Workflow: "https://git.example.com/shop/cart/build.yaml", WorkflowName: "release", Trigger: "schedule",
		}},
		"a subject of another kind": {x509.Certificate{ExtraExtensions: []pkix.Extension{*otherName}}, evidence.Certificate{Subject: "somebody"}},
		"none":                      {x509.Certificate{Subject: pkix.Name{CommonName: "no subject alternative name"}}, evidence.Certificate{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, always, always, always)
			w.signer = issue(t, &w.middle, c.template, window{moment, moment.Add(time.Hour)})
			got, err := check(t, signature.Anchor{Chain: pemOf(w.middle.certificate, w.root.certificate)}, w.bundle(signing{statement: "{}"}))
			if err != nil {
				t.Fatal(err)
			}
			c.want.Authority, c.want.NotBefore, c.want.NotAfter = "root", moment, moment.Add(time.Hour)
			if diff := cmp.Diff(&c.want, got[0].Certificate); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCertificateTransparency: under a trust root with such logs, a certificate must stand in one of them. One's own authority has none.
func TestCertificateTransparency(t *testing.T) {
	w := newWorld(t, always, always, always)
	trusted := w.trustRootWith(w.authority(), transparencyLog(t, w))
	bundle := w.bundle(signing{statement: "{}", logged: moment})
	if got, err := check(t, signature.Anchor{Root: trusted}, bundle); err == nil || !strings.Contains(err.Error(), "certificate transparency log") {
		t.Errorf("%+v, %v", got, err)
	}
	for name, anchor := range map[string]signature.Anchor{"one's own authority": {Root: trusted, Chain: pemOf(w.middle.certificate, w.root.certificate), Logged: true}, "a root without": {Root: w.trustRoot()}} {
		if _, err := check(t, anchor, bundle); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNewCheckerTellsWhatIsWrong with an anchor, in words.
func TestNewCheckerTellsWhatIsWrong(t *testing.T) {
	w := newWorld(t, always, always, always)
	own := pemOf(w.root.certificate)
	for name, c := range map[string]struct {
		anchor signature.Anchor
		want   string
	}{
		"nothing":                          {signature.Anchor{}, "want a key, a trust root or a chain"},
		"a key and a chain":                {signature.Anchor{Key: w.key(), Chain: own}, "not both"},
		"no key":                           {signature.Anchor{Key: &signature.Key{}}, "want ECDSA, Ed25519 or RSA"},
		"no trust root":                    {signature.Anchor{Root: []byte("{}")}, "the trust root cannot be used"},
		"a trust root without authorities": {signature.Anchor{Root: []byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`)}, "no certificate authority"},
		"logged without a log":             {signature.Anchor{Chain: own, Logged: true}, "no trust root with a transparency log"},
		"timed without a witness":          {signature.Anchor{Chain: own, Timed: true}, "neither a transparency log nor a timestamp authority"},
		"a chain that is no PEM":           {signature.Anchor{Chain: []byte("x")}, "PEM blocks of type CERTIFICATE"},
		"a chain that is a key":            {signature.Anchor{Chain: w.publicKeyPEM()}, "PEM blocks of type CERTIFICATE"},
		"a chain without a root":           {signature.Anchor{Chain: pemOf(w.middle.certificate)}, "no root certificate"},
		"a chain with the signer's":        {signature.Anchor{Chain: pemOf(w.signer.certificate, w.root.certificate)}, "no certificate authority"},
		"timestamps without a root":        {signature.Anchor{Key: w.key(), Timestamps: pemOf(w.tsa.certificate)}, "end with a root"},
		"an empty chain":                   {signature.Anchor{Chain: []byte("\n")}, "no root certificate"},
	} {
		if _, err := entity.NewChecker(c.anchor); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
