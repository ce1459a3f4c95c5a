// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kill_test

import (
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
)

// gateway stands between the controller and the API server, lets everything pass, and shows every write to a meter before it is
// passed on and before it is answered. The controller's token passes with the request.
type gateway struct {
	url   string
	ca    []byte // by which the gateway is believed, as PEM
	proxy *httputil.ReverseProxy
	meter atomic.Pointer[meter] // nil while nothing is counted
}

func newGateway(t *testing.T, config *rest.Config) *gateway {
	t.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	silent := log.New(io.Discard, "", 0) // that clients were killed is no news
	g := &gateway{proxy: &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorLog:      silent,
	}}
	server := httptest.NewUnstartedServer(g)
	server.Config.ErrorLog = silent
	server.StartTLS() // clients send their tokens by TLS only
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	g.url, g.ca = server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return g
}

// ServeHTTP implements [http.Handler].
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := g.meter.Load()
	if m == nil || !isWrite(r) {
		g.proxy.ServeHTTP(w, r)
		return
	}
	e, ok := m.begin(r.Method + " " + resource(r.URL.Path))
	if !ok {
		panic(http.ErrAbortHandler) // the client is dead
	}
	answer := httptest.NewRecorder()
	g.proxy.ServeHTTP(answer, r)
	m.end(e)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // a client that is gone needs no answer
}

// isWrite says whether a request changes what the API server holds. Reviews of rights are asked for by POST and change nothing.
func isWrite(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return !strings.HasPrefix(r.URL.Path, "/apis/authorization.k8s.io/") && !strings.HasPrefix(r.URL.Path, "/apis/authentication.k8s.io/")
}

// resource is the path after the group and the version: namespaces/dev/trustedimages/checkout/status.
func resource(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	head := 2 // api/v1
	if parts[0] == "apis" {
		head = 3
	}
	return strings.Join(parts[min(head, len(parts)):], "/")
}
