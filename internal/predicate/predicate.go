// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package predicate reads in-toto statements and the predicates that policies ask about. It is pure, and takes every document for
// hostile: what two readers could read differently is refused, and sizes, depths and texts are bounded. Whether anybody who
// matters signed a statement is for others to say.
package predicate

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// The predicate types that are read here. Types are compared byte by byte: one with a slash at its end is another one.
const (
	ProvenanceV02 = "https://slsa.dev/provenance/v0.2"
	ProvenanceV1  = "https://slsa.dev/provenance/v1"
	SummaryV1     = "https://slsa.dev/verification_summary/v1"
	TestResultV01 = "https://in-toto.io/attestation/test-result/v0.1"
	// ScanV1 is cosign's record of a vulnerability scan; ScanOld is how some scanners call it.
	ScanV1  = "https://cosign.sigstore.dev/attestation/vuln/v1"
	ScanOld = "https://cosign.sigstore.dev/attestation/vuln"
	// SPDX and CycloneDX may have a version after a slash, such as https://spdx.dev/Document/v2.3.
	SPDX      = "https://spdx.dev/Document"
	CycloneDX = "https://cyclonedx.org/bom"
)

// The types of statements (in-toto/attestation, spec/v1/statement.md).
const (
	statementV1  = "https://in-toto.io/Statement/v1"
	statementV01 = "https://in-toto.io/Statement/v0.1"
)

// maxSubjects of a statement.
const maxSubjects = 1024

// ErrMalformed says that a document is not what its type says, or could be read in two ways. Its text says what is wrong.
var ErrMalformed = errors.New("malformed")

// Statement is an in-toto statement v0.1 or v1.
type Statement struct {
	PredicateType string
	Subjects      []Subject
	// Predicate is a JSON object.
	Predicate json.RawMessage
}

// Subject is something that a statement is about. Its name is for people.
type Subject struct {
	Name string
	// SHA256 in 64 lower-case hexadecimal digits; empty when the subject has only digests of other kinds, which prove nothing here.
	SHA256 string
}

// Parse parses a statement. What it has beside the fields of the specification is passed over. The error wraps ErrMalformed.
func Parse(statement []byte) (Statement, error) {
	var s struct {
		Type          text            `json:"_type"`
		Subject       []resource      `json:"subject"`
		PredicateType text            `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}
	if err := decode(statement, &s); err != nil {
		return Statement{}, fmt.Errorf("statement: %w", err)
	}
	switch {
	case s.Type != statementV1 && s.Type != statementV01:
		return Statement{}, fmt.Errorf("%w statement: its type is %.80q, want %s", ErrMalformed, s.Type, statementV1)
	case s.PredicateType == "":
		return Statement{}, fmt.Errorf("%w statement: it has no predicateType", ErrMalformed)
	case len(s.Subject) == 0 || len(s.Subject) > maxSubjects:
		return Statement{}, fmt.Errorf("%w statement: it has %d subjects, want 1 to %d", ErrMalformed, len(s.Subject), maxSubjects)
	case !bytes.HasPrefix(s.Predicate, []byte("{")):
		return Statement{}, fmt.Errorf("%w statement: its predicate is not an object", ErrMalformed)
	}
	result := Statement{PredicateType: string(s.PredicateType), Predicate: s.Predicate}
	for _, r := range s.Subject {
		sha256, err := r.sha256()
		if err != nil {
			return Statement{}, fmt.Errorf("statement: subject: %w", err)
		}
		result.Subjects = append(result.Subjects, Subject{Name: string(r.Name), SHA256: sha256})
	}
	return result, nil
}

// Resource is something that a predicate names (in-toto/attestation, spec/v1/resource_descriptor.md). Each field may be empty.
type Resource struct {
	Name, URI string
	// SHA256 in 64 lower-case hexadecimal digits.
	SHA256 string
}

// resource is a Resource as it is written. A subject has the same form.
type resource struct {
	Name   text            `json:"name"`
	URI    text            `json:"uri"`
	Digest map[string]text `json:"digest"`
}

func (r resource) sha256() (string, error) {
	digest, has := r.Digest["sha256"]
	if has && !isHex(string(digest), 64) {
		return "", fmt.Errorf("%w: a sha256 that is not 64 lower-case hexadecimal digits", ErrMalformed)
	}
	return string(digest), nil
}

// resources reads a list of things that a predicate names, at most limit of them.
func resources(list []resource, limit int) ([]Resource, error) {
	if len(list) > limit {
		return nil, fmt.Errorf("%w: %d of them, want %d at most", ErrMalformed, len(list), limit)
	}
	var result []Resource
	for _, r := range list {
		sha256, err := r.sha256()
		if err != nil {
			return nil, err
		}
		result = append(result, Resource{Name: string(r.Name), URI: string(r.URI), SHA256: sha256})
	}
	return result, nil
}

// isHex says that the text is so many hexadecimal digits in lower case.
func isHex(s string, digits int) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(s) == digits && hex.EncodeToString(raw) == s
}
