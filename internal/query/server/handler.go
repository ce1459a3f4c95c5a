// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package server answers the questions of package query: it asks the API server who the asker is and in which namespaces she
// may list TrustedImages, and joins what the fleet knows with the TrustedImages there. Of a TrustedImage that she may get it tells what
// was signed about its digests.
//
// What others have does not show in an answer, not in its size and not in what is asked of the API server for it: all
// namespaces with TrustedImages are reviewed, whatever the question.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/internal/query"
)

// answerTimeout bounds the work on one question.
const answerTimeout = 20 * time.Second

// Options are what a Handler stands on.
type Options struct {
	// Index knows what is in the images.
	Index Index
	// Store has the evidence.
	Store Store
	// Images reads TrustedImages from a cache.
	Images client.Reader
	// Reviews asks the API server.
	Reviews Reviews
	Clock   clock.PassiveClock
	// Log gets what callers are not told.
	Log logr.Logger
}

// Handler answers questions over HTTP.
type Handler struct {
	routes   *http.ServeMux
	access   *access
	counter  *counter
	answerer answerer
	store    Store
	// reading has a place for each of those for whom something that was signed is read, which may be large.
	reading chan struct{}
	log     logr.Logger
}

// New returns a handler.
func New(o Options) *Handler {
	h := &Handler{
		routes:   http.NewServeMux(),
		access:   newAccess(o.Reviews, o.Clock),
		counter:  newCounter(),
		answerer: answerer{index: o.Index, images: o.Images},
		store:    o.Store,
		reading:  make(chan struct{}, maxReading),
		log:      o.Log,
	}
	h.routes.HandleFunc("GET "+query.AffectedPath, h.handle(query.VulnerabilityParameter, h.answerer.affected))
	h.routes.HandleFunc("GET "+query.FindPath, h.handle(query.PackageParameter, h.answerer.find))
	h.routes.HandleFunc("GET "+query.EvidencePath, h.evidence)
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.routes.ServeHTTP(w, r) }

// refused is an answer that is none; its text is for the caller.
type refused struct {
	status  int
	message string
}

func (r *refused) Error() string { return r.message }

// selectFunc chooses what of the images that the caller may see answers a question.
type selectFunc func(question string, of places) (*query.Answer, error)

// handle answers questions whose subject is the value of the parameter.
func (h *Handler) handle(parameter string, choose selectFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		answer, err := h.answer(ctx, r, parameter, choose)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		write(w, http.StatusOK, answer)
	}
}

// refuse answers with why there is no answer, or logs what a caller is not told.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *refused
	if !errors.As(err, &refusal) {
		h.log.Error(err, "Answer a query", "path", r.URL.Path)
		refusal = &refused{http.StatusServiceUnavailable, "the question could not be answered now; try again"}
	}
	if refusal.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	write(w, refusal.status, query.Refusal{Error: refusal.message})
}

// admit says who asks, and takes a place for her question.
func (h *Handler) admit(ctx context.Context, r *http.Request) (who caller, release func(), err error) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found || token == "" {
		return who, nil, &refused{http.StatusUnauthorized, "give a bearer token that the API server accepts"}
	}
	who, err = h.access.identify(ctx, token)
	if errors.Is(err, errUnauthenticated) {
		return who, nil, &refused{http.StatusUnauthorized, err.Error()}
	}
	if err != nil {
		return who, nil, err
	}
	release, err = h.counter.take(who.id)
	return who, release, err
}

func (h *Handler) answer(ctx context.Context, r *http.Request, parameter string, choose selectFunc) (*query.Answer, error) {
	who, release, err := h.admit(ctx, r)
	if err != nil {
		return nil, err
	}
	defer release()
	values := r.URL.Query()
	question, namespace := values.Get(parameter), values.Get(query.NamespaceParameter)
	if question == "" || len(question) > query.MaxQuestion {
		return nil, &refused{http.StatusBadRequest, fmt.Sprintf("give what is looked for as %s, of %d characters at most", parameter, query.MaxQuestion)}
	}
	of, err := h.places(ctx, who, namespace)
	if err != nil {
		return nil, err
	}
	return choose(question, of)
}

// isNamespace is what names of namespaces look like (RFC 1123 label).
var isNamespace = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// places are the digests that the caller may see, in the one namespace or, when it is empty, in all of hers.
func (h *Handler) places(ctx context.Context, who caller, namespace string) (places, error) {
	if namespace != "" && !isNamespace.MatchString(namespace) {
		return places{}, &refused{http.StatusBadRequest, "that is no name of a namespace"}
	}
	if namespace != "" {
		visible, err := h.access.visible(ctx, who, []string{namespace})
		if err != nil {
			return places{}, err
		}
		if !visible[namespace] {
			return places{}, &refused{http.StatusForbidden, "you may not list TrustedImages in that namespace"}
		}
	}
	images, err := h.answerer.list(ctx, namespace)
	if err != nil {
		return places{}, err
	}
	visible, err := h.access.visible(ctx, who, namespacesOf(images))
	if err != nil {
		return places{}, err
	}
	return placesOf(images, visible), nil
}

// write sends a body. That the caller has gone needs no telling.
func write(w http.ResponseWriter, status int, body any) {
	content, err := json.Marshal(body)
	if err != nil {
		status, content = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(content)
}
