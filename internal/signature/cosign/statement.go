// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// The exact _type of an in-toto statement (in-toto/attestation, spec/v1/statement.md and spec/v0.1.0/statement.md). The cosign command
// writes the older one into attestations, never into signatures.
const (
	statementType    = "https://in-toto.io/Statement/v1"
	statementTypeV01 = "https://in-toto.io/Statement/v0.1"
)

// statement is what is read of an in-toto statement.
type statement struct {
	Type    string `json:"_type"`
	Subject []struct {
		Digest struct {
			SHA256 string `json:"sha256"`
		} `json:"digest"`
	} `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

var errElsewhere = errors.New("it is about something else")

// claimOfBundle is what a bundle claims: a signature or an attestation, never both (CVE-2022-35929).
func (l *look) claimOfBundle(e entity.Entity) (claim, error) {
	s, err := readStatement(e)
	if err == nil && s.PredicateType == evidence.SignaturePredicate {
		return l.claimOfSignature(s)
	}
	return l.attested(e, s, err)
}

// claimOfAttestation is what an envelope under a tag claims. Signatures are not made in that form.
func (l *look) claimOfAttestation(e entity.Entity) (claim, error) {
	s, err := readStatement(e)
	return l.attested(e, s, err)
}

// readStatement reads the statement in an entity. With an error it has a predicate type if that could be read.
func readStatement(e entity.Entity) (statement, error) {
	if !e.IsStatement() {
		return statement{}, errors.New("it is no in-toto statement")
	}
	var s statement
	if err := decode(e.Payload(), &s); err != nil {
		return s, fmt.Errorf("its statement is %w", err)
	}
	return s, nil
}

// claimOfSignature is what the statement of a signature claims: that exactly this image is signed.
func (l *look) claimOfSignature(s statement) (claim, error) {
	c := claim{predicateType: evidence.SignaturePredicate, manifests: []image.Digest{l.digest}}
	switch {
	case s.Type != statementType:
		return c, errors.New("its statement is of another type")
	case len(s.Subject) == 1 && s.Subject[0].Digest.SHA256 == l.digest.Hex():
		return c, nil
	case len(s.Subject) == 1 && len(about(s, l.search.Platforms)) == 1:
		return c, errUnwanted // a platform's own signature
	}
	return c, errElsewhere
}

// attested is what an attestation claims. invalid says what is wrong with the statement so far.
func (l *look) attested(e entity.Entity, s statement, invalid error) (claim, error) {
	c := claim{predicateType: s.PredicateType, statement: e.Payload()}
	switch {
	case invalid != nil:
		return c, invalid
	case s.PredicateType == "" && slices.Contains(l.search.Links, s.Type): // no statement: a link or layout in in-toto's own form
		c.predicateType = s.Type
		return c, nil
	case !l.wants(s.PredicateType):
		return c, errUnwanted
	case s.Type != statementType && s.Type != statementTypeV01:
		return c, errors.New("its statement is of another type")
	case !bytes.HasPrefix(s.Predicate, []byte("{")):
		return c, errors.New("it has no predicate")
	case slices.Contains(l.search.Links, s.PredicateType): // its subjects are whatever a step made, and nobody compares them here
		return c, nil
	case len(s.Subject) > maxSubjects:
		return c, fmt.Errorf("it is about more than %d things", maxSubjects)
	}
	if c.manifests = about(s, []image.Digest{l.digest}); len(c.manifests) == 0 {
		c.manifests = about(s, l.search.Platforms)
	}
	if len(c.manifests) == 0 {
		return c, errElsewhere
	}
	return c, nil
}

// about returns the manifests that the statement is about, sorted.
func about(s statement, manifests []image.Digest) []image.Digest {
	var named []image.Digest
	for _, manifest := range manifests {
		for _, subject := range s.Subject {
			if subject.Digest.SHA256 == manifest.Hex() && !slices.Contains(named, manifest) {
				named = append(named, manifest)
			}
		}
	}
	slices.SortFunc(named, func(a, b image.Digest) int { return strings.Compare(a.Hex(), b.Hex()) })
	return named
}

// decode reads one JSON document into v by the exact names of v's fields and refuses what two readers could read
// differently: a field that occurs twice, text after the document, invalid UTF-8. Fields that v does not have may stand beside.
func decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	strict, err := strictjson.UnmarshalStrict(data, v, strictjson.DisallowDuplicateFields)
	switch {
	case err != nil: // the library quotes the document
		return errors.New("not JSON of the expected form")
	case len(strict) > 0:
		return errors.New("ambiguous: a field occurs twice")
	}
	return nil
}
