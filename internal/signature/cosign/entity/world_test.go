// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/assay-dev/assay/internal/signature"
)

// world has a log, a timestamp authority, and a certificate authority with an intermediate one.
type world struct {
	t                    testing.TB
	log                  *ca.VirtualSigstore
	tsaRoot, tsa         holder
	root, middle, signer holder
	// sparse timestamps come without the certificate of who made them.
	sparse bool
}

// newWorld makes a world whose signer's chain has the windows.
func newWorld(t testing.TB, rootValid, middleValid, leafValid window) *world {
	t.Helper()
	log, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: log}
	w.tsaRoot = issue(t, nil, authorityTemplate("timestamp root"), always)
	w.tsa = issue(t, &w.tsaRoot, x509.Certificate{
		Subject: pkix.Name{CommonName: "timestamp authority"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: timestamping(t)}},
	}, always)
	w.root = issue(t, nil, authorityTemplate("root"), rootValid)
	w.middle = issue(t, &w.root, authorityTemplate("intermediate"), middleValid)
	w.signer = issue(t, &w.middle, leafTemplate(t), leafValid)
	return w
}

func (w *world) publicKeyPEM() []byte {
	w.t.Helper()
	pkix, err := x509.MarshalPKIXPublicKey(&w.signer.key.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})
}

func (w *world) key() *signature.Key {
	w.t.Helper()
	key, err := signature.NewKey(&w.signer.key.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	return &key
}

// trustRoot is the trusted_root.json with the log, the timestamp authority and the certificate authority.
func (w *world) trustRoot() []byte {
	w.t.Helper()
	return w.trustRootWith(w.authority(), nil)
}

// authority is the certificate authority as a trust root has it.
func (w *world) authority() *root.FulcioCertificateAuthority {
	return &root.FulcioCertificateAuthority{
		Root: w.root.certificate, Intermediates: []*x509.Certificate{w.middle.certificate}, ValidityPeriodStart: always.from, URI: "https://fulcio.example.com",
	}
}

// trustRootWith is the same with another authority, and with certificate transparency logs.
func (w *world) trustRootWith(authority *root.FulcioCertificateAuthority, transparency map[string]*root.TransparencyLog) []byte {
	w.t.Helper()
	id, err := w.log.RekorLogID()
	if err != nil {
		w.t.Fatal(err)
	}
	log := *w.log.RekorLogs()[id]
	log.ValidityPeriodStart, log.ValidityPeriodEnd = always.from, always.to
	if log.ID, err = hex.DecodeString(id); err != nil {
		w.t.Fatal(err)
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{authority}, transparency,
		[]root.TimestampingAuthority{&root.SigstoreTimestampingAuthority{
			Root: w.tsaRoot.certificate, Leaf: w.tsa.certificate, ValidityPeriodStart: always.from, URI: "https://tsa.example.com",
		}},
		map[string]*root.TransparencyLog{id: &log})
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := trusted.MarshalJSON()
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// transparencyLog is a log of certificates.
func transparencyLog(t testing.TB, w *world) map[string]*root.TransparencyLog {
	t.Helper()
	logs := w.log.CTLogs()
	for id, log := range logs {
		raw, err := hex.DecodeString(id)
		if err != nil {
			t.Fatal(err)
		}
		log.ID, log.BaseURL, log.SignatureHashFunc = raw, "https://ct.example.com", crypto.SHA256
	}
	return logs
}

// signing is something that the world's signer signs, and when somebody vouches for it; never for the zero time.
type signing struct {
	statement        string
	byKey            bool
	logged, stamped  time.Time
	withIntermediate bool
}

func (w *world) sign(message []byte) []byte {
	w.t.Helper()
	sum := sha256.Sum256(message)
	sig, err := ecdsa.SignASN1(rand.Reader, w.signer.key, sum[:])
	if err != nil {
		w.t.Fatal(err)
	}
	return sig
}

// stamp is an RFC 3161 timestamp over the data.
func (w *world) stamp(data []byte, moment time.Time) []byte {
	w.t.Helper()
	sum := sha256.Sum256(data)
	template := timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: moment, Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: !w.sparse}
	response, err := template.CreateResponseWithOpts(w.tsa.certificate, w.tsa.key, crypto.SHA256)
	if err != nil {
		w.t.Fatal(err)
	}
	return response
}

// entry logs a signature, as the kind of entry, with the log's promise.
func (w *world) entry(s signing, kind, version string, artifact, sig []byte) *protorekor.TransparencyLogEntry {
	w.t.Helper()
	verifier := w.publicKeyPEM()
	if !s.byKey {
		verifier = pemOf(w.signer.certificate)
	}
	properties := types.ArtifactProperties{PublicKeyBytes: [][]byte{verifier}, PKIFormat: "x509", SignatureBytes: sig, ArtifactBytes: artifact}
	if kind == "hashedrekord" {
		sum := sha256.Sum256(artifact)
		properties.ArtifactBytes, properties.ArtifactHash = nil, hex.EncodeToString(sum[:])
	}
	proposed, err := types.NewProposedEntry(w.t.Context(), kind, version, properties)
	if err != nil {
		w.t.Fatal(err)
	}
	made, err := types.CreateVersionedEntry(proposed)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := types.CanonicalizeEntry(w.t.Context(), made)
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := w.log.RekorLogID()
	if err != nil {
		w.t.Fatal(err)
	}
	promise, err := w.log.RekorSignPayload(tlog.RekorPayload{Body: base64.StdEncoding.EncodeToString(body), IntegratedTime: s.logged.Unix(), LogIndex: 7, LogID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	rawID, err := hex.DecodeString(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return &protorekor.TransparencyLogEntry{
		LogIndex: 7, LogId: &protocommon.LogId{KeyId: rawID}, KindVersion: &protorekor.KindVersion{Kind: kind, Version: version},
		IntegratedTime: s.logged.Unix(), InclusionPromise: &protorekor.InclusionPromise{SignedEntryTimestamp: promise}, CanonicalizedBody: body,
	}
}

const payloadType = "application/vnd.in-toto+json"

func (w *world) envelope(s signing) (text, sig []byte) {
	w.t.Helper()
	sig = w.sign(dsse.PAE(payloadType, []byte(s.statement)))
	text, err := json.Marshal(dsse.Envelope{
		PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString([]byte(s.statement)),
		Signatures: []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(sig)}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return text, sig
}

// message is the statement as a bundle v0.1, for tests to change; bundle is its JSON.
func (w *world) message(s signing) *protobundle.Bundle {
	w.t.Helper()
	envelope, sig := w.envelope(s)
	material := &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: "any"}}}
	if !s.byKey {
		chain := []*protocommon.X509Certificate{{RawBytes: w.signer.certificate.Raw}}
		if s.withIntermediate {
			chain = append(chain, &protocommon.X509Certificate{RawBytes: w.middle.certificate.Raw})
		}
		material.Content = &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: &protocommon.X509CertificateChain{Certificates: chain}}
	}
	if !s.logged.IsZero() {
		material.TlogEntries = append(material.TlogEntries, w.entry(s, "dsse", "0.0.1", envelope, sig))
	}
	if !s.stamped.IsZero() {
		material.TimestampVerificationData = &protobundle.TimestampVerificationData{Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: w.stamp(sig, s.stamped)}}}
	}
	return &protobundle.Bundle{
		MediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1", VerificationMaterial: material,
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: []byte(s.statement), PayloadType: payloadType, Signatures: []*protodsse.Signature{{Sig: sig}},
		}},
	}
}

