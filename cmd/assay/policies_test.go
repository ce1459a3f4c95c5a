// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
)

// policyFile writes a file with policies.
func policyFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// clusterWide is a policy with a spec in YAML's flow style.
func clusterWide(spec string) string {
	return "apiVersion: assay.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {name: baseline}\nspec: {namespaces: [prod], " + spec + "}\n"
}

// What the API server refuses must not pass where no API server looks, and whoever wrote it is told where it stands and what may.
func TestAPolicyThatTheAPIServerRefusesIsRefused(t *testing.T) {
	const excuse = `id: CVE-2024-1, package: "pkg:deb/debian/curl", reason: unused`
	for name, test := range map[string]struct{ spec, field, wants string }{
		"a value in lower case": {`vulnerabilities: {endOfLife: deny}`,
			"spec.vulnerabilities.endOfLife", `"Deny", "Allow"`},
		"a severity in capitals": {`vulnerabilities: {block: [{name: a, minSeverity: CRITICAL}]}`,
			"spec.vulnerabilities.block[0].minSeverity", `"Critical"`},
		"secrets in lower case": {`image: {secrets: deny}`,
			"spec.image.secrets", `"Deny"`},
		"an exception without a reason": {`vulnerabilities: {exceptions: [{id: CVE-2024-1, package: "pkg:deb/debian/curl", expiresAt: "2999-01-01T00:00:00Z"}]}`,
			"spec.vulnerabilities.exceptions[0].reason", "Required"},
		"a date that is no moment": {`vulnerabilities: {exceptions: [{` + excuse + `, expiresAt: "2027-13-01"}]}`,
			"spec.vulnerabilities.exceptions[0].expiresAt", "should match"},
		"a moment that no calendar has": {`vulnerabilities: {exceptions: [{` + excuse + `, expiresAt: "2027-13-01T00:00:00Z"}]}`,
			"spec.vulnerabilities.exceptions[CVE-2024-1, pkg:deb/debian/curl].expiresAt", "no moment"},
		"a duration in days": {`vulnerabilities: {block: [{name: a, fix: Available, gracePeriod: {from: FixSeen, duration: 30d}}]}`,
			"spec.vulnerabilities.block[0].gracePeriod.duration", "should match"},
		"an age that is none": {`vulnerabilities: {maxScanAge: banana}`,
			"spec.vulnerabilities.maxScanAge", "should match"},
		"a number with a comma": {`vulnerabilities: {block: [{name: a, minEPSS: "1,5"}]}`,
			"spec.vulnerabilities.block[0].minEPSS", "should match"},
		"a number that must be text": {`vulnerabilities: {block: [{name: a, minEPSS: 0.5}]}`,
			"spec.vulnerabilities.block[0].minEPSS", "string"},
		"a rule without any condition": {`vulnerabilities: {block: [{name: a}]}`,
			"spec.vulnerabilities.block[0]", "set at least one of minSeverity, minEPSS, fix and exploited"},
		"two rules of one name": {`vulnerabilities: {block: [{name: a, fix: Available}, {name: a, minSeverity: Low}]}`,
			"spec.vulnerabilities.block[1]", "Duplicate"},
		"one pattern twice": {`images: [shop/a, shop/a]`,
			"spec.images[1]", "Duplicate"},
		"a signature of nobody who is known": {`signatures: [{name: a, anyOf: [nobody]}]`,
			"spec", "signatures[].anyOf must name entries of authorities"},
		"a pattern that matches nothing": {`images: [shop/Checkout]`,
			"spec.images", "matches nothing"},
		"a field that is not there": {`vulnerabilities: {blok: []}`,
			"spec.vulnerabilities.blok", "there is no such field"},
		"a list that is none": {`vulnerabilities: {block: {name: a}}`,
			"spec.vulnerabilities.block", "array"},
		"an empty list": {`signatures: [{name: a, anyOf: []}]`,
			"spec.signatures[0].anyOf", "at least 1"},
	} {
		t.Run(name, func(t *testing.T) {
			path := policyFile(t, clusterWide(test.spec))
			_, err := readManifests(t.Context(), []string{path}, "")
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range []string{path + ": ClusterImagePolicy baseline: ", test.field, test.wants} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestMetadataAndDocumentsThatTheAPIServerRefusesAreRefused(t *testing.T) {
	good := clusterWide("images: [shop/a]")
	for name, test := range map[string]struct{ file, says string }{
		"a policy without a name":    {strings.Replace(good, "name: baseline", "labels: {}", 1), "ClusterImagePolicy without a name: metadata.name: Required"},
		"a name that is none":        {strings.Replace(good, "baseline", "Base_line", 1), "metadata.name: Invalid"},
		"metadata that is not there": {strings.Replace(good, "name: baseline", "name: baseline, nam: a", 1), `unknown field "nam"`},
		"a key that is there twice":  {good + "spec: {namespaces: [dev]}\n", "already set"},
		"a policy that is there twice": {good + "---\n" + good,
			"ClusterImagePolicy baseline: the files hold another policy of this name"},
		"a wrong one among right ones": {good + "---\n" + strings.Replace(clusterWide("images: []"), "ImagePolicy", "ImagePolicie", 1),
			"ClusterImagePolicie baseline: assay.dev/v1alpha1 has no such kind; want ClusterImagePolicy, ImagePolicy, TrustedImage of assay.dev/v1alpha1"},
		"another wrong kind of Assay": {good + "---\napiVersion: assay.dev/v1alpha1\nkind: TrustedImage\nmetadata: {name: a}\nspec: {interval: often}\n",
			"TrustedImage a: spec."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readManifests(t.Context(), []string{policyFile(t, test.file)}, "")
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

// A policy that is not read does not block anything.
func TestNoPolicyIsLeftOutSilently(t *testing.T) {
	good := clusterWide("images: [shop/a]")
	for name, test := range map[string]struct{ file, says string }{
		"of another version": {strings.Replace(good, "v1alpha1", "v1", 1),
			"ClusterImagePolicy baseline: assay.dev/v1 has no such kind; want ClusterImagePolicy, ImagePolicy, TrustedImage of assay.dev/v1alpha1"},
		"of an unknown kind":         {strings.Replace(good, "ClusterImagePolicy", "Policy", 1), "Policy baseline: assay.dev/v1alpha1 has no such kind"},
		"without a kind":             {strings.Replace(good, "kind: ClusterImagePolicy\n", "", 1), "object without a kind baseline: assay.dev/v1alpha1 has no such kind"},
		"without an apiVersion":      {strings.Replace(good, "apiVersion: assay.dev/v1alpha1\n", "", 1), "apiVersion: Required value: want assay.dev/v1alpha1"},
		"in a list":                  {list("List", "v1", good), "ClusterImagePolicy baseline: the files hold another policy of this name"},
		"in a list that is none":     {"apiVersion: v1\nkind: List\nitems: {}\n", "List without a name: items is no list"},
		"in a list of what is none":  {"apiVersion: v1\nkind: List\nitems: [a]\n", "items[0] is no object"},
		"of an unknown kind of list": {list("PolicyList", "assay.dev/v1alpha1", "metadata: {name: a}\n"), "Policy a: assay.dev/v1alpha1 has no such kind"},
		"behind much else":           {"#" + strings.Repeat(" ", maxPolicyFile) + "\n---\n" + good, "policy.yaml is larger than 4 MiB; split it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readManifests(t.Context(), []string{policyFile(t, good), policyFile(t, test.file)}, "")
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

// list is a list of one object.
func list(kind, version, object string) string {
	return "apiVersion: " + version + "\nkind: " + kind + "\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(object), "\n", "\n  ") + "\n"
}

// Everything that is wrong is said at once.
func TestEveryProblemOfAFolderIsSaid(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"a.yaml": clusterWide("image: {secrets: deny, user: root}"),
		"b.yml":  strings.Replace(clusterWide("vulnerabilities: {endOfLife: deny}"), "baseline", "other", 1),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := readManifests(t.Context(), []string{folder}, "")
	if err == nil {
		t.Fatal("the folder was taken")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[2], filepath.Join(folder, "b.yml")+": ClusterImagePolicy other: ") {
		t.Errorf("got %q", lines)
	}
}

// What ships as an example is taken, beside objects of other kinds.
func TestTheSamplesAreTaken(t *testing.T) {
	m, err := readManifests(t.Context(), []string{"../../config/samples"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.policies) < 3 {
		t.Errorf("read are %v", policy.Names(m.policies))
	}
}

// What a cluster gives out can be judged by, and what is not Assay's is left alone.
func TestWhatTheAPIServerTakesIsTaken(t *testing.T) {
	const namespaced = "apiVersion: assay.dev/v1alpha1\nkind: ImagePolicy\nmetadata: {name: strict, namespace: prod}\n"
	for name, test := range map[string]struct {
		file string
		want []string
	}{
		"a policy with a status, as a cluster has it": {
			namespaced + "spec: {}\nstatus: {observedGeneration: 3, whatever: {}}\n", []string{"prod/strict"}},
		"a policy beside what others own": {
			namespaced + "spec: {}\n---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: a}\nspec: {policy: {}}\n", []string{"prod/strict"}},
		"a policy without a namespace":     {strings.Replace(namespaced, ", namespace: prod", "", 1) + "spec: {}\n", []string{"dev/strict"}},
		"a list, as kubectl get writes it": {list("List", "v1", namespaced+"spec: {}"), []string{"prod/strict"}},
		"a list of one kind":               {list("ImagePolicyList", "assay.dev/v1alpha1", "metadata: {name: strict, namespace: prod}\nspec: {}"), []string{"prod/strict"}},
		"a list within a list":             {list("List", "v1", list("List", "v1", namespaced+"spec: {}")), []string{"prod/strict"}},
		"a default that counts":            {clusterWide("authorities: [{name: a, key: {inline: x}}], signatures: [{name: a, anyOf: [a]}]"), []string{"baseline"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := readManifests(t.Context(), []string{policyFile(t, test.file)}, "dev")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, policy.Names(m.policies)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vex%s}\ndata: {vex.json: %q}\n---\n"

// A policy reads the ConfigMap that it would read in a cluster, and no other of that name.
func TestConfigMapsAreFoundWhereTheClusterFindsThem(t *testing.T) {
	dev, prod, own := fmt.Sprintf(configMap, ", namespace: dev", "of dev"), fmt.Sprintf(configMap, ", namespace: prod", "of prod"),
		fmt.Sprintf(configMap, ", namespace: assay-system", "of Assay")
	anywhere := fmt.Sprintf(configMap, "", "of anywhere")
	reference := v1alpha1.ConfigMapKeyReference{Name: "vex", Key: "vex.json"}
	for name, test := range map[string]struct {
		files, namespace, want string
		fails                  string
	}{
		"the one of its namespace":             {dev + prod + own, "prod", "of prod", ""},
		"not another one of the name":          {dev + own, "prod", "", "does not exist"},
		"one that may stand anywhere":          {anywhere + prod, "dev", "of anywhere", ""},
		"which of two nobody knows":            {anywhere + prod, "prod", "", "does not say its namespace"},
		"of two in one namespace, neither":     {prod + prod, "prod", "", "ConfigMap prod/vex: the files hold another ConfigMap of this name"},
		"of two in no namespace, neither":      {anywhere + anywhere, "prod", "", "ConfigMap vex: the files hold another ConfigMap of this name"},
		"one with another key than the wanted": {strings.ReplaceAll(prod, "vex.json", "other"), "prod", "", "no such key"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := readManifests(t.Context(), []string{policyFile(t, test.files+clusterWide("images: [shop/a]"))}, "")
			var got string
			if err == nil {
				got, err = m.texts.Read(t.Context(), keys.InConfigMap(test.namespace, reference))
			}
			if got != test.want || (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("got %q, %v; want %q, %q", got, err, test.want, test.fails)
			}
		})
	}
}

// matching is what is said of the VEX source of each policy that speaks of an image.
func matching(t *testing.T, o verifyOptions, file string) (map[string]string, error) {
	t.Helper()
	m, err := readManifests(t.Context(), []string{policyFile(t, file)}, o.environment)
	if err != nil {
		t.Fatal(err)
	}
	repository, err := image.ParseRepository("registry.example.com/shop/checkout")
	if err != nil {
		t.Fatal(err)
	}
	set, err := o.matching(t.Context(), m, repository)
	said := map[string]string{}
	for _, p := range set.Policies {
		said[p.Name] = p.VEX["vendor"].Message
	}
	return said, err
}

const vexOfVendor = "vulnerabilities: {vex: [{name: vendor, configMapKeyRef: {name: vex, key: vex.json}}]}"

func TestPoliciesReferToConfigMapsInTheirNamespaces(t *testing.T) {
	namespaced := "apiVersion: assay.dev/v1alpha1\nkind: ImagePolicy\nmetadata: {name: strict%s}\nspec: {" + vexOfVendor + "}\n---\n"
	file := fmt.Sprintf(namespaced, "") + fmt.Sprintf(namespaced, ", namespace: prod") + clusterWide(vexOfVendor)
	for name, test := range map[string]struct {
		options verifyOptions
		want    map[string]string // the namespace that each policy looks into
	}{
		"for any environment": {verifyOptions{assayNamespace: "assay-system"},
			map[string]string{"default/strict": "default", "prod/strict": "prod", "baseline": "assay-system"}},
		"for another environment": {verifyOptions{assayNamespace: "assay-system", environment: "dev"},
			map[string]string{"dev/strict": "dev"}},
		"with Assay in another namespace": {
			verifyOptions{assayNamespace: "trust"}, map[string]string{"default/strict": "default", "prod/strict": "prod", "baseline": "trust"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := matching(t, test.options, file)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for p, namespace := range test.want {
				want[p] = "ConfigMap vex does not exist in namespace " + namespace + "; create it with the VEX document under vex.json"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whose exceptions excuse depends on the environment.
func TestDelegatedExceptionsNeedAnEnvironment(t *testing.T) {
	const (
		delegating = `vulnerabilities: {delegateExceptions: {namespaces: ["*"], maxSeverity: Critical, maxDuration: 720h}}`
		excusing   = "apiVersion: assay.dev/v1alpha1\nkind: ImagePolicy\nmetadata: {name: strict, namespace: prod}\n" +
			"spec: {images: [%q], vulnerabilities: {exceptions: [{id: CVE-2024-1, package: \"pkg:deb/debian/curl\", reason: unused, expiresAt: \"2999-01-01T00:00:00Z\"}]}}\n---\n"
	)
	ofImage, ofOther := fmt.Sprintf(excusing, "registry.example.com/**"), fmt.Sprintf(excusing, "elsewhere.example.com/**")
	for name, test := range map[string]struct {
		file, environment, says string
	}{
		"without one, that is said":           {ofImage + clusterWide(delegating), "", "ClusterImagePolicy baseline lets exceptions of namespaced policies excuse, such as those of ImagePolicy prod/strict; say by --environment which namespace's"},
		"with one they excuse":                {ofImage + clusterWide(delegating), "prod", ""},
		"without exceptions none is needed":   {clusterWide(delegating), "", ""},
		"without a delegation none is needed": {ofImage + clusterWide("images: []"), "", ""},
		"for another image's none is needed":  {ofOther + clusterWide(delegating), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := matching(t, verifyOptions{environment: test.environment}, test.file)
			if err == nil && test.says != "" || err != nil && err.Error() != test.says {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}
