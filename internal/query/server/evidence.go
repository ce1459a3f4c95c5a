// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
)

// maxReading is for how many callers at a time what was signed is in memory; of each one statement, with the bundle that it came in.
const maxReading = 4

// Store has what was signed about images. [evidence.Store] is one.
type Store interface {
	Get(ctx context.Context, subject image.Digest, kind evidence.Kind) ([]byte, error)
	Kinds(ctx context.Context, subject image.Digest) (map[evidence.Kind]int64, error)
}

// evidence answers what was signed about one digest of a TrustedImage.
func (h *Handler) evidence(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	who, release, err := h.admit(ctx, r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	defer release()
	held, err := h.holding(ctx, who, r.URL.Query())
	if err == nil {
		err = h.startReading(ctx)
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	defer func() { <-h.reading }()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	out, err := query.NewEvidenceWriter(w, held.Image)
	if err != nil {
		return // The caller has gone.
	}
	var end query.End
	err = held.each(ctx, &counted{out: out, bytes: query.MaxContents, statements: query.MaxStatements})
	switch {
	case errors.Is(err, errCut):
		end.More = true
	case err != nil:
		h.log.Error(err, "Answer a query", "path", r.URL.Path)
		end.Error = "not all evidence could be read now; try again"
	}
	_ = out.End(end) // That the caller has gone needs no telling.
}

// startReading waits for a place among those for whom something is read.
func (h *Handler) startReading(ctx context.Context) error {
	select {
	case h.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &refused{http.StatusServiceUnavailable, "too many ask for evidence at the moment; try again"}
	}
}

// isName is what names of objects look like (RFC 1123 subdomain).
var isName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// errNoSuchImage is also said of those that the caller may not see.
var errNoSuchImage = &refused{http.StatusNotFound, "there is no such TrustedImage, or you may not get it"}

// wanted is what a question for evidence asks for.
type wanted struct {
	name          types.NamespacedName
	digest        string // empty for the one of the standing
	standing      query.Standing
	predicateType string
	contents      bool
}

func wantedOf(values url.Values) (wanted, error) {
	w := wanted{
		name:          types.NamespacedName{Namespace: values.Get(query.NamespaceParameter), Name: values.Get(query.NameParameter)},
		digest:        values.Get(query.DigestParameter),
		standing:      query.Standing(cmp.Or(values.Get(query.StandingParameter), string(query.Trusted))),
		predicateType: values.Get(query.TypeParameter),
		contents:      values.Get(query.ContentsParameter) == "true",
	}
	_, malformed := image.ParseDigest(w.digest)
	problem := ""
	switch {
	case !isNamespace.MatchString(w.name.Namespace) || !isName.MatchString(w.name.Name):
		problem = "give the namespace and the name of a TrustedImage"
	case w.digest != "" && malformed != nil:
		problem = "that is no digest, such as sha256: and 64 hexadecimal digits"
	case w.standing != query.Trusted && w.standing != query.Candidate:
		problem = "the standing is Trusted or Candidate"
	case len(w.predicateType) > query.MaxQuestion:
		problem = "that is no predicate type"
	}
	if problem != "" {
		return w, &refused{http.StatusBadRequest, problem}
	}
	return w, nil
}

// holding finds the digest that is asked for. Whether the caller may see the TrustedImage is asked before whether it is there.
func (h *Handler) holding(ctx context.Context, who caller, values url.Values) (*holding, error) {
	w, err := wantedOf(values)
	if err != nil {
		return nil, err
	}
	allowed, err := h.access.may(ctx, who, w.name.Namespace, w.name.Name)
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, errNoSuchImage
	}
	var object v1alpha1.TrustedImage
	if err := h.answerer.images.Get(ctx, w.name, &object); apierrors.IsNotFound(err) {
		return nil, errNoSuchImage
	} else if err != nil {
		return nil, err
	}
	p, err := w.among(placesOf([]v1alpha1.TrustedImage{object}, map[string]bool{w.name.Namespace: true}))
	if err != nil {
		return nil, err
	}
	about, err := image.ParseReference(p.Reference)
	if err != nil {
		return nil, err
	}
	return &holding{
		Image: p.Image, store: h.store, environment: evidence.Environment{Namespace: w.name.Namespace, Name: w.name.Name}, about: about,
		platforms: p.platforms, predicateType: w.predicateType, contents: w.contents,
	}, nil
}

// among chooses one of the digests of a TrustedImage.
func (w wanted) among(of places) (place, error) {
	for _, p := range of {
		_, digest, _ := strings.Cut(p.Reference, "@")
		if digest != "" && (digest == w.digest || w.digest == "" && p.Standing == w.standing) {
			return p, nil
		}
	}
	message := "the TrustedImage trusts no digest (yet)"
	switch {
	case w.digest != "":
		message = "that digest is none of those in the status of the TrustedImage"
	case w.standing == query.Candidate:
		message = "the TrustedImage has no candidate"
	}
	return place{}, &refused{http.StatusNotFound, message}
}
