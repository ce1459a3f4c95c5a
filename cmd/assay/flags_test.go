// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
)

const curl = "CVE-2023-38545" // in VulnerableDebian, in curl and libcurl4

func scores(curls string) string {
	return "#model_version:v2025.03.14,score_date:2026-01-02T00:00:00Z\ncve,epss,percentile\n" + curl + "," + curls + ",0.5\n"
}

// What is known of how vulnerabilities are exploited decides where a policy asks for it, and without it nobody knows.
func TestIntelligenceDecides(t *testing.T) {
	w := newWorkshop(t)
	path := w.layout(t, images.Build(t, images.VulnerableDebian))
	other, err := advisories.KEVOf("CVE-2021-44228")
	if err != nil {
		t.Fatal(err)
	}
	kev := w.write(t, "kev.yaml", clusterWide("vulnerabilities: {block: [{name: a, exploited: Known}]}"))
	epss := w.write(t, "epss.yaml", clusterWide(`vulnerabilities: {block: [{name: a, minEPSS: "0.5"}]}`))
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a catalogue that lists one":         {[]string{"--policy", kev, "--kev", w.write(t, "kev.json", catalogue)}, exitRejected, curl},
		"a catalogue that lists none":        {[]string{"--policy", kev, "--kev", w.write(t, "other.json", string(other))}, exitTrusted, ""},
		"no catalogue":                       {[]string{"--policy", kev}, exitUndetermined, "is configured: give --kev"},
		"a catalogue that is not there":      {[]string{"--policy", kev, "--kev", "./none.json"}, exitUndetermined, "none.json cannot be read"},
		"a catalogue without TLS":            {[]string{"--policy", kev, "--kev", "http://example.com/kev.json"}, exitUndetermined, "--kev: want a file or an https URL"},
		"a catalogue in a ConfigMap":         {[]string{"--policy", kev, "--kev", "configmap:feeds/kev.json"}, exitUndetermined, "--kev: a ConfigMap can be read in a cluster only"},
		"scores of which one is high enough": {[]string{"--policy", epss, "--epss", w.write(t, "high.csv", scores("0.5"))}, exitRejected, curl},
		"scores that are all low":            {[]string{"--policy", epss, "--epss", w.write(t, "low.csv", scores("0.49999"))}, exitTrusted, ""},
		"no scores":                          {[]string{"--policy", epss}, exitUndetermined, "are configured: give --epss"},
		"scores that are none":               {[]string{"--policy", epss, "--epss", w.database}, exitUndetermined, "warning: --epss "},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"verify", path, "--as", "registry.example.com/shop/checkout:1", "--database-file", w.database}, test.args...)
			if code, stdout, stderr := w.run(t, args...); code != test.code || !strings.Contains(stdout+stderr, test.says) {
				t.Errorf("exit code %d, want %d and %q in:\n%s%s", code, test.code, test.says, stdout, stderr)
			}
		})
	}
}

// A release that is no worse than what runs may follow it.
func TestWhatIsReplacedIsComparedWith(t *testing.T) {
	w, r := newWorkshop(t), registry.New(t)
	for tag, image := range map[string]func() (images.Pushable, error){
		"patched":    func() (images.Pushable, error) { return images.PatchedDebian() },
		"vulnerable": func() (images.Pushable, error) { return images.VulnerableDebian() },
	} {
		if _, err := images.Push(t.Context(), r.Host()+"/shop/checkout:"+tag, images.Build(t, image)); err != nil {
			t.Fatal(err)
		}
	}
	path := w.layout(t, images.Build(t, images.VulnerableDebian))
	lenient := w.write(t, "lenient.yaml", clusterWide("vulnerabilities: {notWorseThanCurrent: true, block: [{name: a, minSeverity: Critical}]}"))
	strict := w.write(t, "strict.yaml", clusterWide("vulnerabilities: {block: [{name: a, minSeverity: Critical}]}"))
	for name, test := range map[string]struct {
		policy, replaces string
		code             int
	}{
		"what is as bad":                   {lenient, "vulnerable", exitTrusted},
		"what is better":                   {lenient, "patched", exitRejected},
		"nothing":                          {lenient, "", exitRejected},
		"what is as bad, and is not asked": {strict, "vulnerable", exitRejected},
		"what is not there":                {lenient, "absent", exitUndetermined},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"verify", path, "--as", r.Host() + "/shop/checkout:new", "--policy", test.policy, "--database-file", w.database, "--insecure-registry", r.Host()}
			if test.replaces != "" {
				args = append(args, "--replaces", r.Host()+"/shop/checkout:"+test.replaces)
			}
			if code, stdout, stderr := w.run(t, args...); code != test.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, test.code, stdout, stderr)
			}
		})
	}
}

// The environment decides which policies hold, and whose exceptions excuse.
func TestTheEnvironmentDecides(t *testing.T) {
	w := newWorkshop(t)
	path := w.layout(t, images.Build(t, images.VulnerableDebian))
	const excuses = `
apiVersion: assay.dev/v1alpha1
kind: ImagePolicy
metadata: {name: excuses, namespace: shop}
spec:
  vulnerabilities:
    exceptions:
    - {id: CVE-2023-38545, package: "pkg:deb/debian/curl", reason: no proxy, expiresAt: "2099-01-01T00:00:00Z"}
    - {id: CVE-2023-38545, package: "pkg:deb/debian/libcurl4", reason: no proxy, expiresAt: "2099-01-01T00:00:00Z"}
---
`
	const delegating = `vulnerabilities: {block: [{name: a, exploited: Known}],
    delegateExceptions: {namespaces: [shop], maxSeverity: Critical, maxDuration: 999999h}}`
	baseline := strings.Replace(clusterWide(delegating), "[prod]", "[shop, prod]", 1)
	policies := w.write(t, "delegating.yaml", excuses+baseline)
	for name, test := range map[string]struct {
		environment string
		code        int
		says        string
	}{
		"that has exceptions":           {"shop", exitTrusted, "Trusted"},
		"that has none":                 {"prod", exitRejected, curl},
		"that no policy speaks of":      {"dev", exitUndetermined, "NoMatchingPolicy"},
		"that is needed and not stated": {"", exitUndetermined, "say by --environment which namespace's"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"verify", path, "--as", "registry.example.com/shop/checkout:1", "--policy", policies, "--database-file", w.database,
				"--kev", w.write(t, "kev.json", catalogue), "--environment", test.environment}
			if code, stdout, stderr := w.run(t, args...); code != test.code || !strings.Contains(stdout+stderr, test.says) {
				t.Errorf("exit code %d, want %d and %q in:\n%s%s", code, test.code, test.says, stdout, stderr)
			}
		})
	}
}

func TestSecretsAreSoughtWhenAskedFor(t *testing.T) {
	w := newWorkshop(t)
	talkative, quiet := sharing(t)
	first, second := w.layout(t, talkative), w.layout(t, quiet)
	for name, test := range map[string]struct {
		args  []string
		finds int
	}{
		"not asked for":    {[]string{first}, 0},
		"asked for":        {[]string{first, "--secrets"}, 3},
		"of a quieter one": {[]string{second, "--secrets"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := w.run(t, append([]string{"scan", "--database-file", w.database, "-o", "json"}, test.args...)...)
			if got := strings.Count(stdout, `"github-pat"`); code != 0 || got != test.finds || strings.Contains(stdout+stderr, token) {
				t.Errorf("exit code %d and %d secrets, want %d\n%s%s", code, got, test.finds, stdout, stderr)
			}
		})
	}
}
