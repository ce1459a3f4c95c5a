// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"sync"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// maxWords bounds the texts that words remembers. Most statuses consist of a few hundred.
const maxWords = 8192

// words lets equal texts of many objects be one in memory. It is safe for concurrent use.
type words struct {
	mu    sync.Mutex
	known map[string]string
}

// share makes a status stand on the texts of others as far as they say the same, and gives its lists no room to grow.
func (w *words) share(status *v1alpha1.TrustedImageStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	status.Conditions = slices.Clone(status.Conditions)
	for i := range status.Conditions {
		c := &status.Conditions[i]
		w.one(&c.Type, &c.Reason, &c.Message)
	}
	for i := range status.Policies {
		w.one(&status.Policies[i])
	}
	summary := &status.Summary
	w.one(&summary.Reason, &summary.SignedBy, &summary.SBOM)
	if t := status.Trusted; t != nil {
		t.Rules, t.Worst, t.Signers, t.Reports = slices.Clone(t.Rules), slices.Clone(t.Worst), slices.Clone(t.Signers), slices.Clone(t.Reports)
		w.one(&t.Repository)
		w.shareDescription(t.Rules, t.Worst, t.Excused, t.Signers, t.Scan, t.Reports)
	}
	if c := status.Candidate; c != nil {
		c.Rules, c.Worst, c.Signers, c.Reports = slices.Clone(c.Rules), slices.Clone(c.Worst), slices.Clone(c.Signers), slices.Clone(c.Reports)
		w.one(&c.Repository)
		w.shareDescription(c.Rules, c.Worst, c.Excused, c.Signers, c.Scan, c.Reports)
	}
	for i := range status.History {
		w.one(&status.History[i].Repository)
	}
}

func (w *words) shareDescription(rules []v1alpha1.RuleResult, worst []v1alpha1.FindingReference, excused []v1alpha1.ExcusedFinding, signers []v1alpha1.SignerReference, scan *v1alpha1.ScanReference, reports []v1alpha1.ReportReference) {
	for i := range rules {
		w.one(&rules[i].Policy, &rules[i].Rule, &rules[i].Reason, &rules[i].Message)
	}
	for i := range worst {
		w.one(&worst[i].ID, &worst[i].Package, &worst[i].Version, &worst[i].FixedVersion)
	}
	for i := range excused {
		w.one(&excused[i].ID, &excused[i].Package, &excused[i].By, &excused[i].Owner)
	}
	for i := range signers {
		w.one(&signers[i].Authority, &signers[i].PredicateType, &signers[i].Identity, &signers[i].Issuer, &signers[i].SignedAtBy, &signers[i].Builder, &signers[i].Source)
	}
	if scan != nil {
		w.one(&scan.Database, &scan.KEV, &scan.EPSS)
	}
	for i := range reports {
		w.one(&reports[i].Type)
	}
}

// one replaces texts by those that are known.
func (w *words) one(texts ...*string) {
	for _, text := range texts {
		known, there := w.known[*text]
		if !there {
			if w.known == nil || len(w.known) >= maxWords {
				w.known = map[string]string{}
			}
			known = *text
			w.known[known] = known
		}
		*text = known
	}
}