func (w *world) bundle(s signing) []byte {
	w.t.Helper()
	return bundleJSON(w.t, w.message(s))
}

func bundleJSON(t testing.TB, message *protobundle.Bundle) []byte {
	t.Helper()
	text, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// annotations are what cosign writes beside a layer.
func (w *world) annotations(s signing, kind, version string, artifact, stamped, sig []byte) map[string]string {
	w.t.Helper()
	a := map[string]string{"dev.cosignproject.cosign/signature": ""}
	if !s.byKey {
		a["dev.sigstore.cosign/certificate"] = string(pemOf(w.signer.certificate))
		a["dev.sigstore.cosign/chain"] = string(pemOf(w.middle.certificate, w.root.certificate))
	}
	if !s.logged.IsZero() {
		entry := w.entry(s, kind, version, artifact, sig)
		a["dev.sigstore.cosign/bundle"] = jsonOf(w.t, map[string]any{
			"SignedEntryTimestamp": entry.GetInclusionPromise().GetSignedEntryTimestamp(),
			"Payload": map[string]any{
				"body": entry.GetCanonicalizedBody(), "integratedTime": entry.GetIntegratedTime(), "logIndex": entry.GetLogIndex(), "logID": hex.EncodeToString(entry.GetLogId().GetKeyId()),
			},
		})
	}
	if !s.stamped.IsZero() {
		a["dev.sigstore.cosign/rfc3161timestamp"] = jsonOf(w.t, map[string]any{"SignedRFC3161Timestamp": w.stamp(stamped, s.stamped)})
	}
	return a
}

func (w *world) taggedSignature(s signing) (payload []byte, annotations map[string]string) {
	w.t.Helper()
	sig := w.sign([]byte(s.statement))
	annotations = w.annotations(s, "hashedrekord", "0.0.1", []byte(s.statement), sig, sig)
	annotations["dev.cosignproject.cosign/signature"] = base64.StdEncoding.EncodeToString(sig)
	return []byte(s.statement), annotations
}

func (w *world) taggedAttestation(s signing, kind, version string) (envelope []byte, annotations map[string]string) {
	w.t.Helper()
	envelope, sig := w.envelope(s)
	return envelope, w.annotations(s, kind, version, envelope, envelope, sig)
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(text))
}
