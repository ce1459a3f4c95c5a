// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

const tokenPath = "/token"

// Account is a user and the repositories that are his.
type Account struct {
	User, Password string
	Prefixes       []string // of repository names; none means every repository
	PullOnly       bool
}

// DockerConfig is the account's credentials for a host in the form of a pull secret's .dockerconfigjson.
func (a Account) DockerConfig(host string) []byte {
	login := base64.StdEncoding.EncodeToString([]byte(a.User + ":" + a.Password))
	return fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host, login)
}

// covers reports whether the account may do what the request wants. Requests about no repository are everybody's.
func (a Account) covers(req Request) bool {
	if req.IsPush() && a.PullOnly {
		return false
	}
	return req.Repository == "" || len(a.Prefixes) == 0 ||
		slices.ContainsFunc(a.Prefixes, func(p string) bool { return strings.HasPrefix(req.Repository, p) })
}

// scheme is how a registry wants to be shown who asks.
type scheme int

const (
	open scheme = iota
	basic
	bearer
)

// gate knows accounts and the tokens given out to them.
type gate struct {
	scheme   scheme
	accounts []Account

	mu     sync.Mutex
	tokens map[string]Account
}

func newGate(s scheme, accounts []Account) *gate {
	return &gate{scheme: s, accounts: accounts, tokens: map[string]Account{}}
}

// handle answers requests for tokens and those that are not allowed, and reports whether it did.
func (g *gate) handle(w http.ResponseWriter, req *http.Request, url string) bool {
	about := Request{Method: req.Method}
	about.Kind, about.Repository, about.Reference = classify(req.URL.Path)
	switch {
	case g.scheme == open:
		return false
	case g.scheme == bearer && about.Kind == Token:
		g.giveToken(w, req)
		return true
	}
	account, known := g.account(req)
	switch {
	case known && account.covers(about):
		return false
	case known && g.scheme == basic:
		refuse(w, http.StatusForbidden, "DENIED")
	default:
		g.challenge(w, url, about)
	}
	return true
}

// account is whose credentials the request carries, in the form that the scheme wants.
func (g *gate) account(req *http.Request) (Account, bool) {
	if g.scheme == basic {
		return g.login(req)
	}
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return Account{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	account, ok := g.tokens[token]
	return account, ok
}

func (g *gate) login(req *http.Request) (Account, bool) {
	user, password, ok := req.BasicAuth()
	i := slices.IndexFunc(g.accounts, func(x Account) bool { return x.User == user && x.Password == password })
	if !ok || i < 0 {
		return Account{}, false
	}
	return g.accounts[i], true
}

// user is the name that a request presents, for the journal: also one whose password is wrong.
func (g *gate) user(req *http.Request) string {
	if user, _, ok := req.BasicAuth(); ok {
		return user
	}
	account, _ := g.account(req)
	return account.User
}

// giveToken gives out a token for all that the account may do; scopes are not narrowed.
func (g *gate) giveToken(w http.ResponseWriter, req *http.Request) {
	account, ok := g.login(req)
	if !ok || req.Method != http.MethodGet {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	token := rand.Text()
	g.mu.Lock()
	g.tokens[token] = account
	g.mu.Unlock()
	w.Header().Set(typeHeader, "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": 300}) // a client that is gone needs none
}

// challenge says how to authenticate.
func (g *gate) challenge(w http.ResponseWriter, url string, about Request) {
	if g.scheme == bearer {
		challengeBearer(w, url, about)
		return
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="test registry"`)
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
}

func challengeBearer(w http.ResponseWriter, url string, about Request) {
	challenge := fmt.Sprintf(`Bearer realm="%s%s",service="test registry"`, url, tokenPath)
	if about.Repository != "" {
		action := "pull"
		if about.IsPush() {
			action = "pull,push"
		}
		challenge += fmt.Sprintf(`,scope="repository:%s:%s"`, about.Repository, action)
	}
	w.Header().Set("WWW-Authenticate", challenge)
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
}
