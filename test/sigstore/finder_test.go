// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sigstore_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
)

// attested is the predicate type of the attestation.
const attested = "https://example.com/review/v1"

func predicate(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "predicate.json")
	if err := os.WriteFile(path, []byte(`{"reviewed":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// findKeyless looks for what subject signed, by the word of the issuer, under the services' root and under roots that lack something.
func findKeyless(t *testing.T, about string, root []byte, subject, issuer string) {
	t.Helper()
	reference, err := image.ParseReference(about)
	if err != nil {
		t.Fatal(err)
	}
	whole := signature.Anchor{Root: root, Logged: true}
	timed := signature.Anchor{Root: without(t, root, "tlogs"), Timed: true}
	unlogged := signature.Anchor{Root: without(t, root, "tlogs"), Logged: true}
	untimed := signature.Anchor{Root: without(t, root, "timestampAuthorities"), Logged: true}
	uncertified := signature.Anchor{Root: without(t, root, "certificateAuthorities"), Logged: true}
	search := signature.Search{
		Reference: reference, Anchors: []signature.Anchor{whole, timed, unlogged, untimed, uncertified}, PredicateTypes: []string{attested},
	}
	found := cosign.Finder{}.Find(t.Context(), readerOf(t, reference.Repository.Host()), search)

	for name, anchor := range map[string]signature.Anchor{"the services' root": whole, "a root without a log, where none is demanded": timed} {
		statements := found.Statements[anchor.ID()]
		if len(statements.Signed) != 2 || statements.Rest != evidence.Checked("") || len(found.Strangers) > 0 {
			t.Errorf("%s: got %+v, strangers %v", name, statements, found.Strangers)
		}
		for _, signed := range statements.Signed {
			checkKeyless(t, signed, reference.Digest, subject, issuer, anchor.Logged)
		}
	}
	if rest := found.Statements[untimed.ID()].Rest; !strings.Contains(rest.Value, "1 signature and 1 attestation by others") || !strings.Contains(rest.Value, "time") {
		t.Errorf("without a timestamp authority: %+v", rest)
	}
	for _, anchor := range []signature.Anchor{unlogged, uncertified} {
		if got := found.Statements[anchor.ID()]; len(got.Signed) > 0 || got.Rest.Reason != v1alpha1.ReasonInvalidTrustRoot {
			t.Errorf("under a root that lacks what is demanded: %+v", got)
		}
	}
}

func checkKeyless(t *testing.T, signed evidence.Signed, about image.Digest, subject, issuer string, logged bool) {
	t.Helper()
	if !slices.Equal(signed.Manifests, []image.Digest{about}) {
		t.Errorf("%s is about %v", signed.PredicateType, signed.Manifests)
	}
	switch isAttestation := strings.Contains(string(signed.Statement), `"reviewed":true`); signed.PredicateType {
	case evidence.SignaturePredicate, attested:
		if isAttestation != (signed.PredicateType == attested) {
			t.Errorf("%s states %s", signed.PredicateType, signed.Statement)
		}
	default:
		t.Errorf("what is a %s?", signed.PredicateType)
	}
	certificate := signed.Signer.Certificate
	if certificate == nil || certificate.Subject != subject || certificate.Issuer != issuer {
		t.Fatalf("%s is by %+v, want %s by the word of %s", signed.PredicateType, certificate, subject, issuer)
	}
	if len(signed.Signer.Times) == 0 {
		t.Errorf("nobody vouches for the time of %s", signed.PredicateType)
	}
	for _, moment := range signed.Signer.Times {
		if moment.By != evidence.WitnessTimestamp || moment.Time.Before(certificate.NotBefore) || moment.Time.After(certificate.NotAfter) {
			t.Errorf("%s was signed at %+v, with a certificate for %s to %s", signed.PredicateType, moment, certificate.NotBefore, certificate.NotAfter)
		}
	}
	if entries := signed.Signer.Entries; logged && (len(entries) != 1 || entries[0].Log == "" || entries[0].Kind == "") || !logged && len(entries) > 0 {
		t.Errorf("%s has the log entries %+v", signed.PredicateType, entries)
	}
}

// without is a trust root without one of its lists.
func without(t *testing.T, root []byte, list string) []byte {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(root, &document); err != nil {
		t.Fatal(err)
	}
	if _, there := document[list]; !there {
		t.Fatalf("the trust root has no %s", list)
	}
	delete(document, list)
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func readerOf(t *testing.T, host string) registry.Reader {
	t.Helper()
	client, err := oci.New(oci.Options{AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, InsecureHosts: []string{host}})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := client.Reader(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	return reader
}
