// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/in-toto/in-toto-golang/in_toto"
	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/predicate"
	"github.com/assay-dev/assay/internal/signature"
)

const (
	// maxDocument bounds a layout, in bytes. A ConfigMap holds no more.
	maxDocument   = 1 << 20
	maxSignatures = 64
)

// signed is what a signed layout says, and over what bytes there are which signatures.
type signed struct {
	payload    []byte
	message    []byte
	signatures [][]byte
}

// open reads a layout that every owner signed.
func open(l layout.Layout) (*chain, error) {
	if len(l.Owners) == 0 {
		return nil, invalid("the layout has no owners: name the keys that must have signed it")
	}
	document, err := readSigned(l.Document)
	if err != nil {
		return nil, err
	}
	for _, owner := range l.Owners {
		if !document.isSignedBy(owner) {
			return nil, invalid("the layout is not signed by its owner with the key %.12s; every owner must sign exactly what the layout says", owner.Fingerprint)
		}
	}
	return parse(document.payload)
}

// readSigned reads both forms of a signed layout.
func readSigned(document []byte) (signed, error) {
	var form struct {
		// A DSSE envelope (secure-systems-lab/dsse, envelope.md).
		Payload     *string `json:"payload"`
		PayloadType string  `json:"payloadType"`
		// in-toto's older form (in-toto-spec.md, section 4.2).
		Signed     json.RawMessage `json:"signed"`
		Signatures []struct {
			Sig string `json:"sig"`
		} `json:"signatures"`
	}
	if err := decode(document, &form); err != nil {
		return signed{}, err
	}
	if len(form.Signatures) > maxSignatures {
		return signed{}, invalid("the layout has %d signatures, want %d at most", len(form.Signatures), maxSignatures)
	}
	var s signed
	var decodeText func(string) ([]byte, error)
	switch {
	case form.Payload != nil && form.Signed != nil:
		return signed{}, invalid("the layout is in two forms at once: want either a DSSE envelope, or signed and signatures")
	case form.Payload != nil:
		payload, err := decodeBase64(*form.Payload)
		if err != nil || form.PayloadType != in_toto.PayloadType {
			return signed{}, invalid("the layout's envelope does not hold a payload of type %s", in_toto.PayloadType)
		}
		s.payload, s.message, decodeText = payload, dsse.PAE(form.PayloadType, payload), decodeBase64
	case form.Signed != nil:
		canonical, err := cjson.EncodeCanonical(form.Signed)
		if err != nil {
			return signed{}, invalid("the layout has no canonical form, in which it is signed: it must have whole numbers only")
		}
		s.payload, s.message, decodeText = form.Signed, canonical, hex.DecodeString
	default:
		return signed{}, invalid("the layout is not signed: want a DSSE envelope, or signed and signatures")
	}
	for _, signature := range form.Signatures {
		if sig, err := decodeText(signature.Sig); err == nil {
			s.signatures = append(s.signatures, sig)
		}
	}
	return s, nil
}

// decodeBase64 decodes both alphabets, as DSSE has it.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "-_") {
		return base64.URLEncoding.DecodeString(text)
	}
	return base64.StdEncoding.DecodeString(text)
}

// isSignedBy says that one of the signatures is by the key. Names of keys prove nothing and are not looked at.
func (s signed) isSignedBy(key signature.Key) bool {
	return slices.ContainsFunc(s.signatures, func(sig []byte) bool { return key.Signed(s.message, sig) })
}

// decode reads a JSON document that can be read in one way only, by the exact names of fields; other fields are passed over.
func decode(document []byte, v any, strict ...strictjson.StrictOption) error {
	if len(document) > maxDocument {
		return invalid("the layout has more than %d bytes", maxDocument)
	}
	if _, err := predicate.Decode(document); err != nil {
		return invalid("the layout cannot be read: %s", strings.TrimPrefix(err.Error(), "predicate: "))
	}
	strictErrors, err := strictjson.UnmarshalStrict(document, v, append(strict, strictjson.DisallowDuplicateFields)...)
	if err != nil || len(strictErrors) > 0 {
		return invalid("the layout has a field that in-toto's specification does not have, or not of this kind")
	}
	return nil
}
