// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
)

const readOnlyRepository = "readonly/app"

const readOnlyEnvironments = `
apiVersion: v1
kind: Namespace
metadata: {name: readonly-first}
---
apiVersion: v1
kind: Namespace
metadata: {name: readonly-second}
---
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: readonly}
spec:
  namespaces: ["readonly-*"]
  vulnerabilities:
    block: [{name: critical, minSeverity: Critical}]
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: app, namespace: readonly-first}
spec:
  source:
    registry: {repository: "HOST/readonly/app", tag: "1"}
  promoteTo: [{namespace: readonly-second}]
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: app, namespace: readonly-second}
spec:
  source:
    upstreamRef: {namespace: readonly-first, name: app}
`

// promoteReadOnly promotes an image of a registry that lets nobody write: the seals stand in the evidence store alone.
func promoteReadOnly(t *testing.T, w *world) {
	_, err := images.Push(t.Context(), w.faulty.Host()+"/"+readOnlyRepository+":1", images.Build(t, images.PatchedDebian))
	must(t, err)
	w.faulty.Script(registry.Row{On: registry.Matcher{Repository: readOnlyRepository}, Fault: registry.ReadOnly})
	w.apply(t, readOnlyEnvironments, "HOST", w.faulty.Host())
	for _, name := range []string{"readonly-first/app", "readonly-second/app"} {
		image := w.awaitCondition(t, name, "Sealed=False "+v1alpha1.ReasonPushDenied)
		if image.Status.Trusted == nil || image.Status.Trusted.SealDigest == "" {
			t.Errorf("%s: there is no seal of what is trusted: %+v", name, image.Status.Trusted)
		}
	}
}
