// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"golang.org/x/sync/semaphore"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// maxFallbackWrites is how often the fallback tag is written until it is found to hold what was written.
const maxFallbackWrites = 3

// list makes sure that the entry is listed as a referrer: by the registry, or by the fallback tag of one that has no
// referrers API. The tag is read again after it was written, since somebody else may have written it in between.
func (a *attacher) list(ctx context.Context, reference image.Reference, entry wireDescriptor) error {
	if hasAPI, err := a.hasReferrersAPI(ctx, reference); err != nil || hasAPI {
		return err
	}
	for write := 0; ; write++ {
		document, err := a.readFallback(ctx, reference)
		if err != nil && !registry.IsKind(err, registry.KindNotFound) {
			return err
		}
		if isListed(document.Index, entry.Digest) {
			return nil
		}
		if write == maxFallbackWrites {
			return failure(registry.KindUnavailable, nil, "registry %s does not keep what is written to %s: somebody else writes there as well",
				reference.Repository.Host(), aboutReferrers(reference).what)
		}
		if err := a.writeFallback(ctx, reference, document, entry); err != nil {
			return err
		}
	}
}

func (a *attacher) readFallback(ctx context.Context, reference image.Reference) (image.Document, error) {
	ctx, cancel := context.WithTimeout(ctx, a.reader.session.options.Timeout)
	defer cancel()
	return a.reader.fallback(ctx, reference)
}

// hasReferrersAPI asks the registry for referrers and looks at the status of its answer only.
func (a *attacher) hasReferrersAPI(ctx context.Context, reference image.Reference) (bool, error) {
	_, err := a.do(ctx, &request{
		repository: reference.Repository, method: http.MethodGet, resource: "referrers/" + reference.Digest.String(),
		header: http.Header{"Accept": {image.MediaTypeIndex}},
	}, http.StatusOK)
	if registry.IsKind(err, registry.KindNotFound) {
		return false, nil
	}
	return err == nil, err
}

func isListed(index *image.Index, digest image.Digest) bool {
	return index != nil && slices.ContainsFunc(index.Manifests, func(d image.Descriptor) bool { return d.Digest == digest })
}

// writeFallback adds the entry to what the fallback tag holds.
func (a *attacher) writeFallback(ctx context.Context, reference image.Reference, document image.Document, entry wireDescriptor) error {
	mediaType, body, err := extend(document, entry)
	if err != nil {
		return aboutReferrers(reference).refused(err)
	}
	if document.Index != nil && len(document.Index.Manifests) >= maxReferrers {
		return aboutReferrers(reference).tooMany()
	}
	_, err = a.do(ctx, &request{
		repository: reference.Repository, method: http.MethodPut, resource: "manifests/" + fallbackTag(reference.Digest),
		header: http.Header{"Content-Type": {mediaType}}, body: body,
	}, http.StatusCreated)
	return err
}

// extend writes an index with the entry added, of which everything else stays as it is; a new one for the zero Document.
func extend(document image.Document, entry wireDescriptor) (mediaType string, body []byte, err error) {
	raw := document.Raw
	if document.Index == nil {
		raw = []byte(`{"schemaVersion":2,"mediaType":"` + image.MediaTypeIndex + `","manifests":[]}`)
		mediaType = image.MediaTypeIndex
	} else {
		mediaType = document.Index.MediaType
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "", nil, err
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(fields["manifests"], &entries); err != nil {
		return "", nil, err
	}
	added, err := json.Marshal(entry)
	if err != nil {
		return "", nil, err
	}
	if fields["manifests"], err = json.Marshal(append(entries, added)); err != nil {
		return "", nil, err
	}
	body, err = json.Marshal(fields)
	return mediaType, body, err
}

// turns let one goroutine at a time attach to a subject. Subjects share turns, of which there is a fixed number.
type turns [64]*semaphore.Weighted

func newTurns() turns {
	var t turns
	for i := range t {
		t[i] = semaphore.NewWeighted(1)
	}
	return t
}

// wait returns when it is the reference's turn, with what ends it.
func (t turns) wait(ctx context.Context, reference image.Reference) (release func(), err error) {
	turn := t[int(reference.Digest.Sum()[0])%len(t)]
	if err := turn.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { turn.Release(1) }, nil
}
