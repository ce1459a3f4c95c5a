// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/assay-dev/assay/test/process"
)

// etcd listens on sockets in the control plane's folder: no port can be taken
// by somebody else, and nobody else on the host can write past the API server.
// The ports mean nothing; etcd insists on them.
const (
	etcdSocket = "etcd.sock:0"
	peerSocket = "peer.sock:0"
)

// starter starts the processes in their order.
type starter struct {
	binaries  string
	dir       string // also every process's working directory
	processes *process.Group

	ca    *authority
	host  string // "127.0.0.1:port" of the API server
	admin *rest.Config
}

func (s *starter) start(ctx context.Context, options Options) error {
	if err := s.writeCertificates(); err != nil {
		return err
	}
	if err := s.startEtcd(ctx); err != nil {
		return err
	}
	if err := s.startAPIServer(ctx); err != nil {
		return err
	}
	if len(options.Controllers) > 0 {
		if err := s.startControllerManager(options.Controllers); err != nil {
			return err
		}
	}
	if options.Scheduler {
		return s.startScheduler()
	}
	return nil
}

// writeCertificates makes the authority, the serving certificate, the key that
// signs service accounts' tokens and the administrator's kubeconfig.
func (s *starter) writeCertificates() error {
	var err error
	if s.ca, err = newAuthority(); err != nil {
		return err
	}
	if s.host, err = process.FreeAddress(); err != nil {
		return err
	}
	serving, err := s.ca.issue(server("kube-apiserver", net.IPv4(127, 0, 0, 1)))
	if err != nil {
		return err
	}
	tokens, err := newKey()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"ca.crt": s.ca.certificatePEM, "apiserver.crt": serving.certificatePEM,
		"apiserver.key": serving.keyPEM, "tokens.key": tokens.keyPEM,
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	s.admin, err = s.writeKubeconfig(adminKubeconfig, "kubernetes-admin", "system:masters")
	return err
}

func (s *starter) startEtcd(ctx context.Context) error {
	client, peer := "unix://"+etcdSocket, "unix://"+peerSocket
	etcd, err := s.run("etcd", "--name=etcd", "--data-dir=etcd", "--unsafe-no-fsync",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=etcd="+peer)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialIn(ctx, s.dir, etcdSocket)
	}}
	defer transport.CloseIdleConnections()
	return etcd.AwaitReady(ctx, &http.Client{Transport: transport}, "http://etcd/readyz")
}

func (s *starter) startAPIServer(ctx context.Context) error {
	_, port, err := net.SplitHostPort(s.host)
	if err != nil {
		return err
	}
	apiServer, err := s.run("kube-apiserver", "--etcd-servers=unix://"+etcdSocket,
		"--bind-address=127.0.0.1", "--secure-port="+port,
		"--tls-cert-file=apiserver.crt", "--tls-private-key-file=apiserver.key", "--client-ca-file=ca.crt",
		// The API server is an OIDC issuer that others on this host can ask for its keys.
		"--service-account-issuer="+s.admin.Host, "--service-account-jwks-uri="+s.admin.Host+"/openid/v1/jwks",
		"--service-account-key-file=tokens.key", "--service-account-signing-key-file=tokens.key",
		"--authorization-mode=RBAC", "--allow-privileged", "--service-cluster-ip-range=10.0.0.0/24",
		// What serves many clients or several API servers only costs time here.
		"--endpoint-reconciler-type=none", "--enable-priority-and-fairness=false", "--profiling=false")
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(s.admin)
	if err != nil {
		return err
	}
	return apiServer.AwaitReady(ctx, client, s.admin.Host+"/readyz")
}

func (s *starter) startControllerManager(controllers []string) error {
	const kubeconfig = "controller-manager.kubeconfig"
	if _, err := s.writeKubeconfig(kubeconfig, "system:kube-controller-manager"); err != nil {
		return err
	}
	_, err := s.run("kube-controller-manager", "--kubeconfig="+kubeconfig, "--secure-port=0", "--leader-elect=false",
		"--controllers="+strings.Join(controllers, ","), "--use-service-account-credentials",
		"--service-account-private-key-file=tokens.key", "--root-ca-file=ca.crt")
	return err
}

func (s *starter) startScheduler() error {
	const kubeconfig = "scheduler.kubeconfig"
	if _, err := s.writeKubeconfig(kubeconfig, "system:kube-scheduler"); err != nil {
		return err
	}
	_, err := s.run("kube-scheduler", "--kubeconfig="+kubeconfig, "--secure-port=0", "--leader-elect=false")
	return err
}

func (s *starter) run(program string, args ...string) (*process.Process, error) {
	return s.processes.Start(process.Spec{Name: program, Path: filepath.Join(s.binaries, program), Args: args})
}

// writeKubeconfig writes a kubeconfig with a new certificate of a user.
func (s *starter) writeKubeconfig(name, user string, groups ...string) (*rest.Config, error) {
	pair, err := s.ca.issue(client(user, groups...))
	if err != nil {
		return nil, err
	}
	config := &rest.Config{Host: "https://" + s.host, TLSClientConfig: rest.TLSClientConfig{
		CAData: s.ca.certificatePEM, CertData: pair.certificatePEM, KeyData: pair.keyPEM,
	}}
	return config, WriteKubeconfig(filepath.Join(s.dir, name), config)
}
