// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
)

func rows() map[string]row {
	all := map[string]row{}
	for _, some := range []map[string]row{sourceRows(), secretRows(), manifestRows(), layerRows(), inventoryRows(), policyRows(), upstreamRows()} {
		maps.Copy(all, some)
	}
	return all
}

// nothingKnown are the conditions of an image of which the source told nothing.
func nothingKnown(resolved, reason string) []string {
	return []string{"Ready=False " + reason, "Resolved=" + resolved + " " + reason, "Scanned=Unknown " + reason, "PolicyPassed=Unknown " + reason}
}

// unscanned are the conditions of an image whose content could not be looked into.
func unscanned(reason string) []string {
	return []string{"Ready=False " + reason, "Resolved=True Succeeded", "Scanned=Unknown " + reason, "PolicyPassed=Unknown " + reason}
}

func sourceRows() map[string]row {
	return map[string]row{
		"unknown tag": {
			push:  patched,
			apply: strings.ReplaceAll(tagged, `tag: "1"`, `tag: "2"`), reason: v1alpha1.ReasonImageNotFound,
			conditions: nothingKnown("False", v1alpha1.ReasonImageNotFound),
		},
		"unreachable registry": {
			apply: elsewhere("ABSENT"), reason: v1alpha1.ReasonRegistryUnavailable,
			conditions: nothingKnown("Unknown", v1alpha1.ReasonRegistryUnavailable),
		},
		"failing registry": {
			apply: elsewhere("FAULTY"), reason: v1alpha1.ReasonRegistryUnavailable,
			conditions: nothingKnown("Unknown", v1alpha1.ReasonRegistryUnavailable),
		},
		"lying registry": {
			prepare: func(t *testing.T, w *world, namespace string) {
				push(t, w.faulty.Host(), namespace, patched)
				_, err := images.Push(t.Context(), w.faulty.Host()+"/"+namespace+":other", images.Build(t, images.VulnerableDebian))
				must(t, err)
			},
			apply: strings.ReplaceAll(elsewhere("FAULTY"), `tag: "1"`, "digest: DIGEST"), reason: v1alpha1.ReasonDigestMismatch,
			conditions: nothingKnown("False", v1alpha1.ReasonDigestMismatch),
		},
		"malformed reference": {
			apply: strings.ReplaceAll(tagged, `HOST/NAMESPACE`, `HOST/Shop//Checkout`), reason: v1alpha1.ReasonInvalidReference,
			conditions: []string{"Ready=False InvalidReference", "Stalled=True InvalidReference", "Resolved=False InvalidReference", "Scanned=Unknown InvalidReference", "PolicyPassed=Unknown InvalidReference"},
			kstatus:    "Failed",
		},
		"suspended": {
			push:   patched,
			apply:  strings.ReplaceAll(tagged, "spec:", "spec:\n  suspend: true"),
			reason: v1alpha1.ReasonSuspended, kstatus: "Current",
		},
	}
}

const withPullSecret = `
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: image, namespace: NAMESPACE}
spec:
  source:
    registry: {repository: "CLOSED/NAMESPACE", tag: "1"}
  imagePullSecrets: [{name: pull}]
`

func secretRows() map[string]row {
	return map[string]row{
		"missing pull secret": {
			prepare: func(t *testing.T, w *world, namespace string) { consent(t, w, namespace) },
			apply:   withPullSecret, reason: v1alpha1.ReasonSecretNotFound,
			conditions: nothingKnown("Unknown", v1alpha1.ReasonSecretNotFound),
		},
		"wrong pull secret": {
			prepare: func(t *testing.T, w *world, namespace string) {
				consent(t, w, namespace)
				pullSecret(t, w, namespace, registry.Account{User: owner.User, Password: "another password"})
			},
			apply: withPullSecret, reason: v1alpha1.ReasonUnauthorized,
			conditions: nothingKnown("Unknown", v1alpha1.ReasonUnauthorized),
		},
		"forbidden pull secret": {
			prepare: func(t *testing.T, w *world, namespace string) {
				push(t, w.closed.Host(), namespace, patched, images.As(owner.User, owner.Password))
				pullSecret(t, w, namespace, owner)
			},
			apply: withPullSecret, reason: v1alpha1.ReasonSecretForbidden,
			conditions: nothingKnown("Unknown", v1alpha1.ReasonSecretForbidden),
			message:    "kubectl create rolebinding",
			mend: func(t *testing.T, w *world, _, message string) {
				_, command, _ := strings.Cut(message, "kubectl ")
				w.kubectl(t, strings.Fields(command)...)
			},
		},
	}
}

