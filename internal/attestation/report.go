// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"maps"
	"slices"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// reportPredicate is a vulnerability scan in cosign's form (cosign, specs/COSIGN_VULN_ATTESTATION_SPEC.md). The form leaves the result to the
// scanner; Assay's is reportResult. Times are in RFC 3339, in UTC and whole seconds, and absent when they are not known.
type reportPredicate struct {
	Invocation reportInvocation `json:"invocation"`
	Scanner    reportScanner    `json:"scanner"`
	Metadata   reportMetadata   `json:"metadata"`
}

// reportInvocation is what the form says of pipelines, in which Assay does not run.
type reportInvocation struct {
	Parameters *struct{} `json:"parameters"`
	URI        string    `json:"uri"`
	EventID    string    `json:"event_id"`
	BuilderID  string    `json:"builder.id"`
}

type reportScanner struct {
	URI     string         `json:"uri"`
	Version string         `json:"version"`
	DB      reportDatabase `json:"db"`
	Result  reportResult   `json:"result"`
}

type reportDatabase struct {
	URI        string `json:"uri"`
	Version    string `json:"version"`
	LastUpdate string `json:"lastUpdate,omitempty"`
}

type reportMetadata struct {
	ScanStartedOn  second `json:"scanStartedOn"`
	ScanFinishedOn second `json:"scanFinishedOn"`
}

// reportResult is what was found in one platform's image.
type reportResult struct {
	Image        reportImage         `json:"image"`
	Distribution *reportDistribution `json:"distribution,omitempty"`
	// Feeds beside the database. Without one, what findings say of it means nothing.
	Feeds reportFeeds `json:"feeds"`
	// Findings, each of which is one vulnerability in one package.
	Findings []reportFinding `json:"findings"`
	// Vulnerabilities that are found, each once, as far as the database says something of them.
	Vulnerabilities []reportVulnerability `json:"vulnerabilities,omitempty"`
	// OmittedFindings are the less severe ones that did not fit, OmittedDetails the vulnerabilities.
	OmittedFindings int `json:"omittedFindings,omitempty"`
	OmittedDetails  int `json:"omittedDetails,omitempty"`
}

type reportImage struct {
	Digest   string `json:"digest"`
	Platform string `json:"platform"`
}

type reportDistribution struct {
	Name      string `json:"name"`
	EndOfLife bool   `json:"endOfLife"`
}

type reportFeeds struct {
	KEV  *reportFeed `json:"kev,omitempty"`
	EPSS *reportFeed `json:"epss,omitempty"`
}

type reportFeed struct {
	Version   string `json:"version"`
	UpdatedAt string `json:"updatedAt,omitempty"`
}

type reportFinding struct {
	ID           string        `json:"id"`
	Aliases      []string      `json:"aliases,omitempty"`
	Package      reportPackage `json:"package"`
	FixedVersion string        `json:"fixedVersion,omitempty"`
	Severity     string        `json:"severity"`
	Published    string        `json:"published,omitempty"`
	// Exploited and Ransomware are what CISA's catalogue says, absent without it.
	Exploited  *bool `json:"exploited,omitempty"`
	Ransomware *bool `json:"ransomware,omitempty"`
	// EPSS is the probability of exploitation in the next 30 days, absent when nobody scored it.
	EPSS          *float64       `json:"epss,omitempty"`
	FirstSeen     string         `json:"firstSeen,omitempty"`
	FixSeen       string         `json:"fixSeen,omitempty"`
	Comprehensive bool           `json:"comprehensive,omitempty"`
	Excused       []reportExcuse `json:"excused,omitempty"`
}

type reportPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl,omitempty"`
	Path    string `json:"path,omitempty"`
	Target  string `json:"target,omitempty"`
}

type reportExcuse struct {
	Policy string `json:"policy"`
	By     string `json:"by"`
	Owner  string `json:"owner,omitempty"`
	Reason string `json:"reason,omitempty"`
	Until  string `json:"until,omitempty"`
}

