// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// maxUnused bounds the unused exceptions that a status lists, as the API has it.
const maxUnused = 64

// Expiry is when an exception ends.
type Expiry struct {
	Exception v1alpha1.ExceptionReference
	// Owner of the decision; may be empty.
	Owner string
	At    time.Time
}

// Expiring returns the exceptions of a policy that have expired or will within the given time, the earliest first.
func Expiring(spec v1alpha1.PolicySpec, now time.Time, within time.Duration) []Expiry {
	var expiring []Expiry
	for _, e := range exceptionsOf(spec) {
		if at := e.ExpiresAt.Time(); !at.After(now.Add(within)) {
			expiring = append(expiring, Expiry{Exception: referenceTo(e), Owner: e.Owner, At: at})
		}
	}
	slices.SortStableFunc(expiring, func(a, b Expiry) int { return cmp.Or(a.At.Compare(b.At), compareReferences(a.Exception, b.Exception)) })
	return expiring
}

// NextExpiry returns the next moment at which Expiring, or what it says of an exception, changes: one comes to be within the given
// time of its end, or ends. The zero time when there is none.
func NextExpiry(spec v1alpha1.PolicySpec, now time.Time, within time.Duration) time.Time {
	var next moments
	for _, e := range exceptionsOf(spec) {
		next.add(e.ExpiresAt.Time().Add(-within), now)
		next.add(e.ExpiresAt.Time(), now)
	}
	return next.earliest
}

// Used returns the exceptions that excuse a finding in a verdict, by the name of the policy that they stand in.
func Used(v Verdict) map[string][]v1alpha1.ExceptionReference {
	used := map[string][]v1alpha1.ExceptionReference{}
	for _, e := range v.Excused {
		if e.Exception != nil && !slices.Contains(used[e.ExceptionPolicy], *e.Exception) {
			used[e.ExceptionPolicy] = append(used[e.ExceptionPolicy], *e.Exception)
		}
	}
	return used
}

// Unused returns the exceptions of a policy that are none of the used ones, sorted, fit for a status: at most 64.
func Unused(spec v1alpha1.PolicySpec, used []v1alpha1.ExceptionReference) []v1alpha1.ExceptionReference {
	known := make(map[v1alpha1.ExceptionReference]bool, len(used))
	for _, reference := range used {
		known[reference] = true
	}
	var unused []v1alpha1.ExceptionReference
	for _, e := range exceptionsOf(spec) {
		if reference := referenceTo(e); !known[reference] {
			unused = append(unused, reference)
		}
	}
	slices.SortFunc(unused, compareReferences)
	return unused[:min(len(unused), maxUnused)]
}

func exceptionsOf(spec v1alpha1.PolicySpec) []v1alpha1.VulnerabilityException {
	if spec.Vulnerabilities == nil {
		return nil
	}
	return spec.Vulnerabilities.Exceptions
}

func referenceTo(e v1alpha1.VulnerabilityException) v1alpha1.ExceptionReference {
	return v1alpha1.ExceptionReference{ID: e.ID, Package: e.Package}
}

func compareReferences(a, b v1alpha1.ExceptionReference) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package))
}

// moments keeps the earliest of several moments to come. The zero value has none.
type moments struct{ earliest time.Time }

// add takes a moment that lies after now.
func (m *moments) add(at, now time.Time) {
	if at.After(now) && (m.earliest.IsZero() || at.Before(m.earliest)) {
		m.earliest = at
	}
}
