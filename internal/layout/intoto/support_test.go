// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"sync"
	"testing"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"
	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/signature"
)

var (
	now   = time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)
	about = image.DigestOf([]byte("the image"))
)

// person has a key, as in-toto and as Assay have it.
type person struct {
	private in_toto.Key
	public  in_toto.Key
	key     signature.Key
}

func newPerson(kind string) person {
	var private crypto.Signer
	var err error
	switch kind {
	case "ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "rsa":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		panic(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	var p person
	if err := p.private.LoadKeyReaderDefaults(bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))); err != nil {
		panic(err)
	}
	p.public = p.private
	p.public.KeyVal.Private = ""
	if p.key, err = signature.NewKey(private.Public()); err != nil {
		panic(err)
	}
	return p
}

// people have their keys made once, since RSA takes its time.
var people = sync.OnceValue(func() map[string]person {
	made := map[string]person{}
	for name, kind := range map[string]string{"owner": "", "second": "ed25519", "alice": "", "bob": "ed25519", "carol": "rsa", "stranger": "", "dave": ""} {
		made[name] = newPerson(kind)
	}
	return made
})

// artifacts are names and contents.
type artifacts map[string]string

func (a artifacts) hashes() map[string]in_toto.HashObj {
	hashes := map[string]in_toto.HashObj{}
	for name, content := range a {
		hashes[name] = in_toto.HashObj{"sha256": image.DigestOf([]byte(content)).Hex()}
	}
	return hashes
}

func (a artifacts) resources() []map[string]any {
	var list []map[string]any
	for name, hashes := range a.hashes() {
		list = append(list, map[string]any{"name": name, "digest": hashes})
	}
	return list
}

func toJSON(t testing.TB, v any) []byte {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// attestation is a link attestation as the specification has it today.
func (p person) attestation(t testing.TB, step string, materials, products artifacts) evidence.Signed {
	t.Helper()
	return p.says(toJSON(t, map[string]any{
		"_type": in_toto.StatementInTotoV1, "subject": products.resources(), "predicateType": layout.LinkV03,
		"predicate": map[string]any{"name": step, "command": []string{"make"}, "materials": materials.resources(), "byproducts": map[string]any{}},
	}))
}

// cosigned is a link attestation as `cosign attest --type link` writes it.
func (p person) cosigned(t testing.TB, step string, materials, products artifacts) evidence.Signed {
	t.Helper()
	return p.says(toJSON(t, map[string]any{
		"_type": in_toto.StatementInTotoV01, "predicateType": in_toto.PredicateLinkV1,
		"subject":   []any{map[string]any{"name": "registry.example.com/shop/checkout", "digest": map[string]string{"sha256": about.Hex()}}},
		"predicate": in_toto.Link{Type: "link", Name: step, Materials: materials.hashes(), Products: products.hashes()},
	}))
}

// forerunner is a link attestation as the specification had it first.
func (p person) forerunner(t testing.TB, step string, materials, products artifacts) evidence.Signed {
	t.Helper()
	return p.says(toJSON(t, map[string]any{
		"_type": in_toto.StatementInTotoV01, "subject": products.resources(), "predicateType": layout.LinkV1,
		"predicate": map[string]any{"name": step, "materials": materials.hashes()},
	}))
}

// classic is the payload of an envelope that the in-toto command writes.
func (p person) classic(t testing.TB, step string, materials, products artifacts) evidence.Signed {
	t.Helper()
	payload, err := cjson.EncodeCanonical(in_toto.Link{Type: "link", Name: step, Materials: materials.hashes(), Products: products.hashes()})
	if err != nil {
		t.Fatal(err)
	}
	return p.says(payload)
}

// sublayout is the payload of an envelope with a layout.
func (p person) sublayout(t testing.TB, l in_toto.Layout) evidence.Signed {
	t.Helper()
	return p.says(toJSON(t, l))
}

func (p person) says(payload []byte) evidence.Signed {
	return evidence.Signed{PredicateType: layout.LinkV03, Statement: payload, Signer: evidence.Signer{Key: p.key.Fingerprint}}
}

// envelope signs a layout into a DSSE envelope. in-toto's own writes a line's end in a key as it is, which is no JSON, and cannot read it again.
func envelope(t testing.TB, l in_toto.Layout, by person) []byte {
	t.Helper()
	key := signerverifier.SSLibKey{KeyType: by.private.KeyType, KeyID: by.private.KeyID, Scheme: by.private.Scheme,
		KeyVal: signerverifier.KeyVal{Public: by.private.KeyVal.Public, Private: by.private.KeyVal.Private}}
	var signer dsse.SignerVerifier
	var err error
	switch key.KeyType {
	case signerverifier.RSAKeyType:
		signer, err = signerverifier.NewRSAPSSSignerVerifierFromSSLibKey(&key)
	case signerverifier.ED25519KeyType:
		signer, err = signerverifier.NewED25519SignerVerifierFromSSLibKey(&key)
	default:
		signer, err = signerverifier.NewECDSASignerVerifierFromSSLibKey(&key)
	}
	if err != nil {
		t.Fatal(err)
	}
	envelopes, err := dsse.NewEnvelopeSigner(signer)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := envelopes.SignPayload(t.Context(), in_toto.PayloadType, toJSON(t, l))
	if err != nil {
		t.Fatal(err)
	}
	return toJSON(t, signed)
}

// metablock signs a layout with in-toto's library in its older form.
func metablock(t testing.TB, l in_toto.Layout, by ...person) []byte {
	t.Helper()
	block := in_toto.Metablock{Signed: l}
	for _, p := range by {
		if err := block.Sign(p.private); err != nil {
			t.Fatal(err)
		}
	}
	return toJSON(t, block)
}

func step(name string, threshold int, materials, products [][]string, by ...person) in_toto.Step {
	s := in_toto.Step{Type: "step", Threshold: threshold, ExpectedCommand: []string{}, PubKeys: []string{},
		SupplyChainItem: in_toto.SupplyChainItem{Name: name, ExpectedMaterials: materials, ExpectedProducts: products}}
	for _, p := range by {
		s.PubKeys = append(s.PubKeys, p.public.KeyID)
	}
	return s
}

func newLayout(keys []person, steps ...in_toto.Step) in_toto.Layout {
	l := in_toto.Layout{Type: "layout", Steps: steps, Inspect: []in_toto.Inspection{}, Keys: map[string]in_toto.Key{}, Expires: "2027-01-31T00:00:00Z"}
	for _, p := range keys {
		l.Keys[p.public.KeyID] = p.public
	}
	return l
}
