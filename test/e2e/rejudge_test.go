// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/shareddata"
	"github.com/assay-dev/assay/test/story"
)

// newlyExploited is the one vulnerability by which CISA's catalogues of 2026-08-06 and 2026-08-07 differ. The test's own database gives it
// to Debian's openssl.
const newlyExploited = "CVE-2026-8037"

// catalogues are the two, or small ones in their place.
func catalogues(t *testing.T) (before, after []byte) {
	t.Helper()
	older, isThere := shareddata.Path(t, "kev/known_exploited_vulnerabilities-2026.08.06.json")
	newer, isThereToo := shareddata.Path(t, "kev/known_exploited_vulnerabilities-2026.08.07.json")
	var err error
	if isThere && isThereToo {
		before, err = os.ReadFile(older)
		must(t, err)
		after, err = os.ReadFile(newer)
		must(t, err)
		return before, after
	}
	before, err = advisories.KEVOf("CVE-2021-44228")
	must(t, err)
	after, err = advisories.KEVOf("CVE-2021-44228", newlyExploited)
	must(t, err)
	return before, after
}

const exploitedPolicy = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: assay.dev/v1alpha1
kind: ImagePolicy
metadata: {name: exploited, namespace: shop}
spec:
  vulnerabilities:
    block: [{name: exploited, exploited: Known}]
`

const exploitedException = exploitedPolicy + `    exceptions:
    - {id: CVE-2026-8037, package: "pkg:deb/debian/openssl", reason: "nothing calls it", owner: payments, expiresAt: "EXPIRES"}
    - {id: CVE-2026-8037, package: "pkg:deb/debian/libssl3", reason: "nothing calls it", expiresAt: "EXPIRES"}
    - {id: CVE-2021-44228, package: "pkg:maven/org.apache.logging.log4j/log4j-core", reason: "it is not there", expiresAt: "EXPIRES"}
`

const passport = `
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: NAME, namespace: shop}
spec:
  source:
    registry: {repository: "${REGISTRY}/rejudge/NAME", tag: "1"}
`

// labelled is an image that differs from another one in nothing but its configuration.
func labelled(build func() (v1.Image, error)) func() (v1.Image, error) {
	return func() (v1.Image, error) {
		image, err := build()
		if err != nil {
			return nil, err
		}
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		changed := config.DeepCopy()
		changed.Config.Labels = map[string]string{"variant": "other"}
		return mutate.ConfigFile(image, changed)
	}
}

// TestAFeedChangesExactlyTheVerdictsThatItConcerns replaces the catalogue of exploited vulnerabilities by the next day's: the
// images that carry the new entry change their verdicts, nothing else is written, and no registry is asked. Then an exception excuses the
// finding until it expires.
func TestAFeedChangesExactlyTheVerdictsThatItConcerns(t *testing.T) {
	before, after := catalogues(t)
	database, err := advisories.Load()
	must(t, err)
	database.Describe(newlyExploited, advisories.Vulnerability{Title: "a command injection", Published: "2026-06-01"})
	database.Set("debian 12", "openssl", newlyExploited, advisories.Advisory{Fixed: "99"})
	archive, err := database.Archive()
	must(t, err)
	w := boot(t, func(o *story.Options) { o.Database, o.Catalogue = archive, before })
	w.apply(t, exploitedPolicy)

	trusted := verdict{v1alpha1.VerdictTrusted, v1alpha1.ReasonPolicyPassed}
	rejected := verdict{v1alpha1.VerdictRejected, v1alpha1.ReasonInGrace}
	carries := map[string]bool{"debian": true, "debian-labelled": true, "alpine": false, "alpine-labelled": false}
	for name, build := range map[string]func() (v1.Image, error){
		"debian": images.PatchedDebian, "debian-labelled": labelled(images.PatchedDebian),
		"alpine": images.Alpine, "alpine-labelled": labelled(images.Alpine),
	} {
		push(t, w.honest.Host(), "rejudge/"+name, of(build))
		w.apply(t, passport, "NAME", name)
	}
	versions := map[string]string{}
	for name := range carries {
		w.awaitVerdict(t, "shop/"+name, trusted)
		versions[name] = w.awaitCondition(t, "shop/"+name, "Sealed=True "+v1alpha1.ReasonSucceeded).ResourceVersion
	}

	w.honest.Forget()
	changed := time.Now()
	must(t, os.WriteFile(w.KEV()+".next", after, 0o600))
	must(t, os.Rename(w.KEV()+".next", w.KEV()))
	for name, carries := range carries {
		if carries {
			w.awaitVerdict(t, "shop/"+name, rejected)
		}
	}
	t.Logf("the verdicts changed %v after the file", time.Since(changed).Round(time.Millisecond))
	for name, carries := range carries {
		if got := w.get(t, "shop/"+name); !carries && got.ResourceVersion != versions[name] {
			t.Errorf("%s carries nothing that changed, and was written: %v", name, shortly(got))
		}
	}
	for _, request := range w.honest.Requests() {
		t.Errorf("a registry was asked: %s %s", request.Method, request.Path)
	}
	expires(t, w, trusted, rejected)
}

// expires excuses the finding for a few seconds.
func expires(t *testing.T, w *world, trusted, rejected verdict) {
	t.Helper()
	end := time.Now().Add(8 * time.Second).Truncate(time.Second)
	w.apply(t, strings.ReplaceAll(exploitedException, "EXPIRES", end.UTC().Format(time.RFC3339)))
	image := w.awaitVerdict(t, "shop/debian", trusted)
	if excused := image.Status.Trusted.Excused; len(excused) == 0 || excused[0].ID != newlyExploited || excused[0].Until == nil || excused[0].Until.Time() != end.UTC() {
		t.Errorf("excused are %+v, want %s until %v", excused, newlyExploited, end)
	}
	w.awaitPolicy(t, "shop/exploited", func(policy *v1alpha1.ImagePolicy) string {
		if unused := policy.Status.UnusedExceptions; len(unused) != 1 || unused[0].ID != "CVE-2021-44228" {
			return fmt.Sprintf("unused exceptions are %v", unused)
		}
		for _, c := range policy.Status.Conditions {
			if c.Type == v1alpha1.ExceptionsExpiringCondition {
				return ""
			}
		}
		return "nothing says that exceptions expire"
	})
	w.awaitVerdict(t, "shop/debian", rejected)
	t.Logf("the exceptions ended %v after they expired", time.Since(end).Round(time.Millisecond))
}
