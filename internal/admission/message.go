// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"strings"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/trust"
)

// Bounds of what is said: characters on one image, and images that are spoken of.
const (
	maxRefusal  = 256
	maxRefusals = 8
)

func noDigest(written string, repository image.Repository, trusted image.Digest) string {
	digest := "sha256:<digest>"
	if !trusted.IsZero() {
		digest = trusted.String()
	}
	return fmt.Sprintf("image %.80q names no digest; write %s@%s", written, repository, digest)
}

func malformed(written string) string {
	return fmt.Sprintf("image %.80q is malformed; write repository@sha256:<digest>", written)
}

func noPolicy(namespace string, repository image.Repository) string {
	return fmt.Sprintf("no ImagePolicy or ClusterImagePolicy speaks of %s in namespace %s; create one", repository, namespace)
}

// untrusted tells why a digest is not admissible, and by which TrustedImage.
func untrusted(namespace string, reference image.Reference, e trust.Explanation) string {
	digest := reference.Digest.Short()
	switch e.Standing {
	case trust.NoPassport:
		return fmt.Sprintf("no TrustedImage for repository %s in namespace %s; create one", reference.Repository, namespace)
	case trust.NoImage:
		return fmt.Sprintf("no TrustedImage for repository %s in namespace %s yet; %s, which may bring it, has taken no image from its upstream",
			reference.Repository, namespace, e.Passport)
	case trust.NotJudged:
		return fmt.Sprintf("digest %s is not judged yet; wait for TrustedImage %s", digest, e.Passport)
	case trust.Waiting:
		return fmt.Sprintf("digest %s passes and TrustedImage %s has not taken it yet%s", digest, e.Passport, because(e))
	case trust.Undetermined:
		return fmt.Sprintf("digest %s could not be judged%s", digest, because(e))
	case trust.Refused:
		return fmt.Sprintf("digest %s was refused%s", digest, because(e))
	case trust.Forged:
		return fmt.Sprintf("digest %s stands in TrustedImage %s without Assay's signature, which is no trust", digest, e.Passport)
	default:
		if e.Trusted.IsZero() {
			return fmt.Sprintf("digest %s is not trusted; TrustedImage %s trusts nothing yet", digest, e.Passport)
		}
		return fmt.Sprintf("digest %s is not trusted; TrustedImage %s trusts %s", digest, e.Passport, e.Trusted.Short())
	}
}

// because returns the reason and the message of a candidate as the end of a sentence.
func because(e trust.Explanation) string {
	var b strings.Builder
	for _, part := range []string{e.Reason, e.Message} {
		if part != "" {
			b.WriteString(": ")
			b.WriteString(part)
		}
	}
	return b.String()
}

func bounded(refusal string) string { return evidence.Printable(refusal, maxRefusal) }

// first returns as many as are spoken of, and says how many more there are.
func first(refusals []string) []string {
	if len(refusals) <= maxRefusals {
		return refusals
	}
	return append(refusals[:maxRefusals:maxRefusals], fmt.Sprintf("and %d more", len(refusals)-maxRefusals))
}

func joined(refusals []string) string { return strings.Join(first(refusals), "; ") }

// repositoryOf returns the repository of an image that is written with a tag or without anything. The error wraps image.ErrMalformed.
func repositoryOf(written string) (image.Repository, error) {
	repository := written
	if colon := strings.LastIndexByte(written, ':'); colon > strings.LastIndexByte(written, '/') {
		repository = written[:colon]
	}
	return image.ParseRepository(repository)
}
