// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
)

// maxComparisons bounds how often findings of an image are compared with the exceptions and statements that may excuse them from
// the rules of one policy. Real ones take a few hundred. What is not compared blocks.
const maxComparisons = 1 << 20

// maxExcused bounds the excused findings that a verdict lists. Whoever makes an image and its policies could make very many.
const maxExcused = 4096

// Paths of the fields that excuse.
const (
	fieldExceptions = "vulnerabilities.exceptions"
	fieldVEX        = "vulnerabilities.vex"
	fieldNotWorse   = "vulnerabilities.notWorseThanCurrent"
)

// excuser decides which findings are excused from the rules of one policy. It looks at a finding once, when it meets a rule.
type excuser struct {
	*trial
	policy     Policy
	exceptions map[string][]exception // by the lower-case id; nil until the first is asked for
	documents  []document
	decisions  []decision // by the place in seen; nil when nothing can excuse
	compared   int
}

// decision on one finding under one policy. The zero value was not made yet.
type decision struct {
	made    bool
	excused *Excused
	// undecided is set when it is not known whether the finding is excused.
	undecided *judgement
}

// blocks is the decision that nothing excuses.
var blocks = &decision{made: true}

func (t *trial) excuserOf(p Policy) *excuser {
	x := &excuser{trial: t, policy: p}
	rules := p.Spec.Vulnerabilities
	if rules == nil {
		return x
	}
	x.documents = x.documentsOf(rules.VEX)
	delegates := p.Namespace == "" && rules.DelegateExceptions != nil
	if len(rules.Exceptions) > 0 || delegates || len(rules.VEX) > 0 || rules.NotWorseThanCurrent {
		x.decisions = make([]decision, len(t.seen))
	}
	return x
}

// decide decides on the finding at a place in seen.
func (x *excuser) decide(i int) *decision {
	if x.decisions == nil {
		return blocks
	}
	d := &x.decisions[i]
	if !d.made {
		*d = x.consider(&x.seen[i])
		d.made = true
	}
	return d
}

// compare says that a finding may be compared once more, in each of its places.
func (x *excuser) compare(s *sighting) bool {
	x.compared += len(s.places)
	return x.compared <= maxComparisons
}

// unavailable says why more findings may be excused than are, "" when all are.
func (x *excuser) unavailable() string {
	if x.compared > maxComparisons {
		return "not every exception and VEX statement was compared with every finding, since that are too many; name fewer of one vulnerability"
	}
	return x.unread()
}

// consider asks first who excuses for good, then who excuses for a time, then whether the finding is nothing new.
func (x *excuser) consider(s *sighting) decision {
	if x.compared > maxComparisons {
		return x.byWhatIsReplaced(s)
	}
	stated := x.byVEX(s)
	if stated.excused != nil {
		return stated
	}
	if excused := x.byException(s); excused != nil {
		return decision{excused: excused}
	}
	carried := x.byWhatIsReplaced(s)
	if carried.excused != nil || stated.undecided == nil {
		return carried
	}
	return stated
}

// excused makes the entry for a finding that a field of a policy excuses.
func (x *excuser) excused(s *sighting, by, field string) *Excused {
	return &Excused{Finding: s.Finding, Policy: x.policy.Name, By: by + " " + field}
}

// collect lists the findings that were excused under the policy, the worst first.
func (x *excuser) collect() []placedExcuse {
	var all []placedExcuse
	for i := range x.decisions {
		if excused := x.decisions[i].excused; excused != nil && len(all) < maxExcused {
			all = append(all, placedExcuse{i, excused})
		}
	}
	return all
}

// placedExcuse is an excused finding with its place in seen.
type placedExcuse struct {
	place   int
	excused *Excused
}

// excusedFindings lists what was excused under all policies, the worst findings first, and of one finding by policy.
func (t *trial) excusedFindings() []Excused {
	slices.SortStableFunc(t.excused, func(a, b placedExcuse) int { return cmp.Compare(a.place, b.place) })
	var all []Excused
	for _, e := range t.excused[:min(len(t.excused), maxExcused)] {
		all = append(all, *e.excused)
	}
	return all
}

// trustPrecision is how exactly a status says when a digest came to be trusted.
const trustPrecision = time.Second

// carried are the worst severities of the findings in an image by vulnerability and package.
type carried map[[2]string]evidence.Severity

// byWhatIsReplaced says whether the digest that is replaced carries the finding already, no less severe. For a digest that is
// trusted already only those count that were known when it came to be.
func (x *excuser) byWhatIsReplaced(s *sighting) decision {
	if !x.policy.Spec.Vulnerabilities.NotWorseThanCurrent || x.replaces == nil {
		return decision{}
	}
	if !x.trustedAt.IsZero() && (s.FirstSeen.IsZero() || s.FirstSeen.Truncate(trustPrecision).After(x.trustedAt)) {
		return decision{}
	}
	before, incomplete := x.replaced()
	if severity, found := before[carriedKey(&s.Finding)]; found && severity >= s.Severity {
		excused := x.excused(s, x.policy.Name, fieldNotWorse)
		excused.Reason = "the digest that is replaced carries it already"
		return decision{excused: excused}
	}
	if incomplete != nil {
		return decision{undecided: incomplete}
	}
	return decision{}
}

// replaced returns what the digest that is replaced carries, and why not all of it is known.
func (t *trial) replaced() (carried, *judgement) {
	if t.before != nil {
		return t.before, t.beforeIncomplete
	}
	t.before = carried{}
	for _, p := range t.replaces.Platforms {
		if p.Findings.State != evidence.Known {
			continue
		}
		for i := range p.Findings.Value {
			f := &p.Findings.Value[i]
			key := carriedKey(f)
			t.before[key] = max(t.before[key], f.Severity)
		}
	}
	replaced := trial{evidence: *t.replaces, platforms: byPlatform(*t.replaces)}
	if j, unknown := replaced.unknownFindings(); unknown {
		j.message = "whether the digest that is replaced carries the findings is not known: " + j.message
		t.beforeIncomplete = &j
	}
	return t.before, t.beforeIncomplete
}

// carriedKey names the vulnerability and the package without its version.
func carriedKey(f *evidence.Finding) [2]string {
	if f.PURL == "" {
		return [2]string{f.ID, f.Package}
	}
	name, _, _ := strings.Cut(f.PURL, "?")
	if at := strings.LastIndexByte(name, '@'); at > 0 {
		name = name[:at]
	}
	return [2]string{f.ID, name}
}

// lower is how identifiers of vulnerabilities are compared.
func lower(id string) string { return strings.ToLower(id) }

// idsOf returns the identifiers of a finding's vulnerability.
func idsOf(s *sighting) []string {
	ids := make([]string, 0, 1+len(s.Aliases))
	ids = append(ids, lower(s.ID))
	for _, alias := range s.Aliases {
		ids = append(ids, lower(alias))
	}
	return ids
}
