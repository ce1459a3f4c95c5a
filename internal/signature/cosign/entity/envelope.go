// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"errors"
	"fmt"
	"unicode/utf8"

	strictjson "sigs.k8s.io/json"
)

// envelope is a DSSE envelope (secure-systems-lab/dsse, envelope.md).
type envelope struct {
	Payload     []byte `json:"payload"`
	PayloadType string `json:"payloadType"`
	Signatures  []struct {
		Sig []byte `json:"sig"`
	} `json:"signatures"`
}

// fromEnvelope checks an envelope and returns it as something signed, without proofs.
func fromEnvelope(payloadType string, payload []byte, signatures [][]byte) (Entity, error) {
	switch {
	case len(payload) == 0 || payloadType == "":
		return Entity{}, errors.New("the envelope has no payload, or no type of it")
	case len(signatures) == 0:
		return Entity{}, errors.New("nobody signed the envelope")
	case len(signatures) > maxSignatures:
		return Entity{}, fmt.Errorf("the envelope has more than %d signatures", maxSignatures)
	}
	for _, signature := range signatures {
		if len(signature) == 0 {
			return Entity{}, errors.New("a signature of the envelope is empty")
		}
	}
	message := preAuthenticationEncoding(payloadType, payload)
	return Entity{payload: payload, payloadType: payloadType, message: message, signatures: signatures}, nil
}

// preAuthenticationEncoding is what is signed of an envelope (secure-systems-lab/dsse, protocol.md).
func preAuthenticationEncoding(payloadType string, payload []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload)), payload...)
}

// decode reads one JSON document into v by the exact names of v's fields and refuses what two readers could read
// differently: a field that occurs twice, text after the document, invalid UTF-8. Fields that v does not have may stand beside.
func decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	strict, err := strictjson.UnmarshalStrict(data, v, strictjson.DisallowDuplicateFields)
	if err != nil {
		return fmt.Errorf("not JSON of the expected form: %w", err)
	}
	return errors.Join(strict...)
}