// consent lets Assay read the Secrets of a namespace.
func consent(t *testing.T, w *world, namespace string) {
	w.kubectl(t, "create", "rolebinding", "assay-secret-reader", "--namespace="+namespace,
		"--clusterrole=assay-secret-reader", "--serviceaccount=assay-system:assay-controller")
}

func pullSecret(t *testing.T, w *world, namespace string, account registry.Account) {
	w.apply(t, `{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: pull, namespace: NAMESPACE}, data: {.dockerconfigjson: CONFIG}}`,
		"NAMESPACE", namespace, "CONFIG", base64.StdEncoding.EncodeToString(account.DockerConfig(w.closed.Host())))
}

func manifestRows() map[string]row {
	unsupported := nothingKnown("False", v1alpha1.ReasonUnsupportedManifest)
	return map[string]row{
		"schema 1 manifest": {
			prepare: stored(types.DockerManifestSchema1Signed, `{"schemaVersion":1,"name":"x","tag":"1","architecture":"amd64","fsLayers":[],"history":[],"signatures":[]}`),
			apply:   tagged, reason: v1alpha1.ReasonUnsupportedManifest, conditions: unsupported,
		},
		"both index and manifest": {
			push: of(images.IndexAndManifest), apply: tagged, reason: v1alpha1.ReasonUnsupportedManifest, conditions: unsupported,
		},
		"no manifest at all": {
			prepare: stored(types.OCIManifestSchema1, `<html>please log in</html>`),
			apply:   tagged, reason: v1alpha1.ReasonUnsupportedManifest, conditions: unsupported,
		},
		"index without a runnable platform": {
			push: of(images.NoRunnablePlatform), apply: tagged, reason: v1alpha1.ReasonNoRunnablePlatform,
			conditions: unscanned(v1alpha1.ReasonNoRunnablePlatform),
		},
	}
}

func layerRows() map[string]row {
	return map[string]row{
		"truncated layer": {
			push: of(images.TruncatedLayer), apply: tagged, reason: v1alpha1.ReasonMalformedLayer, conditions: unscanned(v1alpha1.ReasonMalformedLayer),
		},
		"layer that is no archive": {
			push: of(images.NotATar), apply: tagged, reason: v1alpha1.ReasonMalformedLayer, conditions: unscanned(v1alpha1.ReasonMalformedLayer),
		},
		"decompression bomb": {
			push: of(gzipBomb), apply: tagged, reason: v1alpha1.ReasonOverLimit, conditions: unscanned(v1alpha1.ReasonOverLimit),
		},
		"layer that takes too much memory": {
			push: of(memoryBomb), apply: tagged, reason: v1alpha1.ReasonOverLimit, conditions: unscanned(v1alpha1.ReasonOverLimit),
		},
		"layer that never ends": {
			prepare: func(t *testing.T, w *world, namespace string) {
				push(t, w.faulty.Host(), namespace, of(images.DistrolessDebian))
			},
			apply: elsewhere("FAULTY"), reason: v1alpha1.ReasonDeadlineExceeded, conditions: unscanned(v1alpha1.ReasonDeadlineExceeded),
		},
		"flipped layer": {
			prepare: func(t *testing.T, w *world, namespace string) {
				push(t, w.faulty.Host(), namespace, of(images.NodeModules))
			},
			apply: elsewhere("FAULTY"), reason: v1alpha1.ReasonDigestMismatch, conditions: unscanned(v1alpha1.ReasonDigestMismatch),
		},
	}
}

