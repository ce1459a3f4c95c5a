// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/images"
)

const queriedEnvironments = `
apiVersion: v1
kind: Namespace
metadata: {name: query-a}
---
apiVersion: v1
kind: Namespace
metadata: {name: query-b}
---
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: queried}
spec:
  namespaces: ["query-*"]
  vulnerabilities:
    block: [{name: exploited, exploited: Known}]
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: patched, namespace: query-a}
spec:
  source:
    registry: {repository: "${REGISTRY}/query/patched", tag: "1"}
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: two-platforms, namespace: query-a}
spec:
  source:
    registry: {repository: "${REGISTRY}/query/two-platforms", tag: "1"}
---
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: vulnerable, namespace: query-b}
spec:
  source:
    registry: {repository: "${REGISTRY}/query/vulnerable", tag: "1"}
`

// queried are a tenant's account, and her right to view her namespace.
const queried = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: tenant, namespace: NAMESPACE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: assay-viewer}
subjects: [{kind: ServiceAccount, name: tenant, namespace: NAMESPACE}]
`

// TestQueries has two tenants ask which of their images contain something: by kubectl and the plugin, from the running
// controller, with the rights that it ships with.
func TestQueries(t *testing.T) {
	w := boot(t, nil)
	vulnerable := images.Build(t, images.VulnerableDebian)
	for name, image := range map[string]images.Pushable{
		"patched":    images.Build(t, images.PatchedDebian),
		"vulnerable": vulnerable,
		"two-platforms": images.Build(t, func() (v1.ImageIndex, error) {
			return images.Index(vulnerable, images.Build(t, images.VulnerableDebianARM))
		}),
	} {
		_, err := images.Push(t.Context(), w.honest.Host()+"/query/"+name+":1", image)
		must(t, err)
	}
	w.apply(t, queriedEnvironments)
	kubeconfigs := map[string]string{}
	for _, namespace := range []string{"query-a", "query-b"} {
		w.apply(t, queried, "NAMESPACE", namespace)
		kubeconfigs[namespace] = w.tenant(t, namespace)
	}
	w.awaitVerdict(t, "query-a/patched", verdict{v1alpha1.VerdictTrusted, v1alpha1.ReasonPolicyPassed})
	for _, name := range []string{"query-a/two-platforms", "query-b/vulnerable"} {
		w.awaitVerdict(t, name, verdict{v1alpha1.VerdictRejected, v1alpha1.ReasonVulnerable})
	}
	must(t, w.PublishQueries(t.Context()))

	tests := map[string]struct {
		tenant, question, subject string
		want                      []string
	}{
		"who has an exploited vulnerability, on two platforms": {"query-a", "affected", "CVE-2023-4911", []string{
			"query-a/two-platforms Candidate libc6 2.36-9+deb12u1",
		}},
		"the same, asked by the other tenant": {"query-b", "affected", "CVE-2023-4911", []string{
			"query-b/vulnerable Candidate libc6 2.36-9+deb12u1",
		}},
		"which versions of a package there are": {"query-a", "find", "pkg:deb/debian/libssl3", []string{
			"query-a/patched Trusted libssl3 3.0.19-1~deb12u2", "query-a/two-platforms Candidate libssl3 3.0.9-1",
		}},
		"who has an old version of a package": {"query-a", "find", "pkg:deb/debian/libssl3@<3.0.11", []string{
			"query-a/two-platforms Candidate libssl3 3.0.9-1",
		}},
		"what nobody has": {"query-b", "find", "pkg:npm/left-pad", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var answer query.Answer
			output := w.asTenant(t, kubeconfigs[test.tenant], "assay", test.question, test.subject, "--output=json")
			must(t, json.Unmarshal([]byte(output), &answer))
			var got []string
			for _, m := range answer.Matches {
				got = append(got, strings.Join([]string{m.Namespace + "/" + m.Name, string(m.Standing), m.Package, m.Version}, " "))
			}
			if diff := cmp.Diff(test.want, got); diff != "" || !answer.Complete() {
				t.Errorf("unknown: %v, matches (-want +got):\n%s", answer.Unknown, diff)
			}
		})
	}
	t.Log("\n" + w.asTenant(t, kubeconfigs["query-a"], "assay", "affected", "CVE-2023-4911"))
}

// tenant writes a kubeconfig with a token of the tenant's account.
func (w *world) tenant(t *testing.T, namespace string) string {
	t.Helper()
	token := strings.TrimSpace(w.kubectl(t, "create", "token", "tenant", "--namespace="+namespace))
	config, err := clientcmd.BuildConfigFromFlags("", w.Kubeconfig)
	must(t, err)
	config.BearerToken, config.CertData, config.KeyData = token, nil, nil
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, controlplane.WriteKubeconfig(path, config))
	return path
}

// asTenant runs kubectl, which finds the plugin, and returns its output.
func (w *world) asTenant(t *testing.T, kubeconfig string, args ...string) string {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(bin, "k8s", "kubectl"), args...)
	command.Env = []string{"KUBECONFIG=" + kubeconfig, "PATH=" + bin, "HOME=" + t.TempDir()}
	output, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%v: %v\n%s%s", args, err, output, exit.Stderr)
	}
	must(t, err)
	return string(output)
}
