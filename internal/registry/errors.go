// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"time"
)

// Kind classifies what went wrong with a registry.
type Kind uint8

// The kinds of errors. The zero value is never used.
const (
	// KindUnavailable: could not reach the registry, or it answered with an error of its own. Trying again may help.
	KindUnavailable Kind = iota + 1
	// KindNotFound: the registry answered that there is no such thing.
	KindNotFound
	// KindUnauthorized: the registry refused the credentials or wants some.
	KindUnauthorized
	// KindForbiddenAddress: the registry, or a place that it redirected to, has an address that Assay may not connect to.
	KindForbiddenAddress
	// KindDigestMismatch: the content does not have the digest or size that was asked for.
	KindDigestMismatch
	// KindUnsupported: the document is none that can be trusted: schema 1, ambiguous, malformed, of another media type.
	KindUnsupported
	// KindOverLimit: the content is larger or more numerous than Assay takes.
	KindOverLimit
	// KindInvalidCredentials: the given credentials cannot be parsed.
	KindInvalidCredentials
)

// Error is every error of this package's ports. Message is a sentence a user can act on: bounded, printable, and without
// bodies, headers or credentials of the registry.
type Error struct {
	Kind    Kind
	Message string
	// RetryAfter is how long the registry asked to wait, zero when it did not.
	RetryAfter time.Duration
	cause      error
}

// NewError returns an error of a kind. cause may be nil; it is for errors.Is and never shown.
func NewError(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), cause: cause}
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// IsKind says that err is, or wraps, an Error of the kind.
func IsKind(err error, kind Kind) bool {
	var target *Error
	return errors.As(err, &target) && target.Kind == kind
}
