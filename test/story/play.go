// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// storyTimeout bounds the way of the images, which takes a few seconds on an idle host.
const storyTimeout = 3 * time.Minute

// Digests are those of the story's images.
type Digests struct {
	Checkout, Legacy string
}

// Ending is how a TrustedImage must come out.
type Ending struct {
	Image   types.NamespacedName
	Verdict v1alpha1.Verdict
	Reason  string
}

// Endings are how the story must come out: checkout is trusted everywhere, legacy refused at the entry.
func Endings() []Ending {
	at := func(namespace, name string, verdict v1alpha1.Verdict, reason string) Ending {
		return Ending{types.NamespacedName{Namespace: namespace, Name: name}, verdict, reason}
	}
	return []Ending{
		at("dev", "checkout", v1alpha1.VerdictTrusted, v1alpha1.ReasonPolicyPassed),
		at("staging", "checkout", v1alpha1.VerdictTrusted, v1alpha1.ReasonPolicyPassed),
		at("prod", "checkout", v1alpha1.VerdictTrusted, v1alpha1.ReasonPolicyPassed),
		at("dev", "legacy", v1alpha1.VerdictRejected, v1alpha1.ReasonVulnerable),
		at("staging", "legacy", v1alpha1.VerdictUndetermined, v1alpha1.ReasonUpstreamHasNoTrust),
		at("prod", "legacy", v1alpha1.VerdictUndetermined, v1alpha1.ReasonUpstreamHasNoTrust),
	}
}

// Play plays the story: the environments with their policies, the two images, their passports. It returns when every
// passport has come out as it must.
func (w *World) Play(ctx context.Context) (Digests, error) {
	var digests Digests
	if err := w.ApplyManifests(ctx, Namespaces, Keys, Policies); err != nil {
		return digests, err
	}
	var err error
	if digests.Checkout, err = w.PushCheckout(ctx); err != nil {
		return digests, err
	}
	if digests.Legacy, err = w.PushLegacy(ctx); err != nil {
		return digests, err
	}
	defer w.step("dev → staging → prod")()
	if err := w.ApplyManifests(ctx, Checkout, Legacy); err != nil {
		return digests, err
	}
	return digests, w.AwaitEndings(ctx, Endings())
}

// AwaitEndings waits until every TrustedImage has come out as it must.
func (w *World) AwaitEndings(ctx context.Context, endings []Ending) error {
	return w.Await(ctx, storyTimeout, "the images", func(ctx context.Context) (string, error) {
		var open []string
		for _, ending := range endings {
			var image v1alpha1.TrustedImage
			if err := w.Admin.Get(ctx, ending.Image, &image); err != nil {
				return "", err
			}
			if summary := image.Status.Summary; summary.Verdict != ending.Verdict || summary.Reason != ending.Reason {
				open = append(open, fmt.Sprintf("%s is %q (%s), not %s (%s)", ending.Image, summary.Verdict, summary.Reason, ending.Verdict, ending.Reason))
			}
		}
		return strings.Join(open, "; "), nil
	})
}

func repositoryOf(name string) string {
	repository, _, _ := strings.Cut(name, ":")
	return repository
}
