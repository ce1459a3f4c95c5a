// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

// Fault names one way in which a registry, or the network before it, can go wrong. That nothing listens at all is no fault of
// a request: see [Registry.Down].
type Fault string

// Faults of the connection.
const (
	// ResetAtByte resets the connection after Row.Offset bytes of the body; at 0 before the status line.
	ResetAtByte Fault = "connection reset"
	// Hang accepts the request and says nothing until the client gives up.
	Hang Fault = "hang"
	// SlowBody sends the body a byte at a time, one every Row.Pause (50 ms when zero).
	SlowBody Fault = "slow body"
)

// Faults of access.
const (
	// Unauthorized answers 401 with a challenge whatever the client presents.
	Unauthorized Fault = "401 for ever"
	// ForeignRealm answers 401 with a challenge that sends the client for its token to Row.Target (scheme://host).
	ForeignRealm Fault = "foreign token realm"
	// Forbidden answers 403.
	Forbidden Fault = "403"
	// ReadOnly answers 403 to every request that would change something, and lets the others pass.
	ReadOnly Fault = "read-only"
	// Redirect answers 307 to the same path and query at Row.Target (scheme://host).
	Redirect Fault = "redirect"
)

// Faults of service.
const (
	// NotFound answers 404.
	NotFound Fault = "404"
	// MethodNotAllowed answers 405.
	MethodNotAllowed Fault = "405"
	// TooManyRequests answers 429 with Row.RetryAfter as Retry-After ("1" when empty).
	TooManyRequests Fault = "429"
	// InternalError answers 500.
	InternalError Fault = "500"
	// Unavailable answers 503.
	Unavailable Fault = "503"
)

// Faults of content. They leave an answer that is not a success alone.
const (
	// LyingDigest serves the manifest Row.Target of the same repository under the digest that was asked for.
	LyingDigest Fault = "another manifest under the digest"
	// LyingDigestHeader sends Row.Target as Docker-Content-Digest.
	LyingDigestHeader Fault = "lying Docker-Content-Digest"
	// MovedTag answers with the manifest Row.Target of the same repository, as if the tag had been moved there. With Row.From
	// = k+1 the tag moves after the k-th request.
	MovedTag Fault = "moved tag"
	// FlippedByte inverts the byte at Row.Offset.
	FlippedByte Fault = "flipped byte"
	// TruncatedBody ends the body after Row.Offset bytes; the Content-Length agrees, so that only the digest tells.
	TruncatedBody Fault = "truncated body"
	// WrongContentLength announces Row.Offset bytes more than are sent before the connection ends.
	WrongContentLength Fault = "wrong Content-Length"
	// WrongContentType sends an image manifest as an index and an index as an image manifest.
	WrongContentType Fault = "wrong Content-Type"
	// Schema1 serves a signed schema 1 manifest, whose digest many clients take from the header. By tag it has its own digest
	// and is found under it afterwards; by digest it claims the digest that was asked for.
	Schema1 Fault = "schema 1 manifest"
	// AmbiguousDocument serves the manifest with the other kind's fields added: both index and image (CVE-2021-41190). By tag
	// it has its own digest and is found under it afterwards.
	AmbiguousDocument Fault = "both index and manifest"
	// EndlessManifest begins like a manifest and never ends.
	EndlessManifest Fault = "endless manifest"
)

// Faults of lists.
const (
	// ReferrersLoop answers with the page of referrers and a link to that same page as the next.
	ReferrersLoop Fault = "referrers loop"
	// EndlessReferrers answers with pages of a hundred made-up referrers, each with a link to one more.
	EndlessReferrers Fault = "endless referrers"
)
