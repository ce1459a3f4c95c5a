// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	connectTimeout = 10 * time.Second
	idleTimeout    = 90 * time.Second
	maxHeaderBytes = 64 << 10
	maxRedirects   = 5
	maxIdle        = 256
)

var (
	errPlainHTTP = errors.New("plain HTTP is not allowed for this host")
	errRedirects = errors.New("too many redirects")
)

// newTransport makes the connections of all readers that trust the same authorities; nil roots are the system's.
func (c *Client) newTransport(roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{
		Timeout:        connectTimeout,
		Resolver:       c.resolver,
		ControlContext: guard{allowed: c.options.AllowedAddresses}.control,
	}
	return &http.Transport{
		Proxy:                  c.options.Proxy,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  c.options.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxConnsPerHost:        c.options.ConnectionsPerHost,
		MaxIdleConnsPerHost:    c.options.ConnectionsPerHost,
		MaxIdleConns:           maxIdle,
		IdleConnTimeout:        idleTimeout,
		// What is hashed is what the registry sent.
		DisableCompression: true,
	}
}

// followReads is the redirect rule for reading: credentials and the former address stay behind when the host or the scheme
// changes, and nothing leads from https to http, which courteous sees to.
func followReads(request *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errRedirects
	}
	if request.URL.Scheme == "http" && via[0].URL.Scheme == "https" {
		return errPlainHTTP
	}
	request.URL.User = nil
	request.Header.Del("Referer")
	if request.URL.Host != via[0].URL.Host || request.URL.Scheme != via[0].URL.Scheme {
		request.Header.Del("Authorization")
	}
	return nil
}

// followNothing is the redirect rule for writing: what is pushed goes to the registry and nowhere else.
func followNothing(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// pinned lets requests pass to one host only: the handshake's, whose redirects lead nowhere good.
type pinned struct {
	inner http.RoundTripper
	host  string
}

func (t *pinned) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Host != t.host {
		return nil, errForeignHost
	}
	return t.inner.RoundTrip(request)
}

var errForeignHost = errors.New("sent to another host during authentication")