type reportVulnerability struct {
	ID           string            `json:"id"`
	Title        string            `json:"title,omitempty"`
	Description  string            `json:"description,omitempty"`
	Severities   map[string]string `json:"severities,omitempty"`
	CVSS         []reportCVSS      `json:"cvss,omitempty"`
	CWEs         []string          `json:"cwes,omitempty"`
	References   []string          `json:"references,omitempty"`
	Published    string            `json:"published,omitempty"`
	LastModified string            `json:"lastModified,omitempty"`
}

type reportCVSS struct {
	Source    string  `json:"source"`
	V2Vector  string  `json:"v2Vector,omitempty"`
	V2Score   float64 `json:"v2Score,omitempty"`
	V3Vector  string  `json:"v3Vector,omitempty"`
	V3Score   float64 `json:"v3Score,omitempty"`
	V40Vector string  `json:"v40Vector,omitempty"`
	V40Score  float64 `json:"v40Score,omitempty"`
}

func reportFindingOf(f evidence.Finding, scan Scan, excused []reportExcuse) reportFinding {
	made := reportFinding{
		ID:            f.ID,
		Aliases:       f.Aliases,
		Package:       reportPackage{Name: f.Package, Version: f.Version, PURL: f.PURL, Path: f.Path, Target: f.Target},
		FixedVersion:  f.FixedVersion,
		Severity:      severityName(f.Severity),
		Published:     format(f.Published),
		FirstSeen:     format(f.FirstSeen),
		FixSeen:       format(f.FixSeen),
		Comprehensive: f.Comprehensive,
		Excused:       excused,
	}
	if scan.KEV.State == evidence.Known {
		made.Exploited, made.Ransomware = &f.Exploited, &f.Ransomware
	}
	if scan.EPSS.State == evidence.Known && f.Scored {
		made.EPSS = &f.EPSS
	}
	return made
}

func reportVulnerabilityOf(id string, d vulnerability.Details) reportVulnerability {
	made := reportVulnerability{
		ID: id, Title: d.Title, Description: d.Description, CWEs: d.CWEs, References: d.References,
		Published: format(d.Published), LastModified: format(d.LastModified), Severities: map[string]string{},
	}
	for source, severity := range d.Severities {
		made.Severities[source] = severityName(severity)
	}
	for _, source := range slices.Sorted(maps.Keys(d.CVSS)) {
		c := d.CVSS[source]
		made.CVSS = append(made.CVSS, reportCVSS{source, c.V2Vector, c.V2Score, c.V3Vector, c.V3Score, c.V40Vector, c.V40Score})
	}
	return made
}

// size is roughly what the details take, in bytes.
func (v reportVulnerability) size() int {
	size := 200 + len(v.Title) + len(v.Description) + 150*len(v.CVSS) + 30*len(v.Severities) + 20*len(v.CWEs)
	for _, reference := range v.References {
		size += len(reference) + 3
	}
	return size
}

func distributionOf(d evidence.Fact[evidence.Distribution]) *reportDistribution {
	if d.State != evidence.Known || d.Value.Name == "" {
		return nil
	}
	return &reportDistribution{Name: d.Value.Name, EndOfLife: d.Value.EndOfLife}
}

func feedOf(f evidence.Fact[evidence.Feed]) *reportFeed {
	if f.State != evidence.Known {
		return nil
	}
	return &reportFeed{Version: f.Value.Version, UpdatedAt: format(f.Value.UpdatedAt)}
}

// severityName is the severity as the API writes it.
func severityName(s evidence.Severity) string {
	switch s {
	case evidence.SeverityLow:
		return "Low"
	case evidence.SeverityMedium:
		return "Medium"
	case evidence.SeverityHigh:
		return "High"
	case evidence.SeverityCritical:
		return "Critical"
	default:
		return "Unknown"
	}
}

// format writes a time in RFC 3339, and nothing for the zero time.
func format(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