func inventoryRows() map[string]row {
	incomplete := unscanned(v1alpha1.ReasonInventoryIncomplete)
	return map[string]row{
		"malformed dpkg database": { // what could be parsed is vulnerable, which counts whatever else is not known
			push: of(images.MalformedDpkg), apply: tagged, reason: v1alpha1.ReasonVulnerable,
			conditions: []string{"Ready=False Vulnerable", "Resolved=True Succeeded", "Scanned=Unknown InventoryIncomplete", "PolicyPassed=False Vulnerable"},
		},
		"random dpkg database": {
			push: of(images.BinaryDpkg), apply: tagged, reason: v1alpha1.ReasonInventoryIncomplete, conditions: incomplete,
		},
		"malformed rpm database": {
			push: of(images.MalformedRPM), apply: tagged, reason: v1alpha1.ReasonInventoryIncomplete, conditions: incomplete,
		},
		"overlong apk line": {
			push: of(images.OverlongApk), apply: tagged, reason: v1alpha1.ReasonInventoryIncomplete, conditions: incomplete,
		},
		"broken package json": {
			push: of(images.BrokenPackageJSON), apply: tagged, reason: v1alpha1.ReasonInventoryIncomplete, conditions: incomplete,
		},
		"release that is not covered": {
			push: of(images.UncoveredDebian), apply: tagged, reason: v1alpha1.ReasonNotCovered, conditions: unscanned(v1alpha1.ReasonNotCovered),
		},
	}
}

const malformedKey = `
apiVersion: assay.dev/v1alpha1
kind: ImagePolicy
metadata: {name: signed, namespace: NAMESPACE}
spec:
  authorities: [{name: ci, key: {inline: "no key"}}]
  signatures: [{name: signed, anyOf: [ci]}]
---
`

func policyRows() map[string]row {
	return map[string]row{
		"malformed key": {
			push: patched, apply: malformedKey + tagged, reason: v1alpha1.ReasonInvalidKey,
			conditions: []string{"Ready=False InvalidKey", "Resolved=True Succeeded", "Scanned=True Succeeded", "Verified=Unknown InvalidKey", "PolicyPassed=Unknown InvalidKey"},
		},
		"no matching policy": {
			push: patched, apply: tagged, reason: v1alpha1.ReasonNoMatchingPolicy,
			conditions: []string{"Ready=False NoMatchingPolicy", "Resolved=True Succeeded", "Scanned=True Succeeded", "PolicyPassed=Unknown NoMatchingPolicy"},
		},
	}
}

const fromUpstream = `
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: image, namespace: NAMESPACE}
spec:
  source:
    upstreamRef: {namespace: NAMESPACE, name: upstream}
`

const upstream = `
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: upstream, namespace: NAMESPACE}
spec:
  source:
    registry: {repository: "HOST/NAMESPACE", tag: "1"}
`

const circle = `
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: upstream, namespace: NAMESPACE}
spec:
  source:
    upstreamRef: {namespace: NAMESPACE, name: image}
  promoteTo: [{namespace: NAMESPACE}]
`

func upstreamRows() map[string]row {
	waiting := func(reason string) []string {
		return append(nothingKnown("False", reason), "Promoted=False "+reason)
	}
	return map[string]row{
		"upstream that does not exist": {
			apply: fromUpstream, reason: v1alpha1.ReasonUpstreamNotFound, conditions: waiting(v1alpha1.ReasonUpstreamNotFound),
		},
		"upstream that does not consent": {
			push: patched, apply: fromUpstream + upstream, reason: v1alpha1.ReasonUpstreamNotConsenting,
			conditions: waiting(v1alpha1.ReasonUpstreamNotConsenting),
		},
		"circle of upstreams": {
			apply: fromUpstream + circle, reason: v1alpha1.ReasonUpstreamCycle, kstatus: "Failed",
			conditions: []string{"Ready=False UpstreamCycle", "Stalled=True UpstreamCycle", "Resolved=False UpstreamCycle",
				"Scanned=Unknown UpstreamCycle", "PolicyPassed=Unknown UpstreamCycle", "Promoted=False UpstreamCycle"},
		},
	}
}
