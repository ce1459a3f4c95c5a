// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"io"
	"net/http"
	"sync"
)

// journal remembers requests in the order of their arrival.
type journal struct {
	mu      sync.Mutex
	records []*record
}

// record is a request that is being answered; it is read and written under the journal's lock.
type record struct{ Request }

func (j *journal) open(req *http.Request, user string) *record {
	kind, repository, reference := classify(req.URL.Path)
	rec := &record{Request{
		Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery,
		Kind: kind, Repository: repository, Reference: reference,
		UserAgent: req.UserAgent(), Authorized: req.Header.Get("Authorization") != "", User: user,
	}}
	j.update(func() { j.records = append(j.records, rec) })
	return rec
}

func (j *journal) update(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
}

func (j *journal) copy(rec *record) Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	return rec.Request
}

// Requests lists the requests so far, in the order of their arrival.
func (r *Registry) Requests() []Request {
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	list := make([]Request, 0, len(r.journal.records))
	for _, rec := range r.journal.records {
		list = append(list, rec.Request)
	}
	return list
}

// Forget empties the list of requests, so that a test can count what follows. It does not touch the script.
func (r *Registry) Forget() { r.journal.update(func() { r.journal.records = nil }) }

// Count counts the requests that m chooses.
func (r *Registry) Count(m Matcher) int {
	n := 0
	for _, req := range r.Requests() {
		if m.Matches(req) {
			n++
		}
	}
	return n
}

// BytesServed adds up the bytes of manifests, blobs and lists that left the registry for a repository; of all for "".
func (r *Registry) BytesServed(repository string) int64 {
	var n int64
	for _, req := range r.Requests() {
		if matches(repository, req.Repository) {
			n += req.Sent
		}
	}
	return n
}

// countingWriter counts what is sent ahead of sending it, so that a client that has the answer finds it counted.
type countingWriter struct {
	http.ResponseWriter
	journal *journal
	rec     *record
}

func (w *countingWriter) WriteHeader(status int) {
	w.journal.update(func() { w.rec.Status = status })
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.journal.update(func() {
		if w.rec.Status == 0 {
			w.rec.Status = http.StatusOK
		}
		w.rec.Sent += int64(len(p))
	})
	n, err := w.ResponseWriter.Write(p)
	if short := len(p) - n; short > 0 {
		w.journal.update(func() { w.rec.Sent -= int64(short) })
	}
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// countingBody counts what is received.
type countingBody struct {
	io.ReadCloser
	journal *journal
	rec     *record
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.journal.update(func() { b.rec.Received += int64(n) })
	return n, err
}
