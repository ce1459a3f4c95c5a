// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kill_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

// environments in the order in which the image goes through them.
var environments = []string{"dev", "staging", "prod"}

// passport is the name of the TrustedImage in each environment.
const passport = "checkout"

// table is what kubectl get shows of the passports, and their conditions.
func (a *arena) table(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, environment := range environments {
		status := a.passport(t, environment).Status
		s := status.Summary
		fmt.Fprintf(&b, "%s %s %s %s C:%d H:%d KEV:%d %s %s %s history:%d\n   ", environment, s.Image, s.Digest, s.Verdict,
			ptr.Deref(s.Critical, -1), ptr.Deref(s.High, -1), ptr.Deref(s.Exploited, -1), s.SignedBy, s.SBOM, s.Reason, len(status.History))
		slices.SortFunc(status.Conditions, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
		for _, c := range status.Conditions {
			fmt.Fprintf(&b, " %s=%s(%s)", c.Type, c.Status, c.Reason)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// wantTable is how the story ends, whatever happens on the way.
func wantTable(f *fixture) string {
	short := strings.TrimPrefix(f.digest, "sha256:")[:12]
	row := func(environment, image, promoted string) string {
		return fmt.Sprintf("%s %s %s Trusted C:0 H:0 KEV:0 release cyclonedx,spdx PolicyPassed history:0\n"+
			"    PolicyPassed=True(PolicyPassed)%s Ready=True(PolicyPassed) Resolved=True(Succeeded) Scanned=True(Succeeded)"+
			" Sealed=True(Succeeded) Verified=True(Succeeded)\n", environment, image, short, promoted)
	}
	return row("dev", repository+":"+tag, "") + row("staging", repository, " Promoted=True(Succeeded)") + row("prod", repository, " Promoted=True(Succeeded)")
}

func (a *arena) passport(t *testing.T, environment string) *v1alpha1.TrustedImage {
	t.Helper()
	var object v1alpha1.TrustedImage
	check(t, a.admin.Get(t.Context(), client.ObjectKey{Namespace: environment, Name: passport}, &object))
	return &object
}

// checkAttached checks that the image has one SBOM of each kind, one report, one signature by Assay, and one seal for each environment, the one
// that the status names.
func (r *round) checkAttached() {
	r.t.Helper()
	want := map[string]int{attestation.PredicateSPDX: 1, attestation.PredicateCycloneDX: 1, attestation.PredicateVulnerabilities: 1, evidence.SignaturePredicate: 1}
	for _, environment := range environments {
		want["seal of "+environment+" named in its status"] = 1
	}
	got := map[string]int{}
	subject := must(name.NewDigest(r.arena.registry + "/" + repository + "@" + r.fixture.digest))(r.t)
	index := must(must(remote.Referrers(subject, remote.WithContext(r.t.Context())))(r.t).IndexManifest())(r.t)
	for _, referrer := range index.Manifests {
		got[r.describe(subject.Context().Digest(referrer.Digest.String()))]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("attached to the image (-want +got):\n%s", diff)
	}
}

// describe says what a referrer is.
func (r *round) describe(referrer name.Digest) string {
	r.t.Helper()
	artifact := must(remote.Image(referrer, remote.WithContext(r.t.Context())))(r.t)
	manifest := must(artifact.Manifest())(r.t)
	predicate := manifest.Annotations["dev.sigstore.bundle.predicateType"]
	if predicate != attestation.PredicateSeal {
		return predicate
	}
	bundle := r.onlyLayer(artifact)
	about := must(image.ParseReference(r.arena.registry + "/" + repository + "@" + r.fixture.digest))(r.t)
	keys := []signature.Key{r.arena.sealKey(r.t)}
	for _, environment := range environments {
		if _, err := attestation.OpenSeal(bundle, attestation.Keys(keys), evidence.Environment{Namespace: environment, Name: passport}, about); err != nil {
			continue
		}
		trusted := r.arena.passport(r.t, environment).Status.Trusted
		if trusted != nil && string(trusted.SealDigest) == image.DigestOf(bundle).String() {
			return "seal of " + environment + " named in its status"
		}
		return "another seal of " + environment
	}
	return "a seal of nobody"
}

func (r *round) onlyLayer(artifact v1.Image) []byte {
	r.t.Helper()
	layers := must(artifact.Layers())(r.t)
	if len(layers) != 1 {
		r.t.Fatalf("the seal has %d layers", len(layers))
	}
	content := must(layers[0].Compressed())(r.t)
	defer content.Close()
	return must(io.ReadAll(content))(r.t)
}

// sealKey is the public half of the key that the controller made.
func (a *arena) sealKey(t *testing.T) signature.Key {
	t.Helper()
	var published corev1.ConfigMap
	check(t, a.admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: sealPublicKey}, &published))
	return must(signature.ParseKey([]byte(published.Data["cosign.pub"])))(t)
}
