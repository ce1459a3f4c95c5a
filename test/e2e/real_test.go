// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/shareddata"
	"github.com/assay-dev/assay/test/story"
)

// fromDevToProd are the passports of an image in all three environments.
const fromDevToProd = `
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: NAME, namespace: dev}
spec:
  source:
    registry: {repository: "${REGISTRY}/real/NAME", tag: "1"}
  promoteTo: [{namespace: staging}]
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: NAME, namespace: staging}
spec:
  source:
    upstreamRef: {namespace: dev, name: NAME}
  promoteTo: [{namespace: prod}]
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: NAME, namespace: prod}
spec:
  source:
    upstreamRef: {namespace: staging, name: NAME}
`

// TestRealImages plays the story on images that nobody here made, judged by a database made of real advisories. How many
// findings there must be is what the trivy command says; that they are the same ones is tested beside the matcher.
func TestRealImages(t *testing.T) {
	alpine := shareddata.Require(t, "images/alpine-310.tar.gz")
	distroless := shareddata.Require(t, "images/distroless.tar.gz")
	slsa := shareddata.Require(t, "slsa/v2.0.0/container_workflow_dispatch")
	uncovered := shareddata.Require(t, "images/alpine-minirootfs-3.18.9-x86_64.tar.gz")
	database, err := os.ReadFile(shareddata.Require(t, "trivy-db/db.tar.gz"))
	must(t, err)
	catalog, err := os.ReadFile(shareddata.Require(t, "kev/known_exploited_vulnerabilities-2026.08.07.json"))
	must(t, err)
	w := boot(t, func(o *story.Options) { o.Database, o.Catalogue = database, catalog })
	must(t, w.ApplyManifests(t.Context(), story.Namespaces, story.Keys, story.Policies))

	trusted, rejected := verdict{v1alpha1.VerdictTrusted, v1alpha1.ReasonPolicyPassed}, verdict{v1alpha1.VerdictRejected, v1alpha1.ReasonVulnerable}
	asRoot := verdict{v1alpha1.VerdictRejected, v1alpha1.ReasonRunsAsRoot}
	unknown, waiting := verdict{v1alpha1.VerdictUndetermined, v1alpha1.ReasonNotCovered}, verdict{v1alpha1.VerdictUndetermined, v1alpha1.ReasonUpstreamHasNoTrust}
	tests := map[string]struct {
		image              func() (images.Pushable, error)
		dev, staging, prod verdict
		findings           int32
	}{
		"distroless": {
			image: func() (images.Pushable, error) { return images.LoadArchive(distroless) },
			dev:   trusted, staging: trusted, prod: rejected, findings: 20,
		},
		"alpine": {
			image: func() (images.Pushable, error) { return images.LoadArchive(alpine) },
			dev:   trusted, staging: trusted, prod: asRoot, findings: 0,
		},
		"slsa": {
			image: func() (images.Pushable, error) { return images.LoadSaved(slsa) },
			dev:   rejected, staging: waiting, prod: waiting, findings: 61,
		},
		"two-platforms": {
			image: func() (images.Pushable, error) { return images.RealTwoPlatforms(distroless, slsa) },
			dev:   rejected, staging: waiting, prod: waiting, findings: 81,
		},
		"uncovered": {
			image: func() (images.Pushable, error) {
				return images.LoadRootFS(uncovered, v1.Platform{OS: "linux", Architecture: "amd64"})
			},
			dev: unknown, staging: waiting, prod: waiting,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			image, err := test.image()
			must(t, err)
			_, err = w.Release(t.Context(), "real/"+name+":1", image)
			must(t, err)
			w.apply(t, fromDevToProd, "NAME", name)
			came := w.awaitVerdict(t, "dev/"+name, test.dev)
			w.awaitVerdict(t, "staging/"+name, test.staging)
			w.awaitVerdict(t, "prod/"+name, test.prod)
			if got := findings(came); got != test.findings {
				t.Errorf("%d findings, want %d", got, test.findings)
			}
		})
	}
	t.Log("\n" + w.kubectl(t, table...))
}

// verdict is what kubectl get says of an image, and why.
type verdict struct {
	verdict v1alpha1.Verdict
	reason  string
}

func (w *world) awaitVerdict(t *testing.T, name string, want verdict) *v1alpha1.TrustedImage {
	t.Helper()
	return w.await(t, name, func(image *v1alpha1.TrustedImage) string {
		if got := (verdict{image.Status.Summary.Verdict, image.Status.Summary.Reason}); got != want {
			return fmt.Sprintf("is %v, want %v", got, want)
		}
		return ""
	})
}

// findings counts those of all severities in the digest that the row of kubectl get speaks of.
func findings(image *v1alpha1.TrustedImage) int32 {
	var counts *v1alpha1.FindingCounts
	switch {
	case image.Status.Trusted != nil:
		counts = image.Status.Trusted.Findings
	case image.Status.Candidate != nil:
		counts = image.Status.Candidate.Findings
	}
	if counts == nil {
		return 0
	}
	return counts.Critical + counts.High + counts.Medium + counts.Low + counts.Unknown
}
