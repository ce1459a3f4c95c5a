// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/vulnerability"
	vulnerabilityfake "github.com/assay-dev/assay/internal/vulnerability/fake"
)

func day(n int) time.Time { return time.Date(2026, 11, n, 6, 0, 0, 0, time.UTC) }

// scan has every field of a report.
func scan() (attestation.Scan, vulnerabilityfake.Describer) {
	log4shell := evidence.Finding{
		ID: "CVE-2021-44228", Aliases: []string{"GHSA-jfh8-c2jp-5v3q"}, Target: "app/app.jar", Package: "org.apache.logging.log4j:log4j-core", Version: "2.14.1",
		Path: "app/app.jar/lib/log4j-core-2.14.1.jar", PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", FixedVersion: "2.15.0",
		Severity: evidence.SeverityCritical, Published: time.Date(2021, 12, 10, 10, 15, 9, 0, time.UTC), Exploited: true, Ransomware: true, EPSS: 0.9436, Scored: true,
		FirstSeen: day(1), FixSeen: day(2),
	}
	unrated := evidence.Finding{ID: "CVE-2026-1", Target: "debian 12", Package: "<zlib&>\x1b", Version: "1", Comprehensive: true, FirstSeen: day(3)}
	s := attestation.Scan{
		Platform: evidence.Platform{
			Platform: image.Platform{OS: "linux", Architecture: "amd64"}, Manifest: image.DigestOf([]byte("amd64")),
			Findings:     evidence.Checked([]evidence.Finding{log4shell, unrated}),
			Distribution: evidence.Checked(evidence.Distribution{Name: "debian 12", EndOfLife: true}),
		},
		Database: evidence.Checked(evidence.Feed{Version: "2.2026112106", UpdatedAt: day(20)}),
		KEV:      evidence.Checked(evidence.Feed{Version: "2026.11.20", UpdatedAt: day(21)}),
		EPSS:     evidence.Checked(evidence.Feed{Version: "v2025.03.14 2026-11-19", UpdatedAt: day(19)}),
		Version:  "v0.2.0",
		Excuses: []attestation.Excuse{
			{Finding: log4shell, Policy: "strict", By: "prod/base vulnerabilities.exceptions", Owner: "team", Reason: "no JNDI", Until: day(30)},
			{Finding: log4shell, Policy: "base", By: "base vulnerabilities.vex[vendor]"},
		},
	}
	return s, vulnerabilityfake.Describer{ByID: map[string]vulnerability.Details{"CVE-2021-44228": {
		ID: "CVE-2021-44228", Title: "log4j-core: remote code execution", Description: "Apache Log4j2 2.0-beta9 through 2.15.0 …",
		Severities: map[string]evidence.Severity{"nvd": evidence.SeverityCritical, "ghsa": evidence.SeverityCritical, "debian": evidence.SeverityUnknown},
		CVSS: map[string]vulnerability.CVSS{
			"nvd":  {V2Vector: "AV:N/AC:M/Au:N/C:C/I:C/A:C", V2Score: 9.3, V3Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", V3Score: 10},
			"ghsa": {V3Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:H", V3Score: 10},
		},
		CWEs: []string{"CWE-20", "CWE-502"}, References: []string{"https://logging.apache.org/log4j/2.x/security.html"},
		Published: time.Date(2021, 12, 10, 10, 15, 9, 0, time.UTC), LastModified: day(1),
	}}}
}

func report(t testing.TB, s attestation.Scan, d vulnerability.Describer) []byte {
	t.Helper()
	written, err := attestation.Report(t.Context(), s, d)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func TestAReportHasEveryDetail(t *testing.T) {
	s, describer := scan()
	written := report(t, s, describer)
	var indented bytes.Buffer
	if err := json.Indent(&indented, written, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "vulnerabilities.json", indented.Bytes())
	s.Excuses[0], s.Excuses[1] = s.Excuses[1], s.Excuses[0]
	if again := report(t, s, describer); !bytes.Equal(written, again) {
		t.Error("the same scan gives another report")
	}
}

// TestAReportSaysNothingThatIsNotKnown: without its feed, a field is absent and not false.
func TestAReportSaysNothingThatIsNotKnown(t *testing.T) {
	s, _ := scan()
	s.KEV, s.EPSS = evidence.Fact[evidence.Feed]{}, evidence.Unchecked[evidence.Feed]("FeedUnavailable", "never loaded")
	s.Platform.Distribution = evidence.Fact[evidence.Distribution]{}
	written := string(report(t, s, vulnerabilityfake.Describer{Err: vulnerability.ErrNoDatabase}))
	for _, field := range []string{"exploited", "ransomware", "epss", "distribution", "vulnerabilities"} {
		if strings.Contains(written, `"`+field+`":`) {
			t.Errorf("the report has the field %s", field)
		}
	}
}

func TestWhatIsNotKnownIsNotReported(t *testing.T) {
	for name, change := range map[string]func(*attestation.Scan){
		"no findings": func(s *attestation.Scan) {
			s.Platform.Findings = evidence.Unchecked[[]evidence.Finding]("NotCovered", "nobody knows")
		},
		"no database": func(s *attestation.Scan) {
			s.Database = evidence.Unchecked[evidence.Feed]("DatabaseUnavailable", "none")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, describer := scan()
			change(&s)
			if written, err := attestation.Report(t.Context(), s, describer); err == nil {
				t.Errorf("got %s", written)
			}
		})
	}
	s, _ := scan()
	broken := errors.New("the disk is gone")
	if _, err := attestation.Report(t.Context(), s, vulnerabilityfake.Describer{Err: broken}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestAReportIsBounded(t *testing.T) {
	s, _ := scan()
	describer := vulnerabilityfake.Describer{ByID: map[string]vulnerability.Details{}}
	var findings []evidence.Finding
	for i := range 25_000 {
		id := fmt.Sprintf("CVE-2026-%05d", i)
		severity := evidence.SeverityLow
		if i >= 24_990 {
			severity = evidence.SeverityCritical
		}
		findings = append(findings, evidence.Finding{ID: id, Package: "openssl", Severity: severity})
		describer.ByID[id] = vulnerability.Details{ID: id, Description: strings.Repeat("x", vulnerability.MaxDescription)}
	}
	s.Platform.Findings = evidence.Checked(findings)
	var got struct {
		Scanner struct {
			Result struct {
				Findings        []struct{ ID string }
				Vulnerabilities []struct{ ID string }
				OmittedFindings int
				OmittedDetails  int
			}
		}
	}
	written := report(t, s, describer)
	if err := json.Unmarshal(written, &got); err != nil {
		t.Fatal(err)
	}
	result := got.Scanner.Result
	if len(result.Findings) != 20_000 || result.OmittedFindings != 5_000 || len(result.Vulnerabilities)+result.OmittedDetails != 20_000 {
		t.Errorf("%d findings and %d omitted, %d vulnerabilities and %d omitted", len(result.Findings), result.OmittedFindings,
			len(result.Vulnerabilities), result.OmittedDetails)
	}
	if last := result.Findings[len(result.Findings)-1].ID; last != "CVE-2026-24999" {
		t.Errorf("the last is %s, and not the last of the worst", last)
	}
	t.Logf("the largest report has %.1f MiB", float64(len(written))/(1<<20))
	if len(written) > 20<<20 {
		t.Errorf("the report has %d bytes, which do not fit into a registry when they are signed", len(written))
	}
}
