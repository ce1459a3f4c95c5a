// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/image"
)

// statementType is the exact _type of an in-toto Statement v1 (in-toto/attestation, spec/v1/statement.md).
const statementType = "https://in-toto.io/Statement/v1"

// statement is an in-toto Statement v1 about one image. Its fields stand in the specification's order.
type statement struct {
	Type          string          `json:"_type"`
	Subject       []subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate,omitempty"`
}

// subject is the image that a statement is about: its repository and its digest.
type subject struct {
	Name   string `json:"name"`
	Digest digest `json:"digest"`
}

// digest is an in-toto DigestSet with the one algorithm that Assay uses.
type digest struct {
	SHA256 string `json:"sha256"`
}

// encodeStatement writes the statement around the predicate, whose bytes stay as they are: a document that was written and
// hashed once is what is signed.
func encodeStatement(about image.Reference, predicateType string, predicate []byte) ([]byte, error) {
	predicate = bytes.TrimSpace(predicate)
	if !bytes.HasPrefix(predicate, []byte("{")) || !json.Valid(predicate) || !utf8.Valid(predicate) {
		return nil, fmt.Errorf("the predicate of type %s is not a JSON object", predicateType)
	}
	head, err := encode(statement{
		Type:          statementType,
		Subject:       []subject{{Name: about.Repository.String(), Digest: digest{about.Digest.Hex()}}},
		PredicateType: predicateType,
	})
	if err != nil {
		return nil, err
	}
	head = append(bytes.TrimSuffix(head, []byte("}")), `,"predicate":`...)
	return append(append(head, predicate...), '}'), nil
}

// predicateOf returns the predicate of a statement that says exactly what is expected of it. The subject's name is for people:
// what an image is, its digest says.
func predicateOf(payload []byte, about image.Digest, predicateType string) ([]byte, error) {
	var s statement
	if err := decode(payload, &s); err != nil {
		return nil, fmt.Errorf("%w: its statement %w", ErrInvalid, err)
	}
	switch {
	case s.Type != statementType:
		return nil, fmt.Errorf("%w: its statement is of type %.80q, want %q", ErrInvalid, s.Type, statementType)
	case s.PredicateType != predicateType:
		return nil, fmt.Errorf("%w: it holds a predicate of type %.80q, want %q", ErrInvalid, s.PredicateType, predicateType)
	case len(s.Subject) != 1 || s.Subject[0].Digest.SHA256 != about.Hex():
		return nil, fmt.Errorf("%w: it is not about %s", ErrInvalid, about)
	case !bytes.HasPrefix(s.Predicate, []byte("{")):
		return nil, fmt.Errorf("%w: its predicate is not an object", ErrInvalid)
	}
	return s.Predicate, nil
}

// encode writes compact JSON without escaping for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// decode reads one JSON document into v and refuses whatever two readers could read differently: a field that occurs
// twice, a field that v does not have (a name in another case is one), text after the document, and invalid UTF-8. With options,
// only those of the two kinds of fields that they name are refused.
func decode(data []byte, v any, options ...strictjson.StrictOption) error {
	if !utf8.Valid(data) {
		return errors.New("is not UTF-8")
	}
	strict, err := strictjson.UnmarshalStrict(data, v, options...)
	if err != nil {
		return errors.New("is not JSON of the expected form")
	}
	if len(strict) > 0 {
		return errors.New("has a field that occurs twice or is unknown")
	}
	return nil
}
