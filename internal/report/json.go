// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"io"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// schemaVersion of the JSON. Members are added within a version, never changed.
const schemaVersion = 1

type (
	jsonJudgement struct {
		SchemaVersion int                   `json:"schemaVersion"`
		Image         string                `json:"image"`
		Digest        string                `json:"digest"`
		Verdict       v1alpha1.Verdict      `json:"verdict,omitempty"`
		JudgedAt      time.Time             `json:"judgedAt"`
		Policies      []string              `json:"policies,omitempty"`
		Rules         []v1alpha1.RuleResult `json:"rules,omitempty"`
		Excused       []jsonExcused         `json:"excused,omitempty"`
		// Signers are as in the status of a TrustedImage.
		Signers  []v1alpha1.SignerReference `json:"signers,omitempty"`
		Database jsonFeed                   `json:"database"`
		KEV      jsonFeed                   `json:"kev"`
		EPSS     jsonFeed                   `json:"epss"`
		// IgnoredVEX is the number of VEX attestations on the image that nobody signed whom the policies believe.
		IgnoredVEX int            `json:"ignoredVEX,omitempty"`
		Platforms  []jsonPlatform `json:"platforms"`
	}
	jsonExcused struct {
		ID      string    `json:"id"`
		Package string    `json:"package"`
		Version string    `json:"version,omitempty"`
		By      string    `json:"by"`
		Owner   string    `json:"owner,omitempty"`
		Reason  string    `json:"reason,omitempty"`
		Until   time.Time `json:"until,omitzero"`
	}
	// jsonFeed has a message when the feed could not be checked.
	jsonFeed struct {
		Version   string    `json:"version,omitempty"`
		UpdatedAt time.Time `json:"updatedAt,omitzero"`
		Reason    string    `json:"reason,omitempty"`
		Message   string    `json:"message,omitempty"`
	}
	// jsonPlatform has findings only when they are known; otherwise reason and message say why not.
	jsonPlatform struct {
		Platform     string        `json:"platform"`
		Manifest     string        `json:"manifest"`
		Distribution string        `json:"distribution,omitempty"`
		EndOfLife    bool          `json:"endOfLife,omitempty"`
		Packages     int           `json:"packages"`
		Unidentified []string      `json:"unidentified,omitempty"`
		Known        bool          `json:"known"`
		Reason       string        `json:"reason,omitempty"`
		Message      string        `json:"message,omitempty"`
		Findings     []jsonFinding `json:"findings"`
		Secrets      []jsonSecret  `json:"secrets,omitempty"`
		// SecretsReason and SecretsMessage say why not every secret may be listed that was asked for.
		SecretsReason  string `json:"secretsReason,omitempty"`
		SecretsMessage string `json:"secretsMessage,omitempty"`
	}
	jsonFinding struct {
		ID            string            `json:"id"`
		Aliases       []string          `json:"aliases,omitempty"`
		Package       string            `json:"package"`
		Version       string            `json:"version"`
		PURL          string            `json:"purl,omitempty"`
		Target        string            `json:"target,omitempty"`
		Path          string            `json:"path,omitempty"`
		FixedVersion  string            `json:"fixedVersion,omitempty"`
		Severity      v1alpha1.Severity `json:"severity"`
		Published     time.Time         `json:"published,omitzero"`
		Exploited     bool              `json:"exploited,omitempty"`
		Ransomware    bool              `json:"ransomware,omitempty"`
		EPSS          *float64          `json:"epss,omitempty"`
		Comprehensive bool              `json:"comprehensive,omitempty"`
		FirstSeen     time.Time         `json:"firstSeen,omitzero"`
		FixSeen       time.Time         `json:"fixSeen,omitzero"`
	}
	jsonSecret struct {
		Rule     string            `json:"rule"`
		Severity v1alpha1.Severity `json:"severity"`
		Place    string            `json:"place"`
		Layer    string            `json:"layer,omitempty"`
		Line     int               `json:"line,omitempty"`
	}
)

// JSON writes the judgement for programs, with every finding.
func JSON(w io.Writer, j Judgement) error {
	out := jsonJudgement{
		SchemaVersion: schemaVersion, Image: j.Image, Digest: j.Digest, Verdict: j.Verdict, JudgedAt: j.At.UTC(), Policies: j.Policies, Rules: j.Rules,
		Database: feedOf(j.Evidence.Database), KEV: feedOf(j.Evidence.KEV), EPSS: feedOf(j.Evidence.EPSS),
		Signers: j.Signers, IgnoredVEX: j.Evidence.IgnoredVEX,
		Platforms: []jsonPlatform{},
	}
	for _, e := range j.Excused {
		out.Excused = append(out.Excused, jsonExcused{
			ID: e.Finding.ID, Package: e.Finding.Package, Version: e.Finding.Version, By: e.By, Owner: e.Owner, Reason: e.Reason, Until: e.Until,
		})
	}
	for _, p := range j.Evidence.Platforms {
		out.Platforms = append(out.Platforms, platformOf(p))
	}
	return writeJSON(w, out)
}

func feedOf(fact evidence.Fact[evidence.Feed]) jsonFeed {
	return jsonFeed{Version: fact.Value.Version, UpdatedAt: fact.Value.UpdatedAt, Reason: fact.Reason, Message: fact.Message}
}

func platformOf(p evidence.Platform) jsonPlatform {
	out := jsonPlatform{
		Platform: p.Platform.String(), Manifest: p.Manifest.String(),
		Distribution: p.Distribution.Value.Name, EndOfLife: p.Distribution.Value.EndOfLife,
		Packages: p.Inventory.Value.Packages, Unidentified: p.Inventory.Value.Unidentified,
		Known:    p.Inventory.State == evidence.Known && p.Findings.State == evidence.Known,
		Findings: []jsonFinding{}, SecretsReason: p.Secrets.Reason, SecretsMessage: p.Secrets.Message,
	}
	out.Reason, out.Message = p.Inventory.Reason, p.Inventory.Message
	if p.Inventory.State == evidence.Known {
		out.Reason, out.Message = p.Findings.Reason, p.Findings.Message
	}
	for _, f := range p.Findings.Value {
		out.Findings = append(out.Findings, findingOf(f))
	}
	for _, s := range p.Secrets.Value {
		out.Secrets = append(out.Secrets, jsonSecret{
			Rule: s.Rule, Severity: severityNames[s.Severity], Place: s.Place, Layer: s.Layer.String(), Line: s.Line,
		})
	}
	return out
}

func findingOf(f evidence.Finding) jsonFinding {
	out := jsonFinding{
		ID: f.ID, Aliases: f.Aliases, Package: f.Package, Version: f.Version, PURL: f.PURL, Target: f.Target, Path: f.Path,
		FixedVersion: f.FixedVersion, Severity: severityNames[f.Severity], Published: f.Published, Exploited: f.Exploited,
		Ransomware: f.Ransomware, Comprehensive: f.Comprehensive, FirstSeen: f.FirstSeen, FixSeen: f.FixSeen,
	}
	if f.Scored {
		out.EPSS = &f.EPSS
	}
	return out
}
