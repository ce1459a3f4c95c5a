// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
	"github.com/assay-dev/assay/internal/signature/publicgood"
	"github.com/assay-dev/assay/test/shareddata"
)

// attestation is a layer of an attestation tag.
type attestation struct {
	envelope    []byte
	annotations map[string]string
}

// check reads the attestation and verifies it under the anchor.
func (a attestation) check(t *testing.T, anchor signature.Anchor) ([]evidence.Signer, error) {
	t.Helper()
	checker, err := entity.NewChecker(anchor)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := entity.FromTaggedAttestation(a.envelope, a.annotations)
	if err != nil {
		return nil, err
	}
	return checker.Check(signed)
}

// with returns the attestation with another annotation.
func (a attestation) with(name, value string) attestation {
	annotations := map[string]string{name: value}
	for n, v := range a.annotations {
		if n != name {
			annotations[n] = v
		}
	}
	return attestation{a.envelope, annotations}
}

// realProvenance reads the attestation of an image in an OCI layout as cosign save writes it.
func realProvenance(t *testing.T, version string) attestation {
	t.Helper()
	layout := shareddata.Require(t, "slsa/"+version+"/container_workflow_dispatch")
	var index struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
		}
	}
	readJSON(t, filepath.Join(layout, "index.json"), &index)
	blob := func(digest string) string {
		return filepath.Join(layout, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
	}
	for _, m := range index.Manifests {
		if m.Annotations["kind"] != "dev.cosignproject.cosign/atts" {
			continue
		}
		var manifest struct {
			Layers []struct {
				Digest      string
				Annotations map[string]string
			}
		}
		readJSON(t, blob(m.Digest), &manifest)
		if len(manifest.Layers) != 1 {
			t.Fatalf("%d attestations", len(manifest.Layers))
		}
		envelope, err := os.ReadFile(blob(manifest.Layers[0].Digest))
		if err != nil {
			t.Fatal(err)
		}
		return attestation{envelope, manifest.Layers[0].Annotations}
	}
	t.Fatal("no attestation")
	return attestation{}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRealProvenance is about provenance that the public service logged: as an entry that sigstore-go verifies, and of the older kind.
func TestRealProvenance(t *testing.T) {
	generator := "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/"
	want := map[string]evidence.Signer{
		"v1.7.0": {
			Certificate: &evidence.Certificate{Subject: generator + "v1.7.0", SourceRef: "refs/heads/main"},
			Entries:     []evidence.LogEntry{{Kind: "intoto 0.0.1"}},
		},
		"v2.0.0": {
			Certificate: &evidence.Certificate{Subject: generator + "v2.0.0", SourceRef: "refs/tags/v13.0.30"},
			Entries:     []evidence.LogEntry{{Kind: "dsse 0.0.1"}},
		},
	}
	for version, want := range want {
		t.Run(version, func(t *testing.T) {
			found := realProvenance(t, version)
			signers, err := found.check(t, signature.Anchor{Root: publicgood.Root(), Logged: true})
			if err != nil {
				t.Fatal(err)
			}
			got := signers[0]
			t.Logf("%+v %+v", got, *got.Certificate)
			if got.Certificate.Subject != want.Certificate.Subject || got.Certificate.SourceRef != want.Certificate.SourceRef ||
				got.Certificate.Issuer != conformanceIssuer || got.Certificate.SourceRepository != "https://github.com/slsa-framework/example-package" {
				t.Errorf("got %+v", *got.Certificate)
			}
			if len(got.Entries) != 1 || got.Entries[0].Kind != want.Entries[0].Kind || got.Entries[0].Log != "https://rekor.sigstore.dev" {
				t.Errorf("got the entries %+v", got.Entries)
			}
			if len(got.Times) != 1 || got.Times[0].By != evidence.WitnessLog || got.Times[0].Time.Before(got.Certificate.NotBefore) || got.Times[0].Time.After(got.Certificate.NotAfter) {
				t.Errorf("got the times %+v", got.Times)
			}
			if window := got.Certificate.NotAfter.Sub(got.Certificate.NotBefore); window != 10*time.Minute {
				t.Errorf("the certificate is valid for %s", window)
			}
		})
	}
}

// TestRealProvenanceChanged: whatever is changed about it, it is no longer verified.
func TestRealProvenanceChanged(t *testing.T) {
	for version, other := range map[string]string{"v1.7.0": "v2.0.0", "v2.0.0": "v1.7.0"} {
		found, another := realProvenance(t, version), realProvenance(t, other)
		const entry, certificate = "dev.sigstore.cosign/bundle", "dev.sigstore.cosign/certificate"
		public := signature.Anchor{Root: publicgood.Root(), Logged: true}
		cases := map[string]struct {
			changed attestation
			anchor  signature.Anchor
		}{
			"another payload":               {found.replace(t, `"subject"`, `"Subject"`), public},
			"another digest in the payload": {found.replace(t, `"sha256":"`, `"sha256":"0`), public},
			"another's log entry":           {found.with(entry, another.annotations[entry]), public},
			"another's certificate":         {found.with(certificate, another.annotations[certificate]), public},
			"no log entry":                  {found.with(entry, ""), public},
			"no certificate":                {found.with(certificate, ""), public},
			"another time in the log entry": {found.with(entry, strings.Replace(found.annotations[entry], `"integratedTime":1`, `"integratedTime":2`, 1)), public},
			"another index":                 {found.with(entry, strings.Replace(found.annotations[entry], `"logIndex":`, `"logIndex":1`, 1)), public},
			"another log":                   {found.with(entry, strings.Replace(found.annotations[entry], `"logID":"c`, `"logID":"d`, 1)), public},
			"another trust root":            {found, signature.Anchor{Root: conformanceRoot(t), Logged: true}},
			"a spare space in the envelope": {attestation{append([]byte(" "), found.envelope...), found.annotations}, public},
		}
		for name, c := range cases {
			t.Run(version+", "+name, func(t *testing.T) {
				if bytes.Equal(c.changed.envelope, found.envelope) && cmp.Equal(c.changed.annotations, found.annotations) && bytes.Equal(c.anchor.Root, public.Root) {
					t.Fatal("nothing is changed")
				}
				signers, err := c.changed.check(t, c.anchor)
				if name == "a spare space in the envelope" && version == "v2.0.0" {
					if err != nil {
						t.Errorf("sigstore-go compares what is signed, not how it is written: %v", err)
					}
					return
				}
				if err == nil {
					t.Errorf("verified: %+v", signers)
				}
				t.Log(err)
			})
		}
	}
}

// replace changes the payload in the envelope.
func (a attestation) replace(t *testing.T, from, to string) attestation {
	t.Helper()
	var envelope map[string]any
	if err := json.Unmarshal(a.envelope, &envelope); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(envelope["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	envelope["payload"] = base64.StdEncoding.EncodeToString(bytes.Replace(payload, []byte(from), []byte(to), 1))
	changed, err := json.Marshal(envelope)
	if err != nil {
		t.Fatal(err)
	}
	return attestation{changed, a.annotations}
}

func conformanceRoot(t *testing.T) []byte {
	t.Helper()
	return caseFile(t, shareddata.Require(t, "sigstore-conformance/assets/bundle-verify/rekor2-happy-path"), "trusted_root.json")
}

// TestRealVerificationSummary: its signature is the two numbers one after the other, in place of ASN.1.
func TestRealVerificationSummary(t *testing.T) {
	folder := shareddata.Require(t, "vsa")
	text, err := os.ReadFile(filepath.Join(folder, "vsa_signing_public_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := os.ReadFile(filepath.Join(folder, "gke-gce-pre.bcid-vsa.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	found := attestation{envelope: envelope}
	signers, err := found.check(t, signature.Anchor{Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]evidence.Signer{{Key: key.Fingerprint}}, signers); diff != "" {
		t.Error(diff)
	}
	if _, err := found.replace(t, "BCID_L1", "BCID_L3").check(t, signature.Anchor{Key: &key}); err == nil {
		t.Error("verified with another level")
	}
}

// TestRekorV2 entries have no time and no promise; what is told of them is what their proof covers.
func TestRekorV2(t *testing.T) {
	dir := shareddata.Require(t, "sigstore-conformance/assets/bundle-verify/rekor2-dsse-happy-path")
	got, err := check(t, signature.Anchor{Root: caseFile(t, dir, "trusted_root.json"), Logged: true}, caseFile(t, dir, "bundle.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got[0])
	if entries := got[0].Entries; len(entries) != 1 || entries[0].Kind != "hashedrekord 0.0.2" || !strings.HasPrefix(entries[0].Log, "https://") || entries[0].Index <= 0 {
		t.Errorf("entries %+v", entries)
	}
	if times := got[0].Times; len(times) != 1 || times[0].By != evidence.WitnessTimestamp {
		t.Errorf("times %+v", times)
	}
}
