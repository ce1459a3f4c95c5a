// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/story"
)

// TestUnusableIntelligence begins with a database and a catalog that are none. Nobody knows then whether an image is vulnerable,
// and when usable ones appear it is known without anybody's doing.
func TestUnusableIntelligence(t *testing.T) {
	w := boot(t, func(o *story.Options) {
		o.Database, o.Catalogue = []byte("no archive"), []byte("<html>please log in</html>")
	})
	must(t, w.ApplyManifests(t.Context(), story.Namespaces, story.Keys, story.Policies))
	_, err := w.PushCheckout(t.Context())
	must(t, err)
	must(t, w.ApplyManifests(t.Context(), story.Checkout))

	image := w.awaitCondition(t, "dev/checkout", "Scanned=Unknown "+v1alpha1.ReasonDatabaseUnavailable)
	got := map[string]v1alpha1.Result{}
	for _, rule := range image.Status.Candidate.Rules {
		got[rule.Rule+" "+rule.Reason] = rule.Result
	}
	want := map[string]v1alpha1.Result{
		"vulnerabilities.block[exploited] " + v1alpha1.ReasonFeedUnavailable:   v1alpha1.ResultUnknown,
		"vulnerabilities.block[fixable] " + v1alpha1.ReasonDatabaseUnavailable: v1alpha1.ResultUnknown,
		"signatures[released] ": v1alpha1.ResultPass,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}

	database, err := advisories.Load()
	must(t, err)
	archive, err := database.Archive()
	must(t, err)
	_, err = advisories.Push(t.Context(), w.Database(), archive)
	must(t, err)
	catalog, err := advisories.KEV()
	must(t, err)
	must(t, os.WriteFile(w.KEV(), catalog, 0o600))
	w.awaitVerdict(t, "prod/checkout", verdict{v1alpha1.VerdictTrusted, v1alpha1.ReasonPolicyPassed})
}
