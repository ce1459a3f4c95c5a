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

// What a registry may make Assay read of one list (SEC-27 is CVE-2023-46737 and its like).
const (
	maxReferrers     = image.MaxReferrers
	maxReferrerPages = 32
	// maxReferrersSize bounds all pages together, in bytes.
	maxReferrersSize = 8 << 20
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
	document, err := r.fallback(ctx, reference)
	if registry.IsKind(err, registry.KindNotFound) {
		return nil, nil
	}
	return union(nil, document), err
}

// referrersOf asks the referrers API for all its pages. hasAPI is false when the registry answers that there is none; any
// other answer but a good one is an error, and never absence.
func (r *reader) referrersOf(ctx context.Context, reference image.Reference) (list []image.Descriptor, hasAPI bool, err error) {
	sent := &request{
		about: aboutReferrers(reference), repository: reference.Repository,
		method: http.MethodGet, resource: "referrers/" + reference.Digest.String(),
		header: http.Header{"Accept": {image.MediaTypeIndex}},
	}
	budget := int64(maxReferrersSize)
	for range maxReferrerPages {
		page, next, hasAPI, err := r.referrersPage(ctx, sent, budget)
		list = union(list, page)
		budget -= int64(len(page.Raw))
		switch {
		case !hasAPI && sent.location == nil || err != nil:
			return list, false, err
		case len(list) > maxReferrers:
			return list[:maxReferrers], true, sent.about.tooMany()
		case next == nil:
			return list, true, nil
		}
		sent.location = next
	}
	return list, true, sent.about.tooMany()
}

// referrersPage asks for one page of at most limit bytes. Only the first may answer that there is no API.
func (r *reader) referrersPage(ctx context.Context, sent *request, limit int64) (page image.Document, next *url.URL, hasAPI bool, err error) {
	response, err := r.session.send(ctx, sent)
	if err != nil {
		return image.Document{}, nil, false, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound && sent.location == nil {
		return image.Document{}, nil, false, nil
	}
	if page, err = r.readReferrers(ctx, sent.about, response, limit); err != nil {
		return page, nil, false, err
	}
	next, err = sent.about.nextPage(response)
	return page, next, true, err
}

// fallback reads the tag that stands in for the referrers API (OCI distribution specification 1.1, "referrers tag schema"). As with
// pages, the document may be there beside an error.
func (r *reader) fallback(ctx context.Context, reference image.Reference) (image.Document, error) {
	sent := &request{
		about: aboutReferrers(reference), repository: reference.Repository,
		method: http.MethodGet, resource: "manifests/" + fallbackTag(reference.Digest), header: acceptDocuments,
	}
	response, err := r.session.send(ctx, sent)
	if err != nil {
		return image.Document{}, err
	}
	defer response.Body.Close()
	return r.readReferrers(ctx, sent.about, response, maxReferrersSize)
}

// readReferrers reads a list of referrers of at most limit bytes. With an error it is the zero Document, or has what could be read.
func (r *reader) readReferrers(ctx context.Context, a about, response *http.Response, limit int64) (image.Document, error) {
	if response.StatusCode != http.StatusOK {
		return image.Document{}, a.answered(response, r.session.options.Now())
	}
	raw, err := a.readAll(ctx, response.Body, min(limit, image.MaxDocumentSize))
	if err != nil {
		return image.Document{}, err
	}
	document, err := image.ParseReferrers(response.Header.Get("Content-Type"), raw)
	if err != nil {
		return document, a.refused(err)
	}
	return document, nil
}

func fallbackTag(d image.Digest) string { return "sha256-" + d.Hex() }

func aboutReferrers(reference image.Reference) about {
	return about{
		repository: reference.Repository,
		what:       "the referrers of " + reference.Digest.Short() + " in " + reference.Repository.Path(),
	}
}

// union appends those of a page whose digest is not in list.
func union(list []image.Descriptor, page image.Document) []image.Descriptor {
	if page.Index == nil {
		return list
	}
	for _, descriptor := range page.Index.Manifests {
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
