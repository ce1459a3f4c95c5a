// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package azurekeys serves the part of Azure Key Vault that signs, and of Microsoft Entra ID that lets a Kubernetes service account in
// (workload identity), by their own names: clients reach both through a proxy on this host. Signatures are real; whoever does not follow
// the protocols gets nothing.
package azurekeys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
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
	services, proxy *httptest.Server
	folder          string
	access          string

	mu      sync.Mutex
	keys    map[string]*ecdsa.PrivateKey
	refusal int
}

// New starts a service that ends with the test.
func New(t *testing.T) *Service {
	t.Helper()
	s := &Service{folder: t.TempDir(), access: rand.Text(), keys: map[string]*ecdsa.PrivateKey{}}
	certificate := s.certificate(t)
	s.write(t, "token", []byte(assertion))
	s.services = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.services.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	s.services.StartTLS()
	t.Cleanup(s.services.Close)
	s.proxy = httptest.NewServer(http.HandlerFunc(s.connect))
	t.Cleanup(s.proxy.Close)
	return s
}

// Environment is what a pod with workload identity has, and the way through the proxy.
func (s *Service) Environment() []string {
	return []string{
		"AZURE_TENANT_ID=" + tenant, "AZURE_CLIENT_ID=" + client, "AZURE_AUTHORITY_HOST=https://" + authority + "/",
		"AZURE_FEDERATED_TOKEN_FILE=" + filepath.Join(s.folder, "token"),
		"HTTPS_PROXY=" + s.proxy.URL, "SSL_CERT_FILE=" + filepath.Join(s.folder, "ca.pem"),
	}
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

// Stop ends it, before the test does.
func (s *Service) Stop() {
	s.proxy.Close()
	s.services.Close()
}

func (s *Service) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificate is for the names of both services, by an authority of its own.
func (s *Service) certificate(t *testing.T) tls.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{host, authority},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: private}
}

// connect leads to the services, and nowhere else.
func (s *Service) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect || r.Host != host+":443" && r.Host != authority+":443" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	var dialer net.Dialer
	there, err := dialer.DialContext(r.Context(), "tcp", s.services.Listener.Addr().String())
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = there.Close() }()
	w.WriteHeader(http.StatusOK)
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = here.Close() }()
	go func() {
		_, _ = io.Copy(there, buffered) // what ends it shows on the other side
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
}
