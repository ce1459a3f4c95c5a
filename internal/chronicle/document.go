// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

// maxDocumentEntries bounds the entries of one copy, of which those first seen come first.
const maxDocumentEntries = 20_000

// document is what a copy says of the digest that it is about: its predicate.
type document struct {
	// FirstSeen is when the digest was.
	FirstSeen time.Time
	// Entries by vulnerability and package, each once.
	Entries []Entry
}

// wireDocument is a document in JSON. Times are in RFC 3339, in UTC and whole seconds.
type wireDocument struct {
	FirstSeen string      `json:"firstSeen,omitempty"`
	Entries   []wireEntry `json:"entries,omitempty"`
}

type wireEntry struct {
	ID        string `json:"id"`
	Package   string `json:"package"`
	FirstSeen string `json:"firstSeen"`
	FixSeen   string `json:"fixSeen,omitempty"`
}

// documentOf returns the document of a digest with the findings.
func documentOf(firstSeen time.Time, findings []evidence.Finding) document {
	all := make([]Entry, 0, len(findings))
	for _, f := range findings {
		if f.FirstSeen.IsZero() {
			continue
		}
		at := subjectOf(f.ID, packageOf(f))
		all = append(all, Entry{at.id, at.pkg, f.FirstSeen, f.FixSeen})
	}
	// Findings of one package in two versions have one time; a fix may be known of one of them.
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package), b.FixSeen.Compare(a.FixSeen))
	})
	all = slices.CompactFunc(all, func(a, b Entry) bool { return a.ID == b.ID && a.Package == b.Package })
	if len(all) > maxDocumentEntries {
		slices.SortStableFunc(all, func(a, b Entry) int { return a.FirstSeen.Compare(b.FirstSeen) })
		all = all[:maxDocumentEntries]
	}
	return document{FirstSeen: firstSeen, Entries: all}
}

// latest is the latest time in the document.
func (d document) latest() time.Time {
	latest := d.FirstSeen
	for _, e := range d.Entries {
		for _, t := range []time.Time{e.FirstSeen, e.FixSeen} {
			if t.After(latest) {
				latest = t
			}
		}
	}
	return latest
}

func (d document) encode() ([]byte, error) {
	wire := wireDocument{FirstSeen: format(d.FirstSeen)}
	for _, e := range d.Entries {
		wire.Entries = append(wire.Entries, wireEntry{e.ID, e.Package, format(e.FirstSeen), format(e.FixSeen)})
	}
	return json.Marshal(wire)
}

// open reads a copy that one of the keys signed about the digest. The error wraps attestation.ErrInvalid.
func open(bundle []byte, keys []signature.Key, about image.Digest) (document, error) {
	predicate, err := attestation.Open(bundle, attestation.Keys(keys), about, attestation.PredicateChronicle)
	if err != nil {
		return document{}, err
	}
	var wire wireDocument
	if strict, err := strictjson.UnmarshalStrict(predicate, &wire, strictjson.DisallowDuplicateFields); err != nil || len(strict) > 0 {
		return document{}, fmt.Errorf("%w: it is not of the expected form", attestation.ErrInvalid)
	}
	if len(wire.Entries) > maxDocumentEntries {
		return document{}, fmt.Errorf("%w: it has more than %d entries", attestation.ErrInvalid, maxDocumentEntries)
	}
	d := document{FirstSeen: parse(wire.FirstSeen)}
	for _, e := range wire.Entries {
		d.Entries = append(d.Entries, Entry{e.ID, e.Package, parse(e.FirstSeen), parse(e.FixSeen)})
	}
	return d, nil
}

func format(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// parse returns the zero time for what is none: Assay signed it, and what it wrote wrong is not known.
func parse(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Unix() <= 0 {
		return time.Time{}
	}
	return t.UTC()
}
