// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
)

// description is what a status says of a digest that was judged.
type description struct {
	Findings *v1alpha1.FindingCounts
	Worst    []v1alpha1.FindingReference
	Excused  []v1alpha1.ExcusedFinding
	Signers  []v1alpha1.SignerReference
	Rules    []v1alpha1.RuleResult
	Scan     *v1alpha1.ScanReference
	Reports  []v1alpha1.ReportReference
}

// describe sums up a verdict and what it rests on, without the reports.
func describe(policies []policy.Policy, examined evidence.Evidence, verdict policy.Verdict, now time.Time) description {
	return description{
		Findings: policy.Count(examined, verdict),
		Worst:    policy.Worst(examined),
		Excused:  policy.Excusals(verdict),
		Signers:  policy.Signers(policies, examined, now),
		Rules:    verdict.StatusRules(),
		Scan:     scanOf(examined),
	}
}

// says says that both tell the same of the digest. By which edition of a feed does not count: a status is not written only
// because a feed has a new version.
func (d description) says(other description) bool {
	d.Scan, d.Reports, other.Scan, other.Reports = nil, nil, nil, nil
	return equality.Semantic.DeepEqual(d, other)
}

func scanOf(examined evidence.Evidence) *v1alpha1.ScanReference {
	scan := &v1alpha1.ScanReference{}
	if feed := examined.Database; feed.State == evidence.Known {
		scan.Database = evidence.Printable(feed.Value.Version, maxDatabase)
		if !feed.Value.UpdatedAt.IsZero() {
			updated := v1alpha1.NewTimestamp(feed.Value.UpdatedAt)
			scan.DatabaseUpdatedAt = &updated
		}
	}
	if feed := examined.KEV; feed.State == evidence.Known {
		scan.KEV = evidence.Printable(feed.Value.Version, maxFeed)
	}
	if feed := examined.EPSS; feed.State == evidence.Known {
		scan.EPSS = evidence.Printable(feed.Value.Version, maxFeed)
	}
	if *scan == (v1alpha1.ScanReference{}) {
		return nil
	}
	return scan
}

// Limits of the API on what names a feed's version, in characters.
const (
	maxDatabase = 71
	maxFeed     = 64
)

// described is what the status says of the digest now, and false when it does not speak of it.
func described(status *v1alpha1.TrustedImageStatus, reference image.Reference) (description, bool) {
	digest, repository := v1alpha1.DigestString(reference.Digest.String()), reference.Repository.String()
	if t := status.Trusted; t != nil && t.Digest == digest && t.Repository == repository {
		return description{t.Findings, t.Worst, t.Excused, t.Signers, t.Rules, t.Scan, t.Reports}, true
	}
	if c := status.Candidate; c != nil && c.Digest == digest && c.Repository == repository {
		return description{c.Findings, c.Worst, c.Excused, c.Signers, c.Rules, c.Scan, c.Reports}, true
	}
	return description{}, false
}

// describeTrusted writes the description into the entry of the current digest.
func (d description) describeTrusted(t *v1alpha1.TrustedDigest) {
	t.Findings, t.Worst, t.Excused, t.Signers, t.Rules, t.Scan, t.Reports = d.Findings, d.Worst, d.Excused, d.Signers, d.Rules, d.Scan, d.Reports
}

// describeCandidate writes the description into that of the candidate.
func (d description) describeCandidate(c *v1alpha1.CandidateDigest) {
	c.Findings, c.Worst, c.Excused, c.Signers, c.Rules, c.Scan, c.Reports = d.Findings, d.Worst, d.Excused, d.Signers, d.Rules, d.Scan, d.Reports
}
