// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package promotion decides which digest an environment may take from the environment before it. It is pure: it does no
// I/O and has no clock. Whether the digest comes to be trusted is for the environment's own policies to judge.
package promotion

import (
	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
)

// MaxChain is how many upstreams one behind the other Decide follows; a longer chain counts as a cycle.
const MaxChain = 16

// Request is what a decision on taking from an upstream depends on.
type Request struct {
	// Taker is the environment that wants a digest.
	Taker evidence.Environment
	// From is the upstream that the taker's source names.
	From evidence.Environment
	// Upstream is what stands there: Known and nil when there is no such object, CouldNotCheck when nobody could look.
	Upstream evidence.Fact[*Upstream]
	// Chain has the upstream of From, the upstream of that, and so on, as far as there are any; more than MaxChain need
	// not be followed.
	Chain []evidence.Environment
	// Current is what the taker trusts now, the zero value when nothing. An environment only goes forward: what the
	// upstream came to trust before Current is no candidate, also when Current no longer passes there.
	Current image.Reference
	// Policies that may speak of the image in the taker's namespace; those that do not are left out.
	Policies []policy.Policy
}

// Upstream is what counts of an upstream TrustedImage. Entries without a valid signature are not in it.
type Upstream struct {
	// PromoteTo is its spec.promoteTo.
	PromoteTo []v1alpha1.PromotionTarget
	// Trusted is the digest that it trusts now, nil when there is none.
	Trusted *v1alpha1.TrustedDigest
	// History are the digests that it trusted before.
	History []v1alpha1.TrustedDigest
}

// Candidate is the digest that the upstream offers.
type Candidate struct {
	Reference image.Reference
	// Platforms that the upstream judged; empty for an image that is no index.
	Platforms []v1alpha1.PlatformDigest
}

// Decision says whether an environment may take from its source.
type Decision struct {
	// Result is Pass when it may, Fail when it may not, and Unknown when that could not be found out.
	Result v1alpha1.Result
	// Candidate is what the upstream offers; set when Result is Pass and the source is an upstream.
	Candidate Candidate
	// Reason and Message tell, when Result is not Pass, why and what to do.
	Reason, Message string
}

// maxMessage bounds a decision's message, in characters.
const maxMessage = 256

func refuse(reason, message string) Decision {
	return Decision{Result: v1alpha1.ResultFail, Reason: reason, Message: evidence.Printable(message, maxMessage)}
}

func name(e evidence.Environment) string { return e.Namespace + "/" + e.Name }
