// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

const (
	maxReferrers     = 64
	maxReferrerPages = 16
)

// Referrers implements registry.ReferrerLister. What registries say of an artifact's type differs, so that nothing is
// filtered by it.
func (r *reader) Referrers(ctx context.Context, reference image.Reference) ([]image.Descriptor, error) {
	ctx, cancel := context.WithTimeout(ctx, r.session.options.Timeout)
	defer cancel()
	list, hasAPI, err := r.referrersOf(ctx, reference)
	if err != nil || hasAPI {
		return list, err
	}
	return r.fallbackReferrers(ctx, reference)
}

// referrersOf asks the referrers API for all its pages. hasAPI is false when the registry answers that there is none; any
// other answer but a good one is an error, and never absence.
func (r *reader) referrersOf(ctx context.Context, reference image.Reference) (list []image.Descriptor, hasAPI bool, err error) {
	sent := &request{
		about: aboutReferrers(reference), repository: reference.Repository,
		method: http.MethodGet, resource: "referrers/" + reference.Digest.String(),
		header: http.Header{"Accept": {image.MediaTypeIndex}},
	}
	for range maxReferrerPages {
		page, next, hasAPI, err := r.referrersPage(ctx, sent)
		if err != nil || !hasAPI && sent.location == nil {
			return nil, false, err
		}
		if list = union(list, page); len(list) > maxReferrers {
			return nil, true, sent.about.tooMany()
		}
		if next == nil {
			return list, true, nil
		}
		sent.location = next
	}
	return nil, true, sent.about.tooMany()
}

// referrersPage asks for one page. Only the first may answer that there is no API.
func (r *reader) referrersPage(ctx context.Context, sent *request) (page []image.Descriptor, next *url.URL, hasAPI bool, err error) {
	response, err := r.session.send(ctx, sent)
	if err != nil {
		return nil, nil, false, err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound && sent.location == nil:
		return nil, nil, false, nil
	case response.StatusCode != http.StatusOK:
		return nil, nil, false, sent.about.answered(response, r.session.options.Now())
	}
	raw, err := sent.about.readAll(ctx, response.Body, image.MaxDocumentSize)
	if err != nil {
		return nil, nil, false, err
	}
	document, err := image.ParseDocument(response.Header.Get("Content-Type"), raw)
	if err != nil {
		return nil, nil, false, sent.about.refused(err)
	}
	if document.Index == nil {
		return nil, nil, false, sent.about.noList()
	}
	next, err = sent.about.nextPage(response)
	return document.Index.Manifests, next, true, err
}

// fallbackReferrers reads the tag that stands in for the referrers API (OCI distribution specification 1.1, "referrers tag
// schema").
func (r *reader) fallbackReferrers(ctx context.Context, reference image.Reference) ([]image.Descriptor, error) {
	a := aboutReferrers(reference)
	document, err := r.document(ctx, reference.Repository, fallbackTag(reference.Digest), image.Digest{}, a.what)
	switch {
	case registry.IsKind(err, registry.KindNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case document.Index == nil:
		return nil, a.noList()
	}
	return union(nil, document.Index.Manifests), nil
}

func fallbackTag(d image.Digest) string { return "sha256-" + d.Hex() }

func aboutReferrers(reference image.Reference) about {
	return about{
		repository: reference.Repository,
		what:       "the referrers of " + reference.Digest.Short() + " in " + reference.Repository.Path(),
	}
}

// union appends those of page whose digest is not in list.
func union(list, page []image.Descriptor) []image.Descriptor {
	for _, descriptor := range page {
		if !slices.ContainsFunc(list, func(d image.Descriptor) bool { return d.Digest == descriptor.Digest }) {
			list = append(list, descriptor)
		}
	}
	return list
}

func (a about) tooMany() *registry.Error {
	return failure(registry.KindOverLimit, nil, "registry %s lists more than %d of %s, or too many pages: remove what is not needed",
		a.repository.Host(), maxReferrers, a.what)
}

func (a about) noList() *registry.Error {
	return failure(registry.KindUnsupported, nil, "registry %s sent no list for %s", a.repository.Host(), a.what)
}

// nextLink is a link header of one link (RFC 8288) to the next page.
var nextLink = regexp.MustCompile(`^\s*<([^<>]*)>\s*;\s*rel="?next"?\s*$`)

// nextPage reads where the next page is; nil when there is none. It must be of the same list: whoever could name another
// place would have Assay ask there with the registry's credentials.
func (a about) nextPage(response *http.Response) (*url.URL, error) {
	header := strings.Join(response.Header.Values("Link"), ",")
	if header == "" {
		return nil, nil
	}
	match := nextLink.FindStringSubmatch(header)
	if match == nil {
		return nil, a.badLink()
	}
	here := response.Request.URL
	next, err := here.Parse(match[1])
	if err != nil || !sameOrigin(next, here) || next.Path != here.Path || next.User != nil {
		return nil, a.badLink()
	}
	return next, nil
}

func (a about) badLink() *registry.Error {
	return failure(registry.KindUnsupported, nil, "registry %s sent a link that cannot be followed for %s", a.repository.Host(), a.what)
}
