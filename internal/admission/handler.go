// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"io"
	"net/http"
	"time"
)

const (
	// maxBody bounds a review: the API server takes objects of 3 MiB at most, and a review has the old one as well.
	maxBody = 7 << 20
	// smallBody is what almost every review is below. Larger ones wait for one of maxLarge places, so that no number of
	// callers takes more memory than there is.
	smallBody = 64 << 10
	maxLarge  = 8
	// patience is how long a large review waits for its place: as long as the API server waits for the answer.
	patience = 5 * time.Second
)

// Handler answers AdmissionReviews over HTTP.
type Handler struct {
	admitter *Admitter
	large    chan struct{}
}

// NewHandler returns the handler of an Admitter.
func NewHandler(admitter *Admitter) *Handler {
	return &Handler{admitter: admitter, large: make(chan struct{}, maxLarge)}
}

// ServeHTTP answers one review. The API server takes every status but 200 for a webhook that failed, and denies.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "want POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, smallBody))
	if err == nil && len(body) == smallBody {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		select {
		case h.large <- struct{}{}:
			defer func() { <-h.large }()
		case <-ctx.Done():
			http.Error(w, "too many large reviews at once", http.StatusServiceUnavailable)
			return
		}
		body, err = readRest(body, http.MaxBytesReader(w, r.Body, maxBody-smallBody))
	}
	if err != nil {
		http.Error(w, "the review is too large or was cut off", http.StatusBadRequest)
		return
	}
	h.answer(w, body)
}

func (h *Handler) answer(w http.ResponseWriter, body []byte) {
	request, err := decodeRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := encodeResponse(h.admitter.Review(request))
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // The caller has gone; there is nobody to tell.
}

func readRest(read []byte, rest io.Reader) ([]byte, error) {
	more, err := io.ReadAll(rest)
	return append(read, more...), err
}
