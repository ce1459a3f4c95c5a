// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package awskms serves the part of AWS KMS that signs, at an address of this host: keys, DescribeKey, GetPublicKey and Sign in the
// service's JSON protocol, with its errors, over TLS, and with real signatures. It checks that requests are signed (Signature Version 4)
// with the one access key that it has.
package awskms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Credentials that it accepts, and its region.
const (
	AccessKey = "AKIDEXAMPLE"
	SecretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	Region    = "eu-central-1"
)

// maxRequest bounds a request, in bytes; real ones have less than 8 KiB.
const maxRequest = 64 << 10

// Service is a running one.
type Service struct {
	server      *httptest.Server
	certificate string

	mu      sync.Mutex
	keys    map[string]key // by id, which is an alias
	refusal *Refusal
	calls   map[string]int
}

// Refusal is an error that the service answers with.
type Refusal struct {
	Status int
	// Type such as AccessDeniedException.
	Type string
}

// key is one, and the algorithms that it signs with.
type key struct {
	private    crypto.Signer
	spec       string
	algorithms []string
}

// New starts a service that ends with the test.
func New(t *testing.T) *Service {
	t.Helper()
	s := &Service{keys: map[string]key{}, calls: map[string]int{}}
	s.server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	s.certificate = filepath.Join(t.TempDir(), "awskms.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	if err := os.WriteFile(s.certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// Environment is what a client needs.
func (s *Service) Environment() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_REGION=" + Region,
		"AWS_CA_BUNDLE=" + s.certificate, "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1",
	}
}

// URI names the key with the alias in Sigstore's form.
func (s *Service) URI(alias string) string {
	return "awskms://" + s.server.Listener.Addr().String() + "/alias/" + alias
}

// AddECDSA makes a key on P-256; one that has the alias is replaced.
func (s *Service) AddECDSA(t *testing.T, alias string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.add(alias, key{private: private, spec: "ECC_NIST_P256", algorithms: []string{"ECDSA_SHA_256"}})
}

// AddRSA makes a key of 2048 bits.
func (s *Service) AddRSA(t *testing.T, alias string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.add(alias, key{private: private, spec: "RSA_2048", algorithms: []string{"RSASSA_PKCS1_V1_5_SHA_256"}})
}

func (s *Service) add(alias string, made key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys["alias/"+alias] = made
}

// Refuse lets every request fail from now on; nil ends that.
func (s *Service) Refuse(refusal *Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = refusal
}

// Calls counts the requests for an action, such as Sign.
func (s *Service) Calls(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[action]
}

// serve answers one request. The action stands in a header (AWS JSON 1.1).
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	action, ofKMS := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	s.calls[action]++
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	var request request
	switch {
	case err != nil || !ofKMS || json.Unmarshal(body, &request) != nil:
		answerError(w, &Refusal{http.StatusBadRequest, "SerializationException"})
	case !signed(r, body):
		answerError(w, &Refusal{http.StatusBadRequest, "InvalidSignatureException"})
	case s.refusal != nil:
		answerError(w, s.refusal)
	default:
		s.act(w, action, request)
	}
}

// pkix is the key's public half.
func (k key) pkix() []byte {
	encoded, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		panic(err) // it was made here
	}
	return encoded
}
