// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"net/http"
	"strings"
)

// Kind says what a request is about.
type Kind string

// The kinds of request.
const (
	Ping             Kind = "ping"               // /v2/
	ManifestByTag    Kind = "manifest by tag"    // also the fallback tag of referrers, sha256-<hex>
	ManifestByDigest Kind = "manifest by digest" //
	Blob             Kind = "blob"               // one blob, not its upload
	Upload           Kind = "upload"             // any step of a blob's upload
	Referrers        Kind = "referrers"          // the referrers API
	Tags             Kind = "tags"               // the list of tags
	Token            Kind = "token"              // the token service of [WithTokenAuth]
	Other            Kind = "other"              //
)

// Request is what the registry remembers of a request. Credentials are not kept.
type Request struct {
	Method     string
	Path       string // without the query
	Query      string
	Kind       Kind
	Repository string
	Reference  string // tag, digest or upload id
	UserAgent  string
	Authorized bool   // an Authorization header was sent, valid or not
	User       string // whose credentials or token it was, where known
	Status     int    // 0 while unanswered, or when the connection was cut
	Sent       int64  // bytes of the answer's body
	Received   int64  // bytes of the request's body
	Fault      Fault  // the fault that answered it
}

// IsPush reports whether the request would change what the registry holds.
func (r Request) IsPush() bool {
	switch r.Method {
	case http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete:
		return r.Kind != Token
	}
	return false
}

// Matcher chooses requests. An empty field matches everything; the zero Matcher matches every request.
type Matcher struct {
	Method     string
	Kind       Kind
	Repository string
	Reference  string
}

// Matches reports whether the matcher chooses the request.
func (m Matcher) Matches(r Request) bool {
	return matches(m.Method, r.Method) && matches(string(m.Kind), string(r.Kind)) &&
		matches(m.Repository, r.Repository) && matches(m.Reference, r.Reference)
}

func matches(want, got string) bool { return want == "" || want == got }

// classify reads kind, repository and reference out of a path of the distribution API.
func classify(path string) (kind Kind, repository, reference string) {
	switch path {
	case "/v2", "/v2/":
		return Ping, "", ""
	case tokenPath:
		return Token, "", ""
	}
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return Other, "", ""
	}
	if i := strings.LastIndex(rest, "/blobs/uploads/"); i > 0 {
		return Upload, rest[:i], rest[i+len("/blobs/uploads/"):]
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 3 {
		return Other, "", ""
	}
	last := len(parts) - 1
	repository, reference = strings.Join(parts[:last-1], "/"), parts[last]
	switch parts[last-1] {
	case "manifests":
		if strings.Contains(reference, ":") {
			return ManifestByDigest, repository, reference
		}
		return ManifestByTag, repository, reference
	case "blobs":
		return Blob, repository, reference
	case "referrers":
		return Referrers, repository, reference
	case "tags":
		return Tags, repository, ""
	}
	return Other, "", ""
}

func manifestPath(repository, reference string) string {
	return "/v2/" + repository + "/manifests/" + reference
}
