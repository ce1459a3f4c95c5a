// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// mirror is another repository, which serves the same digests.
const mirror = "registry.example.com/mirror/checkout"

// noDemands speaks of the mirror alone and demands nothing.
func noDemands() *v1alpha1.ClusterImagePolicy {
	return &v1alpha1.ClusterImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "no-demands"},
		Spec: v1alpha1.ClusterPolicySpec{
			Namespaces: []v1alpha1.NamespacePattern{"*"},
			PolicySpec: v1alpha1.PolicySpec{Images: []v1alpha1.ImagePattern{mirror}},
		},
	}
}

// ofTheShop is noFixableCriticals for the shop's repositories only.
func ofTheShop() *v1alpha1.ClusterImagePolicy {
	policy := noFixableCriticals()
	policy.Spec.Images = []v1alpha1.ImagePattern{"registry.example.com/shop/**"}
	return policy
}

// entryFor returns the status entry for a digest of a repository, nil when there is none.
func entryFor(object *v1alpha1.TrustedImage, repository, digest string) *v1alpha1.TrustedDigest {
	for _, record := range recorded(&object.Status) {
		if record.Repository == repository && string(record.Digest) == digest {
			return &record
		}
	}
	return nil
}

func TestADigestIsJudgedByThePoliciesOfItsOwnRepository(t *testing.T) {
	w := newWorld(t, entryImage(), ofTheShop(), noDemands())
	digest := w.push("1.8", "good").String()
	w.settle(dev)
	w.findings.find(w.push("1.8", "good"), critical)
	w.change(dev, func(object *v1alpha1.TrustedImage) { object.Spec.Source.Registry.Repository = mirror })
	object := w.settle(dev)
	if object.Status.Trusted == nil || object.Status.Trusted.Repository != mirror {
		t.Fatalf("trusted: %+v", object.Status.Trusted)
	}
	old := entryFor(object, repository, digest)
	if old == nil || old.NotPassingSince == nil {
		t.Fatalf("the digest of the shop, in grace: %+v", old)
	}
	w.clock.Step(grace + time.Minute)
	object = w.settle(dev)
	if entryFor(object, repository, digest) != nil {
		t.Error("a lax policy for another repository kept a digest of the shop trusted")
	}
	if entryFor(object, mirror, digest) == nil {
		t.Error("the end of the shop's digest took the mirror's away")
	}
}

func TestARejectedCandidateOfAnotherRepositoryTakesNoTrustAway(t *testing.T) {
	w := newWorld(t, entryImage(), ofTheShop(), noDemands())
	w.change(dev, func(object *v1alpha1.TrustedImage) { object.Spec.Source.Registry.Repository = mirror })
	digest := w.push("1.8", "good")
	w.findings.find(digest, critical)
	w.settle(dev)
	w.change(dev, func(object *v1alpha1.TrustedImage) { object.Spec.Source.Registry.Repository = repository })
	object := w.settle(dev)
	if kept := entryFor(object, mirror, digest.String()); kept == nil || kept.NotPassingSince != nil {
		t.Errorf("the mirror's digest: %+v", kept)
	}
}
