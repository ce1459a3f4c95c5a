// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sigstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/test/process"
)

// localhost is where all services listen. Rekor signs it as the origin of its checkpoints, by which verifiers find its key.
const localhost = "127.0.0.1"

// Files in the folder.
const (
	rekorKey      = "rekor.key"
	rekorPublic   = "rekor.pub"
	issuerCA      = "issuer-ca.pem"
	fulcioConfig  = "fulcio.json"
	trustedRoot   = "trusted_root.json"
	signingConfig = "signing_config.json"
)

// letIssuerBeAsked lets everybody read the keys of the control plane's issuer, as clusters do whose issuer is to be believed by others.
func (s *starter) letIssuerBeAsked(ctx context.Context) error {
	admin, err := client.New(s.cluster.Config(), client.Options{})
	if err != nil {
		return err
	}
	const role = "system:service-account-issuer-discovery" // every API server has it
	err = admin.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "assay-test-issuer-discovery"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}},
	})
	return client.IgnoreAlreadyExists(err)
}

// startTimestampAuthority starts an authority with a key and a chain of certificates in memory.
func (s *starter) startTimestampAuthority(ctx context.Context) error {
	port, url, err := freePort()
	if err != nil {
		return err
	}
	s.TimestampAuthority = url + "/api/v1/timestamp"
	return s.run(ctx, "timestamp-server", s.TimestampAuthority+"/certchain", nil, "serve",
		"--host="+localhost, "--port="+port, "--timestamp-signer=memory", "--disable-ntp-monitoring")
}

// startRekor starts a log of tiles in the folder, with a key of its own.
func (s *starter) startRekor(ctx context.Context) error {
	if err := s.writeRekorKey(); err != nil {
		return err
	}
	ports, url, err := freePorts()
	if err != nil {
		return err
	}
	s.Rekor = url
	return s.run(ctx, "rekor-server", url+"/healthz", nil, "serve",
		"--http-port="+ports[0], "--grpc-port="+ports[1], "--http-metrics-port="+ports[2], "--hostname="+localhost,
		"--signer-filepath="+rekorKey, "--storage-dir="+filepath.Join(s.dir, "log"),
		// What saves work where there is much of it only makes one entry wait here.
		"--checkpoint-interval=100ms", "--batch-max-age=10ms")
}

func (s *starter) writeRekorKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := s.write(rekorKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})); err != nil {
		return err
	}
	return s.write(rekorPublic, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
}

// startFulcio starts a certificate authority with a key in memory that believes the control plane's issuer. There is no log of
// certificates.
func (s *starter) startFulcio(ctx context.Context) error {
	issuer := s.cluster.Issuer()
	config, err := json.Marshal(map[string]any{"OIDCIssuers": map[string]any{issuer: map[string]string{
		"IssuerURL": issuer, "ClientID": Audience, "Type": "kubernetes",
	}}})
	if err != nil {
		return err
	}
	if err := s.write(fulcioConfig, config); err != nil {
		return err
	}
	if err := s.write(issuerCA, s.cluster.Config().CAData); err != nil {
		return err
	}
	ports, url, err := freePorts()
	if err != nil {
		return err
	}
	s.Fulcio = url
	return s.run(ctx, "fulcio", url+"/healthz", []string{"SSL_CERT_FILE=" + filepath.Join(s.dir, issuerCA)}, "serve",
		"--host="+localhost, "--port="+ports[0], "--grpc-host="+localhost, "--grpc-port="+ports[1], "--metrics-port="+ports[2],
		"--legacy-unix-domain-socket=fulcio.sock", "--ca=ephemeralca", "--ct-log-url=", "--config-path="+fulcioConfig)
}

func (s *starter) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(s.dir, name), content, 0o600)
}

func freePort() (port, url string, err error) {
	address, err := process.FreeAddress()
	if err != nil {
		return "", "", err
	}
	_, port, err = net.SplitHostPort(address)
	return port, "http://" + address, err
}

// freePorts are those for HTTP, gRPC and metrics. The URL is that of the first.
func freePorts() (ports [3]string, url string, err error) {
	for i := range ports {
		var at string
		if ports[i], at, err = freePort(); err != nil {
			return ports, "", err
		}
		if i == 0 {
			url = at
		}
	}
	return ports, url, nil
}
