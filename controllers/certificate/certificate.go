// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package certificate keeps the certificates of Assay's servers, the admission webhook and the one that answers queries: it
// makes them, writes each to a Secret for the server and its authority to where callers find it, and renews it in time.
//
// For each it reads and writes exactly two objects by name. The libraries that do this list every Secret of the namespace.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// lifetime of the certificate and of the authority that signed it.
	lifetime = 90 * 24 * time.Hour
	// renewBefore is how long before its end the certificate is renewed.
	renewBefore = 30 * 24 * time.Hour
	// backdate allows for clocks that are behind.
	backdate = time.Hour
)

// authorityKey is the key of a Secret or ConfigMap with the authorities that callers are to believe, in PEM form.
const authorityKey = "ca.crt"

// issued is a certificate as the Secret holds it, in PEM form.
type issued struct{ certificate, key, authority []byte }

// issue makes a certificate for the names. The authority signs this one certificate and its key is thrown away.
func issue(names []string, now time.Time) (issued, error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return issued{}, err
	}
	authority := template("assay authority", now)
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return issued{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return issued{}, err
	}
	leaf := template("assay", now)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, address)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), authorityKey)
	if err != nil {
		return issued{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return issued{}, err
	}
	return issued{
		certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}),
		key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		authority:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER}),
	}, nil
}

func template(name string, now time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // crypto/rand does not fail.
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(lifetime),
	}
}

// usable says that the Secret holds a certificate for all the names that its authority signed and that is far from its end.
func usable(secret *corev1.Secret, names []string, now time.Time) error {
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return err
	}
	if now.After(pair.Leaf.NotAfter.Add(-renewBefore)) {
		return fmt.Errorf("the certificate is close to its end")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(secret.Data[authorityKey])
	for _, name := range names {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err != nil {
			return err
		}
	}
	return nil
}
