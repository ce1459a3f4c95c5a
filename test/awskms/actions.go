// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package awskms

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// request has the fields of all actions (AWS KMS API Reference).
type request struct {
	KeyID            string `json:"KeyId"`
	Message          []byte `json:"Message"`
	MessageType      string `json:"MessageType"`
	SigningAlgorithm string `json:"SigningAlgorithm"`
}

// act does what is asked for.
func (s *Service) act(w http.ResponseWriter, action string, r request) {
	found, exists := s.keys[r.KeyID]
	if !exists {
		answerError(w, &Refusal{http.StatusBadRequest, "NotFoundException"})
		return
	}
	switch action {
	case "DescribeKey":
		answer(w, map[string]any{"KeyMetadata": map[string]any{
			"KeyId": r.KeyID, "KeyUsage": "SIGN_VERIFY", "KeyState": "Enabled", "Enabled": true,
			"KeySpec": found.spec, "CustomerMasterKeySpec": found.spec, "SigningAlgorithms": found.algorithms,
		}})
	case "GetPublicKey":
		answer(w, map[string]any{"KeyId": r.KeyID, "PublicKey": found.pkix(), "KeySpec": found.spec, "SigningAlgorithms": found.algorithms})
	case "Sign":
		if r.MessageType != "DIGEST" || !slices.Contains(found.algorithms, r.SigningAlgorithm) || len(r.Message) != sha256.Size {
			answerError(w, &Refusal{http.StatusBadRequest, "ValidationException"})
			return
		}
		sig, err := found.private.Sign(rand.Reader, r.Message, crypto.SHA256)
		if err != nil {
			answerError(w, &Refusal{http.StatusInternalServerError, "KMSInternalException"})
			return
		}
		answer(w, map[string]any{"KeyId": r.KeyID, "Signature": sig, "SigningAlgorithm": r.SigningAlgorithm})
	default:
		answerError(w, &Refusal{http.StatusBadRequest, "UnknownOperationException"})
	}
}

func answer(w http.ResponseWriter, fields map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(fields) // a client that is gone needs no answer
}

// answerError answers as the service does, with a number for the request.
func answerError(w http.ResponseWriter, r *Refusal) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	w.WriteHeader(r.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": r.Type, "message": "refused, see request"})
}

// signed says that the request is signed with the access key (AWS, Signature Version 4: create a signed request).
func signed(r *http.Request, body []byte) bool {
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ", ") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	time := r.Header.Get("X-Amz-Date")
	if len(time) < len("20060102") {
		return false
	}
	scope := strings.Join([]string{time[:8], Region, "kms", "aws4_request"}, "/")
	if fields["Credential"] != AccessKey+"/"+scope {
		return false
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(fields["SignedHeaders"], ";") {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{r.Method, "/", "", headers.String(), fields["SignedHeaders"], hash(body)}, "\n")
	derived := []byte("AWS4" + SecretKey)
	for part := range strings.SplitSeq(scope, "/") {
		derived = mac(derived, part)
	}
	want := mac(derived, strings.Join([]string{"AWS4-HMAC-SHA256", time, scope, hash([]byte(canonical))}, "\n"))
	return fields["Signature"] == hex.EncodeToString(want)
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, message string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(message))
	return m.Sum(nil)
}
