// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	connectTimeout  = 10 * time.Second
	idleTimeout     = 90 * time.Second
	maxHeaderBytes  = 64 << 10
	maxRedirects    = 5
	maxIdle         = 256
	maxPacedHosts   = 1024
	userAgent       = "assay"
	headerUserAgent = "User-Agent"
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

// courteous is the layer that every request passes, also those for tokens and after redirects: it sends nothing in the
// clear that must not be, and not too much to one host.
type courteous struct {
	inner    http.RoundTripper
	insecure []string
	pace     *pace
}

func (t *courteous) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" && !slices.Contains(t.insecure, request.URL.Host) {
		return nil, errPlainHTTP
	}
	if err := t.pace.of(request.URL.Host).Wait(request.Context()); err != nil {
		return nil, cmp.Or(request.Context().Err(), context.DeadlineExceeded) // it would be the turn of the request too late
	}
	if request.Header.Get(headerUserAgent) != userAgent {
		request = request.Clone(request.Context())
		request.Header.Set(headerUserAgent, userAgent)
	}
	return t.inner.RoundTrip(request)
}

// pace has a rate limiter for each host, and forgets the hosts that were not spoken to for longest.
type pace struct {
	limit    rate.Limit
	burst    int
	limiters *lru.Cache[string, *rate.Limiter]
}

func newPace(o Options) (*pace, error) {
	limiters, err := lru.New[string, *rate.Limiter](maxPacedHosts)
	return &pace{limit: rate.Limit(o.RequestsPerSecond), burst: o.Burst, limiters: limiters}, err
}

func (p *pace) of(host string) *rate.Limiter {
	limiter := rate.NewLimiter(p.limit, p.burst)
	if known, there, _ := p.limiters.PeekOrAdd(host, limiter); there {
		p.limiters.Get(host) // marks it as used
		return known
	}
	return limiter
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
	now   func() time.Time
}

func (t *pinned) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Host != t.host {
		return nil, errForeignHost
	}
	response, err := t.inner.RoundTrip(request)
	if err == nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable) {
		discard(response)
		return nil, &busyError{status: response.StatusCode, after: retryAfter(response.Header.Get("Retry-After"), t.now())}
	}
	return response, err
}

// busyError is an answer that asks to come back later, with what the handshake would not tell of it.
type busyError struct {
	status int
	after  time.Duration
}

func (e *busyError) Error() string { return http.StatusText(e.status) }

var errForeignHost = errors.New("sent to another host during authentication")
