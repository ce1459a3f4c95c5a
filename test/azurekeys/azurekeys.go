// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package azurekeys serves the part of Azure Key Vault that signs, and of Microsoft Entra ID that lets a Kubernetes service account in
// (workload identity), by their own names. Signatures are real; whoever does not follow the protocols gets nothing.
package azurekeys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/assay-dev/assay/test/byname"
)

// The names by which the services are reached, and who is let in.
const (
	host      = "assay.vault.azure.net"
	authority = "login.microsoftonline.com"
	tenant    = "11111111-2222-3333-4444-555555555555"
	client    = "66666666-7777-8888-9999-000000000000"
	assertion = "canary-of-a-service-account-token"
)

// Service is a running one.
type Service struct {
	network   *byname.Network
	tokenFile string
	access    string

	mu      sync.Mutex
	keys    map[string]*ecdsa.PrivateKey
	refusal int
}

// New starts a service that ends with the test.
func New(t *testing.T) *Service {
	t.Helper()
	s := &Service{
		network: byname.New(t, host, authority), tokenFile: filepath.Join(t.TempDir(), "token"),
		access: rand.Text(), keys: map[string]*ecdsa.PrivateKey{},
	}
	if err := os.WriteFile(s.tokenFile, []byte(assertion), 0o600); err != nil {
		t.Fatal(err)
	}
	s.network.Serve(t, http.HandlerFunc(s.serve), host, authority)
	return s
}

// Environment is what a pod with workload identity has, and the way to the services.
func (s *Service) Environment() []string {
	return append(s.network.Environment(), "AZURE_TENANT_ID="+tenant, "AZURE_CLIENT_ID="+client,
		"AZURE_AUTHORITY_HOST=https://"+authority+"/", "AZURE_FEDERATED_TOKEN_FILE="+s.tokenFile)
}

// AddECDSA makes a key on P-256 and returns its URI in Sigstore's form.
func (s *Service) AddECDSA(t *testing.T, name string) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[name] = private
	return "azurekms://" + host + "/" + name
}

// Refuse lets the vault answer everything with a status from now on; 0 ends that.
func (s *Service) Refuse(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = status
}

// Stop takes the way to it away, before the test ends.
func (s *Service) Stop() { s.network.Stop() }
