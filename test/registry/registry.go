// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package registry is the OCI registry that tests and the demo run against: a real one (go-containerregistry's, with the
// referrers API), which also counts and remembers every request, knows accounts, and can be scripted to misbehave.
//
// A script is a list of rows: which requests, from the how manyth on, for how many, and a named [Fault]. Every fault has a
// test that drives it through a real client; TestEveryFaultIsUsed keeps it so.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Registry is a running registry. All its methods may be called while requests are being served.
type Registry struct {
	host    string
	store   http.Handler
	journal *journal
	script  *script
	gate    *gate
	pki     *pki
	before  func(Request)
	after   func(Request)

	mu     sync.Mutex
	server *http.Server // nil while the registry is down
}

// New starts a registry that ends with the test.
func New(t testing.TB, opts ...Option) *Registry {
	t.Helper()
	r, err := Start(opts...)
	if err != nil {
		t.Fatalf("start the test registry: %v", err)
	}
	t.Cleanup(r.Close)
	return r
}

// Start starts a registry; the caller closes it.
func Start(opts ...Option) (*Registry, error) {
	c := config{address: "127.0.0.1:0", referrers: true}
	for _, o := range opts {
		o(&c)
	}
	store, err := c.store()
	if err != nil {
		return nil, err
	}
	r := &Registry{
		host:    c.address,
		store:   store,
		journal: &journal{},
		script:  &script{},
		before:  c.before,
		after:   c.after,
	}
	r.gate = newGate(c.scheme, c.accounts)
	if c.tls {
		if r.pki, err = newPKI(); err != nil {
			return nil, err
		}
	}
	return r, r.Up()
}

// Host is what stands before the repository in a reference, such as "127.0.0.1:35021".
func (r *Registry) Host() string { return r.host }

// URL is the scheme and the host, such as "http://127.0.0.1:35021".
func (r *Registry) URL() string {
	if r.pki != nil {
		return "https://" + r.host
	}
	return "http://" + r.host
}

// CA is the certificate of the authority that signed the registry's own one, as PEM; nil without [WithTLS].
func (r *Registry) CA() []byte {
	if r.pki == nil {
		return nil
	}
	return r.pki.caPEM
}

// Up makes a registry that is down listen again, at the same address and with the same content.
func (r *Registry) Up() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", r.host)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	r.host = l.Addr().String()
	server := &http.Server{
		Handler:           http.HandlerFunc(r.serve),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	r.server = server
	if r.pki != nil {
		server.TLSConfig = r.pki.server
		go serve(func() error { return server.ServeTLS(l, "", "") })
		return nil
	}
	go serve(func() error { return server.Serve(l) })
	return nil
}

// serve runs a server until it is closed. A listener that breaks by itself shows in the test as connections refused.
func serve(run func() error) {
	if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Printf("test registry: %v", err)
	}
}

// Down cuts all connections and refuses new ones until [Registry.Up]. Content, accounts and script stay.
func (r *Registry) Down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return
	}
	_ = r.server.Close() // the listener is gone whatever it says
	r.server = nil
}

// Close ends the registry.
func (r *Registry) Close() { r.Down() }

// Put stores a manifest as it is, under any reference: also under a digest that is not its own, and also when it is no
// manifest at all. It is not counted as a request and meets no fault.
func (r *Registry) Put(repository, reference string, mediaType types.MediaType, body []byte) error {
	a := r.ask(http.MethodPut, manifestPath(repository, reference), string(mediaType), body)
	if a.status != http.StatusCreated {
		return fmt.Errorf("put %s in %s: status %d: %s", reference, repository, a.status, a.body)
	}
	return nil
}

// serve answers one request: counted, perhaps faulty, otherwise true.
func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	rec := r.journal.open(req, r.gate.user(req))
	row, faulty := r.script.next(rec.Request)
	if faulty {
		r.journal.update(func() { rec.Fault = row.Fault })
	}
	if r.before != nil {
		r.before(r.journal.copy(rec))
	}
	if r.after != nil {
		defer func() { r.after(r.journal.copy(rec)) }()
	}
	req.Body = &countingBody{ReadCloser: req.Body, journal: r.journal, rec: rec}
	cw := &countingWriter{ResponseWriter: w, journal: r.journal, rec: rec}
	if faulty {
		injector(row.Fault)(exchange{registry: r, row: row, about: rec.Request, w: cw, req: req})
		return
	}
	r.answer(cw, req)
}

// answer is what an honest registry says.
func (r *Registry) answer(w http.ResponseWriter, req *http.Request) {
	if r.gate.handle(w, req, r.URL()) {
		return
	}
	r.store.ServeHTTP(w, req)
}
