// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// Bounds of a report. What is left out of one is counted in it.
const (
	// maxReportFindings bounds the findings, of which the worst stay.
	maxReportFindings = 20_000
	// maxReportDetails bounds the details of vulnerabilities, in bytes of their texts. Signed, a report must fit into a registry.
	maxReportDetails = 8 << 20
)

// Scan is what was found in one platform's image, and by what.
type Scan struct {
	// Platform with the findings, which must be known.
	Platform evidence.Platform
	// Database that they come from, and the feeds that say more of them.
	Database, KEV, EPSS evidence.Fact[evidence.Feed]
	// Version of Assay that scanned.
	Version string
	// Excuses of the findings. They are those of one environment, while all else is the same for everybody who has the image: a
	// report that others than that environment's may read has none.
	Excuses []Excuse
}

// Excuse says who excuses a finding from the rules of a policy.
type Excuse struct {
	Finding evidence.Finding
	// Policy whose rule the finding would break, and the policy and field that excuses it.
	Policy, By string
	// Owner and Reason of the decision; may be empty.
	Owner, Reason string
	// Until is when it excuses no longer, the zero time when that does not end by itself.
	Until time.Time
}

// Report writes the whole report of a scan as a predicate of type PredicateVulnerabilities: cosign's form, whose result has every finding,
// and every vulnerability with all that the database says of it. The same scan with the same database gives the same
// bytes; the time of the scan is that of the newest of database and feeds.
func Report(ctx context.Context, scan Scan, describer vulnerability.Describer) ([]byte, error) {
	if scan.Platform.Findings.State != evidence.Known || scan.Database.State != evidence.Known {
		return nil, errors.New("what is not known cannot be reported: " + cmp.Or(scan.Platform.Findings.Message, scan.Database.Message, "nobody looked yet"))
	}
	findings := worst(scan.Platform.Findings.Value)
	result := reportResult{
		Image:           reportImage{Digest: scan.Platform.Manifest.String(), Platform: scan.Platform.Platform.String()},
		Distribution:    distributionOf(scan.Platform.Distribution),
		Feeds:           reportFeeds{KEV: feedOf(scan.KEV), EPSS: feedOf(scan.EPSS)},
		Findings:        make([]reportFinding, 0, len(findings)),
		OmittedFindings: len(scan.Platform.Findings.Value) - len(findings),
	}
	excuses := excusesByFinding(scan.Excuses)
	for _, f := range findings {
		result.Findings = append(result.Findings, reportFindingOf(f, scan, excuses[identityOf(f)]))
	}
	var err error
	if result.Vulnerabilities, result.OmittedDetails, err = describe(ctx, findings, describer); err != nil {
		return nil, err
	}
	at := second{newest(scan.Database, scan.KEV, scan.EPSS)}
	return encode(reportPredicate{
		Scanner: reportScanner{
			URI:     VerifierID,
			Version: scan.Version,
			DB:      reportDatabase{Version: scan.Database.Value.Version, LastUpdate: format(scan.Database.Value.UpdatedAt)},
			Result:  result,
		},
		Metadata: reportMetadata{ScanStartedOn: at, ScanFinishedOn: at},
	})
}

// worst returns the findings, or the worst of them in the same order when there are too many.
func worst(findings []evidence.Finding) []evidence.Finding {
	if len(findings) <= maxReportFindings {
		return findings
	}
	bySeverity := make([]int, len(findings))
	for i := range bySeverity {
		bySeverity[i] = i
	}
	slices.SortStableFunc(bySeverity, func(a, b int) int { return cmp.Compare(findings[b].Severity, findings[a].Severity) })
	kept := make([]evidence.Finding, 0, maxReportFindings)
	for _, i := range slices.Sorted(slices.Values(bySeverity[:maxReportFindings])) {
		kept = append(kept, findings[i])
	}
	return kept
}

// describe returns what the database says of each vulnerability, in the order of their identifiers, and how many did not fit.
func describe(ctx context.Context, findings []evidence.Finding, describer vulnerability.Describer) (described []reportVulnerability, omitted int, err error) {
	ids := make([]string, 0, len(findings))
	for _, f := range findings {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)
	room := maxReportDetails
	for _, id := range slices.Compact(ids) {
		details, err := describer.Details(ctx, id)
		switch {
		case errors.Is(err, vulnerability.ErrNoDetails), errors.Is(err, vulnerability.ErrNoDatabase):
			continue
		case err != nil:
			return nil, 0, fmt.Errorf("describe %s: %w", id, err)
		}
		one := reportVulnerabilityOf(id, details)
		if room -= one.size(); room < 0 {
			omitted++
			continue
		}
		described = append(described, one)
	}
	return described, omitted, nil
}

// newest returns the time of the newest feed that is known.
func newest(feeds ...evidence.Fact[evidence.Feed]) time.Time {
	var latest time.Time
	for _, feed := range feeds {
		if feed.State == evidence.Known && feed.Value.UpdatedAt.After(latest) {
			latest = feed.Value.UpdatedAt
		}
	}
	return latest
}

// identity is what makes two findings one.
type identity struct{ id, target, name, version, path string }

func identityOf(f evidence.Finding) identity {
	return identity{f.ID, f.Target, f.Package, f.Version, f.Path}
}

func excusesByFinding(excuses []Excuse) map[identity][]reportExcuse {
	byFinding := map[identity][]reportExcuse{}
	for _, e := range excuses {
		at := identityOf(e.Finding)
		byFinding[at] = append(byFinding[at], reportExcuse{Policy: e.Policy, By: e.By, Owner: e.Owner, Reason: e.Reason, Until: format(e.Until)})
	}
	for _, list := range byFinding {
		slices.SortFunc(list, func(a, b reportExcuse) int { return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.By, b.By)) })
	}
	return byFinding
}
