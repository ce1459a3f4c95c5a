// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/registry"
)

// maxMessageLength bounds a message, in bytes.
const maxMessageLength = 256

// reason is the api's reason for what kept a signature from being looked at.
func reason(err error) string {
	for kind, reason := range map[registry.Kind]string{
		registry.KindUnavailable:        v1alpha1.ReasonRegistryUnavailable,
		registry.KindUnauthorized:       v1alpha1.ReasonUnauthorized,
		registry.KindForbiddenAddress:   v1alpha1.ReasonAddressForbidden,
		registry.KindDigestMismatch:     v1alpha1.ReasonDigestMismatch,
		registry.KindUnsupported:        v1alpha1.ReasonUnsupportedManifest,
		registry.KindOverLimit:          v1alpha1.ReasonOverLimit,
		registry.KindInvalidCredentials: v1alpha1.ReasonInvalidSecret,
	} {
		if registry.IsKind(err, kind) {
			return reason
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errTooSlow) {
		return v1alpha1.ReasonDeadlineExceeded
	}
	return v1alpha1.ReasonSignatureUnchecked
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// presentable makes text from elsewhere fit for a status: printable and bounded.
func presentable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) > maxMessageLength {
		text = strings.ToValidUTF8(text[:maxMessageLength-len("…")], "") + "…"
	}
	return text
}
