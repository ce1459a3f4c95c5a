// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/sigstore"
)

const keylessPolicy = `
apiVersion: v1
kind: ConfigMap
metadata: {name: sigstore, namespace: keyless}
data: {trusted_root.json: TRUSTED_ROOT}
---
apiVersion: assay.dev/v1alpha1
kind: ImagePolicy
metadata: {name: built-by-ci, namespace: keyless}
spec:
  authorities:
  - name: ci
    keyless:
      trustRoot: {configMapKeyRef: {name: sigstore, key: trusted_root.json}}
      identities:
      - {issuer: "ISSUER", subject: "https://kubernetes.io/namespaces/keyless/serviceaccounts/builder"}
  signatures:
  - {name: signed, anyOf: [ci]}
  attestations:
  - name: provenance
    predicateType: https://slsa.dev/provenance/v1
    signedBy: [ci]
    slsa: {builders: [https://ci.example.com/builder], sources: [https://git.example.com/shop/checkout], refs: [refs/heads/main]}
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: checkout, namespace: keyless}
spec: {source: {registry: {repository: "${REGISTRY}/keyless/checkout", tag: "1"}}}
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: strange, namespace: keyless}
spec: {source: {registry: {repository: "${REGISTRY}/keyless/strange", tag: "1"}}}
`

const provenance = `{
  "buildDefinition": {"buildType": "https://ci.example.com/v1", "externalParameters": {"source": {"uri": "git+https://git.example.com/shop/checkout@refs/heads/main", "digest": {"gitCommit": "0123456789abcdef0123456789abcdef01234567"}}}},
  "runDetails": {"builder": {"id": "https://ci.example.com/builder"}}
}`

// trustKeyless signs as service accounts, through Fulcio and into Rekor, and has Assay judge it when none of them runs any more.
func trustKeyless(t *testing.T, w *world) {
	dir := t.TempDir()
	services := sigstore.ForTest(t, w.Cluster(), "../../bin")
	must(t, os.WriteFile(filepath.Join(dir, "provenance.json"), []byte(provenance), 0o600))
	sign := func(account, name string) {
		repository := w.honest.Host() + "/keyless/" + name
		digest, err := images.Push(t.Context(), repository+":1", images.Build(t, images.PatchedDebian))
		must(t, err)
		token := sigstore.TokenFile(t, w.Cluster(), "keyless", account)
		for _, command := range [][]string{
			{"sign"}, {"attest", "--type=https://slsa.dev/provenance/v1", "--predicate=" + filepath.Join(dir, "provenance.json")},
		} {
			_, err := w.Cosign(t.Context(), append(command, "--yes", "--new-bundle-format", "--identity-token="+token,
				"--signing-config="+services.SigningConfig, "--trusted-root="+services.TrustedRoot, repository+"@"+digest)...)
			must(t, err)
		}
	}
	sign("builder", "checkout")
	sign("stranger", "strange")
	root, err := os.ReadFile(services.TrustedRoot)
	must(t, err)
	must(t, services.Stop(t.Context()))

	w.apply(t, keylessPolicy, "TRUSTED_ROOT", strconv.Quote(string(root)), "ISSUER", w.Cluster().Issuer())
	image := w.awaitCondition(t, "keyless/checkout", "Sealed=True Succeeded")
	assertSigners(t, image.Status.Trusted.Signers)
	refused := w.awaitVerdict(t, "keyless/strange", verdict{v1alpha1.VerdictRejected, v1alpha1.ReasonSignatureMissing})
	if message := refused.Status.Candidate.Rules[0].Message; !strings.Contains(message, "serviceaccounts/stranger, want https://kubernetes.io/namespaces/keyless/serviceaccounts/builder") {
		t.Errorf("the message does not say who signed: %s", message)
	}

	t.Log("another identity in the policy ends the trust")
	w.kubectl(t, "patch", "imagepolicy", "built-by-ci", "--namespace=keyless", "--type=json",
		`--patch=[{"op": "replace", "path": "/spec/authorities/0/keyless/identities/0/subject", "value": "https://kubernetes.io/namespaces/keyless/serviceaccounts/nobody"}]`)
	ended := w.awaitCondition(t, "keyless/checkout", "Ready=True "+v1alpha1.ReasonInGrace)
	if message := ended.Status.Trusted.Rules[0].Message; !strings.Contains(message, "serviceaccounts/builder, want https://kubernetes.io/namespaces/keyless/serviceaccounts/nobody") {
		t.Errorf("the message does not say who signed: %s", message)
	}
}

func assertSigners(t *testing.T, signers []v1alpha1.SignerReference) {
	t.Helper()
	if len(signers) != 2 {
		t.Fatalf("signers: %+v", signers)
	}
	signature, built := signers[0], signers[1]
	for _, signer := range signers {
		if signer.Authority != "ci" || !strings.HasSuffix(signer.Identity, "/serviceaccounts/builder") || signer.Issuer == "" || signer.LogEntry == "" ||
			signer.SignedAt == nil || time.Since(signer.SignedAt.Time()) > time.Hour {
			t.Errorf("signer: %+v", signer)
		}
	}
	if signature.PredicateType != "" || built.Builder != "https://ci.example.com/builder" || built.Source != "https://git.example.com/shop/checkout@refs/heads/main" ||
		built.Commit != "0123456789abcdef0123456789abcdef01234567" {
		t.Errorf("the chain: %+v", signers)
	}
}
