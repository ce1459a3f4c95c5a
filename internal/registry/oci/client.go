// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package oci speaks to OCI registries. Nothing that a registry says is believed: addresses are checked when they are
// dialled, content is hashed and bounded, credentials go to the host that they are for and to no other.
package oci

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"net"
	"net/http"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

const (
	maxSessions   = 1024
	maxTransports = 128
	// maxAuthorities bounds a bundle of certificates, in bytes: parsing takes time.
	maxAuthorities = 1 << 20
)

// Client gives readers and attachers that share connections, and for equal credentials also tokens. It is safe for
// concurrent use.
type Client struct {
	options  Options
	resolver *net.Resolver // nil is the system's; tests have one of their own
	hosts    *hosts
	turns    turns

	mu         sync.Mutex
	sessions   *lru.Cache[key, *session]
	transports *lru.Cache[key, *http.Transport]
}

// key is a hash, so that no secret stands in a map.
type key [sha256.Size]byte

var _ registry.Provider = (*Client)(nil)

// New returns a client.
func New(options Options) (*Client, error) {
	options = options.withDefaults()
	hosts, err := newHosts(options)
	if err != nil {
		return nil, err
	}
	sessions, err := lru.New[key, *session](maxSessions)
	if err != nil {
		return nil, err
	}
	transports, err := lru.NewWithEvict(maxTransports, func(_ key, t *http.Transport) { t.CloseIdleConnections() })
	if err != nil {
		return nil, err
	}
	return &Client{options: options, hosts: hosts, turns: newTurns(), sessions: sessions, transports: transports}, nil
}

// Reader implements registry.Provider. The error is KindInvalidCredentials.
func (c *Client) Reader(credentials registry.Credentials) (registry.Reader, error) {
	s, err := c.session(credentials)
	if err != nil {
		return nil, err
	}
	return &reader{session: s}, nil
}

// Writer returns a Writer that pushes with the credentials. The error is KindInvalidCredentials.
func (c *Client) Writer(credentials registry.Credentials) (registry.Writer, error) {
	s, err := c.session(credentials)
	if err != nil {
		return nil, err
	}
	return &attacher{reader: reader{session: s}, turns: c.turns}, nil
}

// session returns the session of equal credentials, or a new one.
func (c *Client) session(credentials registry.Credentials) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := hashOf(slices.Concat(credentials.DockerConfigs, [][]byte{credentials.CertificateAuthorities})...)
	if known, there := c.sessions.Get(id); there {
		return known, nil
	}
	chain, err := newKeychain(credentials.DockerConfigs)
	if err != nil {
		return nil, err
	}
	transport, err := c.transport(credentials.CertificateAuthorities)
	if err != nil {
		return nil, err
	}
	s, err := newSession(c.options, &courteous{inner: transport, insecure: c.options.InsecureHosts, hosts: c.hosts}, chain)
	if err != nil {
		return nil, err
	}
	c.sessions.Add(id, s)
	return s, nil
}

// transport returns the transport of everybody who trusts the same authorities beside the system's. It is called under mu.
func (c *Client) transport(authorities []byte) (*http.Transport, error) {
	id := hashOf(authorities)
	if known, there := c.transports.Get(id); there {
		return known, nil
	}
	var roots *x509.CertPool
	if len(authorities) > 0 {
		var err error
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
		if len(authorities) > maxAuthorities || !roots.AppendCertsFromPEM(authorities) {
			return nil, registry.NewError(registry.KindInvalidCredentials, nil,
				"the registry's certificate authorities are no PEM certificates of at most %d bytes: correct ca.crt in spec.source.registry.certSecretRef",
				maxAuthorities)
		}
	}
	transport := c.newTransport(roots)
	c.transports.Add(id, transport)
	return transport, nil
}

// hashOf hashes a list such that no other list has the same hash.
func hashOf(parts ...[]byte) key {
	hash := sha256.New()
	for _, part := range parts {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		hash.Write(part)
	}
	return key(hash.Sum(nil))
}

// dockerHubEndpoint is where Docker Hub's API is.
const dockerHubEndpoint = "registry-1.docker.io"

// endpointOf is the host that serves a repository.
func endpointOf(repository image.Repository) string {
	if repository.Host() == image.DockerHub {
		return dockerHubEndpoint
	}
	return repository.Host()
}
