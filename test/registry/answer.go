// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
)

// answer is a response held in memory, where a fault can change it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newAnswer() *answer { return &answer{status: http.StatusOK, header: http.Header{}} }

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { a.body = append(a.body, p...); return len(p), nil }

func (a *answer) ok() bool { return a.status/100 == 2 }

func (a *answer) writeHead(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
}

// write sends the answer with a Content-Length that agrees with it. To a HEAD request the server sends no body.
func (a *answer) write(w http.ResponseWriter) {
	a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	a.writeHead(w)
	_, _ = w.Write(a.body) // a client that is gone needs no answer
}

// truth is what an honest registry answers, with the body also where a HEAD request asks without it.
func (x exchange) truth() *answer {
	req := x.req
	if req.Method == http.MethodHead {
		req = req.Clone(req.Context())
		req.Method = http.MethodGet
	}
	a := newAnswer()
	x.registry.answer(a, req)
	return a
}

// tamper sends the honest answer, changed when it is a success.
func (x exchange) tamper(change func(*answer)) {
	a := x.truth()
	if a.ok() {
		change(a)
	}
	a.write(x.w)
}

// ask puts a question to the honest store, past accounts, script and journal.
func (r *Registry) ask(method, path, contentType string, body []byte) *answer {
	a := newAnswer()
	req, err := http.NewRequestWithContext(context.Background(), method, r.URL()+path, io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		a.status = http.StatusBadRequest
		return a
	}
	req.Header.Set("Content-Type", contentType)
	r.store.ServeHTTP(a, req)
	return a
}
