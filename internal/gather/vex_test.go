// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/vulnerability/vex/attested"
)

// openVEX is a document that says of so many products that one vulnerability does them no harm.
func openVEX(id string, products int) string {
	var list []string
	for i := range products {
		list = append(list, fmt.Sprintf(`{"@id":"pkg:npm/a@%d"}`, i))
	}
	return fmt.Sprintf(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"Example","timestamp":"2026-02-03T04:05:06Z","version":1,
		"statements":[{"vulnerability":{"name":%q},"products":[%s],"status":"fixed"}]}`, id, strings.Join(list, ","))
}

// stated are the vulnerabilities of which each document speaks, or why it cannot be read.
func stated(e evidence.Evidence, anchor signature.Anchor) []string {
	var all []string
	for _, document := range e.VEX {
		if document.Anchor != anchor.ID() || document.Signer.Key != anchor.Key.Fingerprint {
			continue
		}
		switch fact := document.Statements; {
		case fact.State != evidence.Known:
			all = append(all, fact.Reason+": "+fact.Message)
		case len(fact.Value) == 0:
			all = append(all, "nothing")
		default:
			all = append(all, fact.Value[0].IDs[0])
		}
	}
	return all
}

// TestVEXIsLookedForEachTime since a later document matters, while what was signed is kept.
func TestVEXIsLookedForEachTime(t *testing.T) {
	b := newBook(t)
	b.sign(b.ci)
	b.gather()
	b.request.VEX = true
	if first := b.gather(); len(stated(first, b.ci)) > 0 || first.Signed[b.ci.ID()].Rest.State != evidence.Known {
		t.Fatalf("got %+v", first.VEX)
	}
	b.attest(b.ci, attested.PredicateOpenVEX, openVEX("CVE-1", 1))
	second := b.gather()
	if diff := cmp.Diff([]string{"CVE-1"}, stated(second, b.ci)); diff != "" {
		t.Errorf("stated (-want +got):\n%s", diff)
	}
	b.searches(3)
	if calls := b.finder.Calls(); len(calls[0].PredicateTypes) > 0 || len(calls[1].PredicateTypes) != len(attested.Reader{}.PredicateTypes()) {
		t.Errorf("searched for %v, then for %v", calls[0].PredicateTypes, calls[1].PredicateTypes)
	}
	b.finder.Set(b.digest(), b.ci, evidence.Statements{Rest: evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "gone")})
	if outage := b.gather(); len(stated(outage, b.ci)) > 0 || outage.Signed[b.ci.ID()].Rest.Reason != v1alpha1.ReasonRegistryUnavailable {
		t.Errorf("got %+v", outage.VEX)
	}
}

func TestVEXDocuments(t *testing.T) {
	many := openVEX("CVE-2", 30_000)
	unavailable := v1alpha1.ReasonVEXUnavailable + ": "
	over := unavailable + "the VEX documents attested to the image state more than 50000 pairs of a vulnerability and a product"
	for name, test := range map[string]struct {
		attest   func(*book)
		ci, team []string
		ignored  int
	}{
		"none": {func(*book) {}, nil, nil, 0},
		"one by each": {func(b *book) {
			b.attest(b.ci, attested.PredicateOpenVEX, openVEX("CVE-1", 1))
			b.attest(b.team, attested.PredicateOpenVEXv020, openVEX("CVE-2", 1))
		}, []string{"CVE-1"}, []string{"CVE-2"}, 0},
		"a statement of another type":    {func(b *book) { b.attest(b.ci, reviewType, openVEX("CVE-1", 1)) }, nil, nil, 0},
		"a document that cannot be read": {func(b *book) { b.attest(b.ci, attested.PredicateOpenVEX, `{}`) }, []string{unavailable + "attested to the image: the VEX document cannot be used: it is neither OpenVEX (@context https://openvex.dev/ns/v0.2.0) nor CSAF (document.csaf_version)"}, nil, 0},
		"a document that is about nothing": {func(b *book) {
			about := b.attest(b.team, attested.PredicateOpenVEX, openVEX("CVE-1", 1))
			about.Manifests = nil
			b.finder.Set(b.digest(), b.team, evidence.Statements{Signed: []evidence.Signed{about}, Rest: evidence.Checked("")})
		}, nil, nil, 0},
		"as much as is taken":   {func(b *book) { b.attest(b.ci, attested.PredicateOpenVEX, openVEX("CVE-1", 50_000)) }, []string{"CVE-1"}, nil, 0},
		"more than that in one": {func(b *book) { b.attest(b.ci, attested.PredicateOpenVEX, openVEX("CVE-1", 50_001)) }, []string{unavailable + "attested to the image: the VEX document cannot be used: it states more than 50000 pairs of a vulnerability and a product; split it"}, nil, 0},
		"more than that in two by one": {func(b *book) {
			b.attest(b.ci, attested.PredicateOpenVEX, many)
			b.attest(b.ci, attested.PredicateOpenVEXv020, many)
		}, []string{"CVE-2", over}, nil, 0},
		"those of strangers are counted": {func(b *book) {
			b.finder.SetStrangers(b.digest(), map[string]int{attested.PredicateOpenVEX: 2, attested.PredicateCSAF: 1, reviewType: 7})
		}, nil, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			b.request.VEX = true
			b.request.Anchors = []signature.Anchor{b.ci, b.team}
			b.request.PredicateTypes = []string{reviewType}
			test.attest(b)
			collected := b.gather()
			if diff := cmp.Diff(test.ci, stated(collected, b.ci)); diff != "" {
				t.Errorf("by ci (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.team, stated(collected, b.team)); diff != "" {
				t.Errorf("by team (-want +got):\n%s", diff)
			}
			if collected.IgnoredVEX != test.ignored {
				t.Errorf("%d were ignored, want %d", collected.IgnoredVEX, test.ignored)
			}
		})
	}
}

// TestAKeylessDocumentNamesItsSigner since under one trust root many may sign, and those whom nobody believes are counted only.
func TestAKeylessDocumentNamesItsSigner(t *testing.T) {
	b := newBook(t)
	root := signature.Anchor{Root: []byte("root"), Logged: true, Timed: true}
	b.request.VEX, b.request.Anchors = true, []signature.Anchor{root}
	b.request.Believed = func(_ string, signer evidence.Signer) bool { return signer.Certificate.Subject == "team@example.com" }
	document := b.attest(b.ci, attested.PredicateOpenVEX, openVEX("CVE-1", 1))
	for _, subject := range []string{"team@example.com", "stranger@example.com"} {
		document.Signer = evidence.Signer{Certificate: &evidence.Certificate{Subject: subject}}
		b.finder.Sign(b.digest(), root, document)
	}
	var got []string
	collected := b.gather()
	if collected.IgnoredVEX != 1 {
		t.Errorf("%d are ignored, want the stranger's", collected.IgnoredVEX)
	}
	for _, read := range collected.VEX {
		if read.Anchor != root.ID() || read.Statements.State != evidence.Known || read.Signer.Certificate == nil {
			t.Fatalf("got %+v", read)
		}
		got = append(got, read.Signer.Certificate.Subject)
	}
	if diff := cmp.Diff([]string{"team@example.com"}, got); diff != "" {
		t.Errorf("signers (-want +got):\n%s", diff)
	}
}

// TestADocumentThatTheStoreLostIsReadAnew as it comes from the registry once more.
func TestADocumentThatTheStoreLostIsReadAnew(t *testing.T) {
	b := newBook(t)
	b.request.VEX = true
	signed := b.attest(b.ci, attested.PredicateOpenVEX, openVEX("CVE-1", 1))
	b.gather()
	b.store.Forget(b.digest(), evidence.StatementKind(signed.Payload, b.request.Reference.Repository))
	if diff := cmp.Diff([]string{"CVE-1"}, stated(b.gather(), b.ci)); diff != "" {
		t.Errorf("stated (-want +got):\n%s", diff)
	}
}
