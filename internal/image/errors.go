// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import "errors"

// The errors of this package. Their texts say what to do and hold nothing that changes from one look to the next.
var (
	// ErrMalformed says that a digest, repository, tag, platform, reference or document cannot be parsed, or could be
	// parsed in more than one way.
	ErrMalformed = errors.New("malformed")
	// ErrUnsupported says that a document is well formed and yet none that Assay takes.
	ErrUnsupported = errors.New("unsupported")
	// ErrOverLimit says that something is larger or more numerous than Assay takes.
	ErrOverLimit = errors.New("over the limit")
	// ErrNoRunnablePlatform says that an index has no image for a platform that is wanted, or none that can run at all.
	ErrNoRunnablePlatform = errors.New("no runnable platform")
)
