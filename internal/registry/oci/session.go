// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

const maxEndpoints = 256

// session is what readers and attachers with equal credentials share.
type session struct {
	options   Options
	transport http.RoundTripper
	keychain  keychain
	endpoints *lru.Cache[string, *endpoint]
}

func newSession(options Options, transport http.RoundTripper, chain keychain) (*session, error) {
	endpoints, err := lru.New[string, *endpoint](maxEndpoints)
	return &session{options: options, transport: transport, keychain: chain, endpoints: endpoints}, err
}

// request is one request to a repository, which can be sent again.
type request struct {
	// about is what is asked for, for messages.
	about      about
	repository image.Repository
	method     string
	// resource is what follows /v2/<repository>/ in the path. location, when set, is where the registry sent an upload.
	resource string
	query    url.Values
	location *url.URL
	header   http.Header
	body     []byte
}

func (r *request) reads() bool { return r.method == http.MethodGet || r.method == http.MethodHead }

// send sends the request with each login for the repository until one is not refused. The caller closes the body of the
// response, whose status may be any. The error is a *registry.Error.
func (s *session) send(ctx context.Context, r *request) (*http.Response, error) {
	logins := s.keychain.logins(r.repository)
	r.about.anonymous = logins[0] == nil
	for {
		response, err := s.sendAs(ctx, r, logins[0])
		refused := registry.IsKind(err, registry.KindUnauthorized) ||
			err == nil && (response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden)
		if logins = logins[1:]; !refused || len(logins) == 0 {
			return response, err
		}
		if err == nil {
			discard(response)
		}
	}
}

// sendAs sends the request with one login, and once more when a token of an earlier request is not accepted any more.
func (s *session) sendAs(ctx context.Context, r *request, login *authn.AuthConfig) (*http.Response, error) {
	host := endpointOf(r.repository)
	e := s.endpoint(host)
	for {
		grant, err := e.authorize(ctx, scope{repository: r.repository, push: r.about.push}, login)
		if err != nil {
			return nil, r.about.failed(ctx, err)
		}
		response, err := s.exchange(ctx, r, host, grant)
		if err != nil {
			return nil, r.about.failed(ctx, err)
		}
		if response.StatusCode != http.StatusUnauthorized {
			return response, nil
		}
		e.forget(ctx)
		if !grant.reused {
			return response, nil
		}
		discard(response)
	}
}

// exchange sends the request once.
func (s *session) exchange(ctx context.Context, r *request, host string, g grant) (*http.Response, error) {
	target := r.location
	if target == nil {
		target = &url.URL{
			Scheme: g.scheme, Host: host,
			Path: "/v2/" + r.repository.Path() + "/" + r.resource, RawQuery: r.query.Encode(),
		}
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		sent.Header[name] = values
	}
	if g.header != "" && target.Host == host && target.Scheme == g.scheme { // a next page is where a redirect led
		sent.Header.Set("Authorization", g.header)
	}
	client := http.Client{Transport: s.transport, CheckRedirect: followNothing}
	if r.reads() {
		client.CheckRedirect = followReads
	}
	return client.Do(sent)
}

// endpoint returns what is known of a host.
func (s *session) endpoint(host string) *endpoint {
	made := newEndpoint(s, host)
	if known, there, _ := s.endpoints.PeekOrAdd(host, made); there {
		s.endpoints.Get(host) // marks it as used
		return known
	}
	return made
}

// maxDiscard and discardTimeout are how much of an answer that nobody wants is read, in bytes, and for how long, so that its
// connection can be used again. A blob's request has no deadline that would end a body that never comes.
const (
	maxDiscard     = 64 << 10
	discardTimeout = time.Second
)

func discard(response *http.Response) {
	timer := time.AfterFunc(discardTimeout, func() { _ = response.Body.Close() })
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, response.Body, maxDiscard) // the answer is not wanted, nor is its error
	_ = response.Body.Close()
}
