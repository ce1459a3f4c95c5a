// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package byname lets clients of public services reach servers of a test by the services' own names, over TLS: through a proxy on this host
// that leads to the servers and nowhere else, with certificates of an authority of its own.
package byname

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

// Network is the way to some names.
type Network struct {
	// Certificate is for all names; CertificateFile and KeyFile have it in PEM form.
	Certificate              tls.Certificate
	CertificateFile, KeyFile string

	proxy *httptest.Server
	mu    sync.Mutex
	leads map[string]string // from a name to an address of this host
}

// New makes a network for names, which ends with the test.
func New(t *testing.T, names ...string) *Network {
	t.Helper()
	folder := t.TempDir()
	n := &Network{CertificateFile: filepath.Join(folder, "ca.pem"), KeyFile: filepath.Join(folder, "key.pem"), leads: map[string]string{}}
	n.certify(t, names)
	n.proxy = httptest.NewServer(http.HandlerFunc(n.connect))
	t.Cleanup(n.proxy.Close)
	return n
}

// Lead leads a name to an address of this host.
func (n *Network) Lead(name, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leads[name+":443"] = address
}

// Environment is what a client needs.
func (n *Network) Environment() []string {
	return []string{"HTTPS_PROXY=" + n.proxy.URL, "SSL_CERT_FILE=" + n.CertificateFile}
}

// Stop ends it, before the test does.
func (n *Network) Stop() { n.proxy.Close() }

// Serve starts a server for the name that ends with the test.
func (n *Network) Serve(t *testing.T, handler http.Handler, names ...string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{n.Certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	for _, name := range names {
		n.Lead(name, server.Listener.Addr().String())
	}
}

// certify makes the certificate.
func (n *Network) certify(t *testing.T, names []string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{n.CertificateFile: {Type: "CERTIFICATE", Bytes: raw}, n.KeyFile: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.Certificate = tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: private}
}

// connect leads one connection.
func (n *Network) connect(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	address, known := n.leads[r.Host]
	n.mu.Unlock()
	if r.Method != http.MethodConnect || !known {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	var dialer net.Dialer
	there, err := dialer.DialContext(r.Context(), "tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = there.Close() }()
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = here.Close() }()
	// The server's own answer would announce a body, which there is none of (RFC 9110, section 9.3.6).
	if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(there, buffered) // what ends it shows on the other side
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
}
