// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/internal/query/fake"
)

func TestAMatchSaysAllThatIsKnown(t *testing.T) {
	w := twoTeams(t)
	got := w.answer(t, "ann", query.AffectedPath, query.VulnerabilityParameter, "cve-2021-44228")
	want := query.Answer{Database: "sha256:db", Matches: []query.Match{{
		Image:         query.Image{Namespace: "team-a", Name: "checkout", Standing: query.Trusted, Reference: repository + "@" + digest("a").String()},
		Package:       "log4j-core",
		Version:       "2.14.1",
		PURL:          "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
		Path:          "app/log4j-core.jar",
		Vulnerability: log4shell, FixedVersion: "2.15.0", Severity: "Critical",
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStandings holds where in a TrustedImage a digest is looked for, and that images of several platforms are one match.
func TestStandings(t *testing.T) {
	object := trusting("team-a", "checkout", "index")
	object.Status.Trusted.Platforms = []v1alpha1.PlatformDigest{
		{Platform: "linux/arm64", Digest: text("arm64")}, {Platform: "linux/amd64", Digest: text("amd64")},
	}
	object.Status.Candidate = &v1alpha1.CandidateDigest{
		Digest: text("next index"), Repository: repository, Findings: &v1alpha1.FindingCounts{},
		Reports: []v1alpha1.ReportReference{{Type: "spdx", Subject: text("next")}, {Type: "cyclonedx", Subject: text("next")}},
	}
	object.Status.History = []v1alpha1.TrustedDigest{{Digest: text("old"), Repository: repository, Findings: &v1alpha1.FindingCounts{}}}
	w := newWorld(t, &fake.Index{
		Known:    []image.Digest{digest("arm64"), digest("amd64"), digest("next"), digest("old")},
		Carriers: []fleet.Carrier{log4j("arm64"), log4j("amd64"), log4j("next"), log4j("old"), log4j("of nobody")},
	}, object)
	answer := w.answer(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell)
	want := []string{
		"team-a/checkout Trusted log4j-core 2.14.1", "team-a/checkout Candidate log4j-core 2.14.1", "team-a/checkout History log4j-core 2.14.1",
	}
	if diff := cmp.Diff(want, named(answer.Matches)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, answer.Matches[0].Platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	if !answer.Complete() {
		t.Errorf("unknown: %v", answer.Unknown)
	}
}

// TestWhatIsNotKnownIsSaid holds that an image whose contents are not known is never silently clean.
func TestWhatIsNotKnownIsSaid(t *testing.T) {
	unjudged := trusting("team-a", "unjudged", "unjudged")
	unjudged.Status.Trusted.Findings = nil
	halfKnown := trusting("team-a", "half", "index")
	halfKnown.Status.Trusted.Platforms = []v1alpha1.PlatformDigest{{Platform: "linux/amd64", Digest: text("clean")}, {Platform: "linux/arm64", Digest: text("missing")}}
	unresolved := trusting("team-a", "unresolved", "")
	unresolved.Status.Trusted = nil
	unresolved.Spec.Source.Registry = &v1alpha1.RegistrySource{Repository: repository, Tag: "1"}
	waiting := trusting("team-a", "waiting", "") // for its upstream, which contains whatever there is
	waiting.Status.Trusted = nil
	waiting.Spec.Source.UpstreamRef = &v1alpha1.UpstreamReference{Namespace: "team-a", Name: "clean"}
	w := newWorld(t, &fake.Index{Known: []image.Digest{digest("clean"), digest("unjudged")}, Carriers: []fleet.Carrier{log4j("unjudged")}},
		trusting("team-a", "clean", "clean"), trusting("team-a", "missing", "missing"), trusting("team-b", "theirs", "missing"),
		unjudged, halfKnown, unresolved, waiting)
	answer := w.answer(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell)
	var unknown []string
	for _, u := range answer.Unknown {
		unknown = append(unknown, u.Namespace+"/"+u.Name+" "+string(u.Standing))
	}
	if diff := cmp.Diff([]string{"team-a/half Trusted", "team-a/missing Trusted", "team-a/unjudged Trusted", "team-a/unresolved "}, unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"team-a/unjudged Trusted log4j-core 2.14.1"}, named(answer.Matches)); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
	if answer.Complete() {
		t.Error("an answer that does not speak of every image is said to be complete")
	}
}

func TestAVersionThatCannotBeComparedIsAMatchPerhaps(t *testing.T) {
	odd := log4j("a")
	odd.Package.Version, odd.Package.PURL = "", "pkg:maven/org.apache.logging.log4j/log4j-core"
	w := newWorld(t, &fake.Index{Known: []image.Digest{digest("a")}, Carriers: []fleet.Carrier{odd, log4j("a")}}, trusting("team-a", "checkout", "a"))
	answer := w.answer(t, "ann", query.FindPath, query.PackageParameter, "pkg:maven/*/log4j-core@<2.15")
	if len(answer.Matches) != 2 || !answer.Matches[0].Unsure || answer.Matches[1].Unsure {
		t.Errorf("got %+v, want the one without a version to be unsure", answer.Matches)
	}
	if sure := w.answer(t, "ann", query.FindPath, query.PackageParameter, "pkg:maven/*/log4j-core@<2.0"); len(sure.Matches) != 1 || !sure.Matches[0].Unsure {
		t.Errorf("got %+v, want only the one without a version", sure.Matches)
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	index := &fake.Index{}
	var images []*v1alpha1.TrustedImage
	for i := range 3 {
		content := fmt.Sprint(i)
		for j := range query.MaxMatches / 2 {
			c := log4j(content)
			c.Package.Path = fmt.Sprintf("%04d.jar", j)
			index.Carriers = append(index.Carriers, c)
		}
		index.Known = append(index.Known, digest(content))
		images = append(images, trusting("team-a", "affected-"+content, content))
	}
	for i := range query.MaxUnknown + 1 {
		images = append(images, trusting("team-a", fmt.Sprintf("unknown-%03d", i), fmt.Sprintf("unknown %d", i)))
	}
	answer := newWorld(t, index, images...).answer(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell)
	if len(answer.Matches) != query.MaxMatches || !answer.MoreMatches || len(answer.Unknown) != query.MaxUnknown || !answer.MoreUnknown {
		t.Fatalf("%d matches, more: %t; %d unknown, more: %t", len(answer.Matches), answer.MoreMatches, len(answer.Unknown), answer.MoreUnknown)
	}
	if last := answer.Matches[query.MaxMatches-1]; last.Name != "affected-1" || last.Path != "0499.jar" {
		t.Errorf("the last match is %+v", last)
	}
}

// TestHostileTextIsPrintable holds that nothing that an image says reaches an answer unescaped or without a bound.
func TestHostileTextIsPrintable(t *testing.T) {
	hostile := "\x1b]0;owned\a\u202e" + strings.Repeat("x", 10_000)
	carrier := fleet.Carrier{Manifest: digest("a"), ID: log4shell, FixedVersion: hostile, Severity: 99,
		Package: evidence.Package{Name: hostile, Version: hostile, PURL: hostile, Path: hostile}}
	w := newWorld(t, &fake.Index{Known: []image.Digest{digest("a")}, Carriers: []fleet.Carrier{carrier}}, trusting("team-a", "checkout", "a"))
	match := w.answer(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell).Matches[0]
	for _, text := range []string{match.Package, match.Version, match.PURL, match.Path, match.FixedVersion} {
		if len(text) > 256 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%d characters: %.40q", len(text), text)
		}
	}
	if match.Severity != "Unknown" {
		t.Errorf("severity %s", match.Severity)
	}
}
