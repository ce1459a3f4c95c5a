// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/sync/semaphore"

	"github.com/assay-dev/assay/internal/image"
)

const (
	maxTokens = 256
	// defaultTokenLife is how long a token is good whose service does not say (Docker's token authentication specification).
	defaultTokenLife = time.Minute
	maxTokenLife     = time.Hour
)

// endpoint knows how one registry host wants to be shown who asks, and keeps the tokens that it gave.
type endpoint struct {
	session *session
	host    string

	turn      *semaphore.Weighted // held by whoever reads or changes what follows
	challenge *transport.Challenge
	tokens    map[tokenKey]token
}

// scope is what a token is for.
type scope struct {
	repository image.Repository
	push       bool
}

// String is the scope as token services read it.
func (s scope) String() string {
	actions := "pull"
	if s.push {
		actions = "pull,push"
	}
	return "repository:" + s.repository.Path() + ":" + actions
}

// tokenKey has the login's address in it, not the login: the session's logins never change.
type tokenKey struct {
	scope scope
	login *authn.AuthConfig
}

type token struct {
	value   string
	expires time.Time
}

// grant is how to send a request.
type grant struct {
	scheme string
	// header is the Authorization header; "" is none.
	header string
	// reused says that the token in it was got for an earlier request.
	reused bool
}

var (
	errTokenHost = errors.New("the credentials of the registry may not be shown to its token service")
	errRealm     = errors.New("the registry's answer names no usable token service")
)

func newEndpoint(s *session, host string) *endpoint {
	return &endpoint{session: s, host: host, turn: semaphore.NewWeighted(1), tokens: map[tokenKey]token{}}
}

// authorize finds out how to send a request for the scope as login; nil is nobody.
func (e *endpoint) authorize(ctx context.Context, sc scope, login *authn.AuthConfig) (grant, error) {
	if err := e.turn.Acquire(ctx, 1); err != nil {
		return grant{}, err
	}
	defer e.turn.Release(1)
	ctx, cancel := context.WithTimeout(ctx, e.session.options.Timeout)
	defer cancel()
	if e.challenge == nil {
		challenge, err := e.ping(ctx)
		if err != nil {
			return grant{}, err
		}
		e.challenge = challenge
	}
	g := grant{scheme: "https"}
	if e.challenge.Insecure {
		g.scheme = "http"
	}
	switch {
	case !strings.EqualFold(e.challenge.Scheme, "bearer"):
		g.header = basic(login)
	case login != nil && login.RegistryToken != "":
		g.header = "Bearer " + login.RegistryToken
	default:
		value, reused, err := e.token(ctx, sc, login)
		if err != nil {
			return grant{}, err
		}
		g.header, g.reused = "Bearer "+value, reused
	}
	return g, nil
}

// token returns a token that is good still, or a new one.
func (e *endpoint) token(ctx context.Context, sc scope, login *authn.AuthConfig) (value string, reused bool, err error) {
	key := tokenKey{scope: sc, login: login}
	now := e.session.options.Now()
	if known, there := e.tokens[key]; there && now.Before(known.expires) {
		return known.value, true, nil
	}
	made, err := e.exchange(ctx, sc, login, now)
	if err != nil {
		return "", false, err
	}
	if len(e.tokens) >= maxTokens {
		clear(e.tokens)
	}
	e.tokens[key] = made
	return made.value, false, nil
}

// forget drops what the registry does not accept any more.
func (e *endpoint) forget(ctx context.Context) {
	if e.turn.Acquire(ctx, 1) != nil {
		return // the next request ends for the same reason
	}
	defer e.turn.Release(1)
	e.challenge = nil
	clear(e.tokens)
}

// ping asks the registry how it wants to be shown who asks. No credentials are sent.
func (e *endpoint) ping(ctx context.Context) (*transport.Challenge, error) {
	host, err := e.registry()
	if err != nil {
		return nil, err
	}
	return transport.Ping(ctx, host, e.pinnedTo(e.host))
}

func (e *endpoint) pinnedTo(host string) *pinned {
	return &pinned{inner: e.session.transport, host: host}
}

// registry is the endpoint in the words of the library, which tries plain HTTP after HTTPS where that is allowed.
func (e *endpoint) registry() (name.Registry, error) {
	if slices.Contains(e.session.options.InsecureHosts, e.host) {
		return name.NewRegistry(e.host, name.Insecure)
	}
	return name.NewRegistry(e.host)
}

// exchange gives the login for a token.
func (e *endpoint) exchange(ctx context.Context, sc scope, login *authn.AuthConfig, now time.Time) (token, error) {
	realm, err := url.Parse(e.challenge.Parameters["realm"])
	if err != nil || realm.Host == "" || realm.User != nil {
		return token{}, errRealm
	}
	if login != nil && !e.mayShowTo(realm) {
		return token{}, errTokenHost
	}
	host, err := e.registry()
	if err != nil {
		return token{}, err
	}
	who := authn.Anonymous
	if login != nil {
		who = authn.FromConfig(*login)
	}
	got, err := transport.Exchange(ctx, host, who, e.pinnedTo(realm.Host), []string{sc.String()}, e.challenge)
	if err != nil {
		return token{}, err
	}
	value := got.Token
	if got.AccessToken != "" {
		value = got.AccessToken
	}
	life := defaultTokenLife
	if got.ExpiresIn > 0 {
		life = min(time.Duration(got.ExpiresIn)*time.Second, maxTokenLife)
	}
	return token{value: value, expires: now.Add(life * 9 / 10)}, nil
}

// mayShowTo says whether a token service may see the registry's credentials: it is the registry itself, it shares the
// registry's registrable domain over HTTPS, or it is listed in Options.TokenHosts.
func (e *endpoint) mayShowTo(realm *url.URL) bool {
	if realm.Host == e.host || slices.Contains(e.session.options.TokenHosts, realm.Host) {
		return true
	}
	return realm.Scheme == "https" && registrableDomain(realm.Host) != "" && registrableDomain(realm.Host) == registrableDomain(e.host)
}

// registrableDomain is the part of a host's name that one owner registered; "" for addresses and names without one.
func registrableDomain(host string) string {
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host))
	if err != nil {
		return ""
	}
	return domain
}

func basic(login *authn.AuthConfig) string {
	if login == nil || login.Username == "" && login.Password == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login.Username+":"+login.Password))
}
