// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/fake"
	"github.com/assay-dev/assay/internal/trust"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sbom has everything that a writer could be tempted to tidy up.
const sbom = "{\n  \"spdxVersion\": \"SPDX-2.3\",\n  \"name\": \"<a&b>\",\n  \"packages\": [ {\"n\": 1.0}, {\"n\": 1e2} ]\n}"

func reference(t testing.TB, repository string) image.Reference {
	t.Helper()
	parsed, err := image.ParseReference(repository + "@" + image.DigestOf([]byte("an image")).String())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func attest(t testing.TB, signer signature.Signer, predicateType, predicate string) []byte {
	t.Helper()
	bundle, err := attestation.Attest(t.Context(), attestation.ByKey(signer), reference(t, "registry.example.com/shop/checkout"), predicateType, []byte(predicate))
	if err != nil {
		t.Fatal(err)
	}
	return bundle
}

// payload is the statement in a bundle.
func payload(t testing.TB, bundle []byte) []byte {
	t.Helper()
	var b struct {
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	return b.Envelope.Payload
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(bytes.TrimSuffix(want, []byte("\n"))), string(got)); diff != "" {
		t.Errorf("%s is not what it was; if that is meant, run with -update (-want +got):\n%s", name, diff)
	}
}

func TestAttestWritesTheSameBundleAgain(t *testing.T) {
	signer := fake.NewSigner("seal")
	bundle := attest(t, signer, attestation.PredicateSPDX, sbom)
	golden(t, "spdx.bundle.json", bundle)
	golden(t, "spdx.statement.json", payload(t, bundle))
	if again := attest(t, signer, attestation.PredicateSPDX, sbom); !bytes.Equal(bundle, again) {
		t.Error("the second bundle differs, so a crash between signing and storing would leave two")
	}
}

func TestRenewSignsWhatChanged(t *testing.T) {
	signer, about := fake.NewSigner("seal"), reference(t, "registry.example.com/shop/checkout")
	kept := attest(t, signer, attestation.PredicateVulnerabilities, sbom)
	for name, test := range map[string]struct {
		kept      []byte
		signer    *fake.Signer
		predicate string
		renewed   bool
	}{
		"the same":                  {kept, signer, sbom, false},
		"the same with white space": {kept, signer, sbom + "\n", false},
		"another document":          {kept, signer, `{}`, true},
		"another key":               {kept, fake.NewSigner("new seal"), sbom, true},
		"another type":              {attest(t, signer, attestation.PredicateSPDX, sbom), signer, sbom, true},
		"nothing kept":              {nil, signer, sbom, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, renewed, err := attestation.Renew(t.Context(), attestation.ByKey(test.signer), attestation.Keys{test.signer.Key()}, test.kept, about, attestation.PredicateVulnerabilities, []byte(test.predicate))
			if err != nil {
				t.Fatal(err)
			}
			if renewed != test.renewed || renewed == bytes.Equal(got, test.kept) {
				t.Errorf("renewed: %v, want %v", renewed, test.renewed)
			}
			if _, err := attestation.Open(got, attestation.Keys{test.signer.Key()}, about.Digest, attestation.PredicateVulnerabilities); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenReturnsThePredicateUnchanged(t *testing.T) {
	signer := fake.NewSigner("seal")
	for name, predicateType := range map[string]string{
		"an SPDX document":     attestation.PredicateSPDX,
		"a CycloneDX document": attestation.PredicateCycloneDX,
	} {
		t.Run(name, func(t *testing.T) {
			bundle := attest(t, signer, predicateType, "\n"+sbom+"\n")
			keys := attestation.Keys{fake.NewSigner("the key before").Key(), signer.Key()}
			predicate, err := attestation.Open(bundle, keys, reference(t, "registry.example.com/shop/checkout").Digest, predicateType)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sbom, string(predicate)); diff != "" {
				t.Errorf("the predicate was changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttestRefusesWhatIsNoObject(t *testing.T) {
	for name, predicate := range map[string]string{
		"nothing":                    "",
		"a list":                     `[]`,
		"half a document":            `{"a":`,
		"two documents":              `{}{}`,
		"a way out of the statement": `{},"predicateType":"https://slsa.dev/verification_summary/v1"`,
		"bytes that are not UTF-8":   "{\"a\":\"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := attestation.Attest(t.Context(), attestation.ByKey(fake.NewSigner("seal")), reference(t, "example.com/a"), attestation.PredicateSPDX, []byte(predicate))
			if err == nil {
				t.Error("it was attested")
			}
		})
	}
}

func TestAttestReportsASignerThatFails(t *testing.T) {
	signer := fake.NewSigner("seal")
	signer.Err = errors.New("the key store does not answer")
	_, err := attestation.Attest(t.Context(), attestation.ByKey(signer), reference(t, "example.com/a"), attestation.PredicateSPDX, []byte(sbom))
	if !errors.Is(err, signer.Err) || errors.Is(err, attestation.ErrInvalid) {
		t.Errorf("got %v, want the signer's error and not ErrInvalid", err)
	}
}

// bundleOf signs any statement, as somebody with the seal key but without this package could.
func bundleOf(t testing.TB, signer signature.Signer, payloadType string, payload string) string {
	t.Helper()
	sig, err := signer.Sign(t.Context(), fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"mediaType":%q,"verificationMaterial":{"publicKey":{"hint":""}},"dsseEnvelope":{"payload":%q,"payloadType":%q,"signatures":[{"sig":%q}]}}`,
		attestation.BundleMediaType, base64.StdEncoding.EncodeToString([]byte(payload)), payloadType, base64.StdEncoding.EncodeToString(sig))
}

// TestOpenRefuses has the ways in which a statement or its envelope can be made to say something else: attestations of
// another type (CVE-2022-35929, CVE-2022-35930) and malformed ones that a lenient reader takes (CVE-2026-39395). SEC-22, SEC-23.
func TestOpenRefuses(t *testing.T) {
	const inToto = "application/vnd.in-toto+json"
	signer := fake.NewSigner("seal")
	about := reference(t, "registry.example.com/shop/checkout")
	statement := func(old, with string) string {
		good := string(payload(t, attest(t, signer, attestation.PredicateSPDX, `{"a":1}`)))
		if !strings.Contains(good, old) {
			t.Fatalf("%s has no %s", good, old)
		}
		return bundleOf(t, signer, inToto, strings.Replace(good, old, with, 1))
	}
	bundle := func(old, with string) string {
		good := string(attest(t, signer, attestation.PredicateSPDX, `{"a":1}`))
		if !strings.Contains(good, old) {
			t.Fatalf("%s has no %s", good, old)
		}
		return strings.Replace(good, old, with, 1)
	}
	other := image.DigestOf([]byte("another image")).Hex()
	cases := map[string]struct{ bundle, want string }{
		"nothing":                            {"", "not JSON"},
		"JSON nested too deep":               {strings.Repeat("[", 100_000), "not JSON"},
		"bytes that are not UTF-8":           {bundle("hint\":\"", "hint\":\"\xff"), "not UTF-8"},
		"a signature by another key":         {string(attest(t, fake.NewSigner("another"), attestation.PredicateSPDX, `{"a":1}`)), "not signed by"},
		"a bundle of another version":        {bundle("bundle.v0.3+json", "bundle.v0.4+json"), "v0.4"},
		"no signature":                       {bundle(`"signatures":[{"sig"`, `"signatures":[],"x":[{"sig"`), "unknown"},
		"two signatures":                     {bundle(`"signatures":[`, `"signatures":[{"sig":""},`), "2 signatures"},
		"a field that occurs twice":          {bundle(`{"mediaType"`, `{"mediaType":"x","mediaType"`), "twice"},
		"a field in another case":            {bundle(`"payloadType"`, `"PayloadType"`), "unknown"},
		"a second payload":                   {bundle(`"payloadType"`, `"payload":"e30=","payloadType"`), "twice"},
		"a message signature beside":         {bundle(`"dsseEnvelope"`, `"messageSignature":{},"dsseEnvelope"`), "unknown"},
		"truncated base64":                   {bundle(`"payload":"e`, `"payload":"`), "not JSON"},
		"a payload of another length":        {bundle(`"payload":"eyJ`, `"payload":"e30KeyJ`), "not signed by"},
		"text after the document":            {bundle(`]}}`, `]}} {}`), "not JSON"},
		"an envelope of another type":        {bundleOf(t, signer, "application/json", string(payload(t, attest(t, signer, attestation.PredicateSPDX, `{}`)))), "application/json"},
		"a signed text that is no statement": {bundleOf(t, signer, inToto, `hello`), "not JSON"},
		"another _type":                      {statement("Statement/v1", "Statement/v0.1"), "Statement/v0.1"},
		"another predicate type":             {statement("https://spdx.dev/Document", "https://cyclonedx.org/bom"), "cyclonedx"},
		"a predicate type with a slash":      {statement("https://spdx.dev/Document", "https://spdx.dev/Document/"), "Document/"},
		"a predicate type in another case":   {statement("https://spdx.dev/Document", "https://spdx.dev/document"), "document"},
		"two predicate types":                {statement(`"predicateType"`, `"predicateType":"https://cyclonedx.org/bom","predicateType"`), "twice"},
		"two predicates":                     {statement(`"predicate"`, `"predicate":{},"predicate"`), "twice"},
		"a predicate that is a list":         {statement(`{"a":1}`, `[1]`), "not an object"},
		"no predicate":                       {statement(`,"predicate":{"a":1}`, ``), "not an object"},
		"another digest":                     {statement(about.Digest.Hex(), other), "not about"},
		"a digest in upper case":             {statement(about.Digest.Hex(), strings.ToUpper(about.Digest.Hex())), "not about"},
		"no subject":                         {statement(`"subject":[{`, `"subject":[],"x":[{`), "unknown"},
		"a second subject behind":            {statement(`"}}]`, `"}},{"name":"x","digest":{"sha256":"`+other+`"}}]`), "not about"},
		"a second subject":                   {statement(`"subject":[`, `"subject":[{"name":"x","digest":{"sha256":"`+other+`"}},`), "not about"},
		"a subject by SHA-1 alone":           {statement(`"sha256"`, `"sha1"`), "unknown"},
		"a digest that occurs twice":         {statement(`"sha256"`, `"sha256":"`+other+`","sha256"`), "twice"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			predicate, err := attestation.Open([]byte(c.bundle), attestation.Keys{signer.Key()}, about.Digest, attestation.PredicateSPDX)
			if !errors.Is(err, attestation.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q and %v, want ErrInvalid with %q", predicate, err, c.want)
			}
		})
	}
	t.Run("a bundle larger than any", func(t *testing.T) {
		_, err := attestation.Open(make([]byte, 64<<20+1), attestation.Keys{signer.Key()}, about.Digest, attestation.PredicateSPDX)
		if !errors.Is(err, attestation.ErrInvalid) || !strings.Contains(err.Error(), "larger") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no keys", func(t *testing.T) {
		_, err := attestation.Open(attest(t, signer, attestation.PredicateSPDX, sbom), attestation.Keys(nil), about.Digest, attestation.PredicateSPDX)
		if !errors.Is(err, attestation.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzOpen: whatever is made of a bundle, only the predicate that was signed comes out of it.
func FuzzOpen(f *testing.F) {
	signer := fake.NewSigner("seal")
	about := reference(f, "registry.example.com/shop/checkout")
	f.Add(attest(f, signer, attestation.PredicateSPDX, `{"a":1}`))
	f.Add(attest(f, fake.NewSigner("another"), attestation.PredicateSPDX, `{"a":1}`))
	f.Add([]byte(bundleOf(f, signer, "application/vnd.in-toto+json", `{"_type":"https://in-toto.io/Statement/v1"}`)))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		predicate, err := attestation.Open(bundle, attestation.Keys{signer.Key()}, about.Digest, attestation.PredicateSPDX)
		switch {
		case err == nil && string(predicate) != `{"a":1}` && string(predicate) != sbom:
			t.Errorf("%s was never signed", predicate)
		case err != nil && !errors.Is(err, attestation.ErrInvalid):
			t.Errorf("error of another kind: %v", err)
		}
	})
}

func TestArtifactSaysWhatCosignLooksFor(t *testing.T) {
	artifact := attestation.Artifact([]byte("{}"), attestation.PredicateCycloneDX)
	if artifact.MediaType != "application/vnd.dev.sigstore.bundle.v0.3+json" || string(artifact.Content) != "{}" {
		t.Errorf("got %+v", artifact)
	}
	if diff := cmp.Diff(map[string]string{
		"dev.sigstore.bundle.content":       "dsse-envelope",
		"dev.sigstore.bundle.predicateType": "https://cyclonedx.org/bom",
	}, artifact.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestSignEntryIsWhatAdmissionVerifies(t *testing.T) {
	about := reference(t, "registry.example.com/shop/checkout")
	entry := trust.Entry{
		Namespace: "prod", Name: "checkout",
		Repository: about.Repository, Digest: about.Digest,
		Platforms:    []image.Digest{image.DigestOf([]byte("amd64")), image.DigestOf([]byte("arm64"))},
		PoliciesHash: image.DigestOf([]byte("policies")),
	}
	signer := fake.NewSigner("seal")
	sig, err := attestation.SignEntry(t.Context(), signer, entry)
	if err != nil {
		t.Fatal(err)
	}
	keys := ecdsaKeys(t, signer, fake.NewSigner("the key before"))
	if err := entry.Verify(keys, sig); err != nil {
		t.Errorf("the entry that was signed is refused: %v", err)
	}
	if err := entry.Verify(ecdsaKeys(t, fake.NewSigner("another")), sig); !errors.Is(err, trust.ErrForged) {
		t.Errorf("another key: got %v, want ErrForged", err)
	}
	for name, change := range map[string]func(*trust.Entry){
		"namespace":             func(e *trust.Entry) { e.Namespace = "dev" },
		"name":                  func(e *trust.Entry) { e.Name = "other" },
		"repository":            func(e *trust.Entry) { e.Repository = reference(t, "evil.example.com/a").Repository },
		"digest":                func(e *trust.Entry) { e.Digest = image.DigestOf([]byte("other")) },
		"policies' hash":        func(e *trust.Entry) { e.PoliciesHash = image.DigestOf([]byte("other")) },
		"one platform less":     func(e *trust.Entry) { e.Platforms = e.Platforms[:1] },
		"another platform":      func(e *trust.Entry) { e.Platforms = []image.Digest{e.Platforms[0], e.Digest} },
		"platforms in disorder": func(e *trust.Entry) { e.Platforms = []image.Digest{e.Platforms[1], e.Platforms[0]} },
	} {
		t.Run(name, func(t *testing.T) {
			changed := entry
			change(&changed)
			if err := changed.Verify(keys, sig); !errors.Is(err, trust.ErrForged) {
				t.Errorf("got %v, want ErrForged", err)
			}
		})
	}
}
