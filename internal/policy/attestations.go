// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/predicate"
)

// judgeAttestation says whether an authority stated what the rule demands. Everything must hold of one and the same statement; of an image
// with several platforms either of one about the whole of it or of one about each. What others state is ignored.
func (t *trial) judgeAttestation(rule v1alpha1.AttestationRule, p Policy) judgement {
	inquiry := inquiry{trial: t, rule: rule, met: map[image.Digest]bool{}}
	for _, name := range inOrder(rule.SignedBy) {
		inquiry.ask(name, p)
	}
	return inquiry.concluded()
}

// inquiry is one look for statements that meet a rule.
type inquiry struct {
	*trial
	rule v1alpha1.AttestationRule
	// met are the manifests about which a statement meets the rule.
	met map[image.Digest]bool
	// undecided and refused are the first reasons why it is not known, or known not, that there is one; missing says what each
	// authority stated instead.
	undecided, refused *judgement
	missing            []string
}

// ask looks at what one authority states.
func (q *inquiry) ask(name v1alpha1.RuleName, p Policy) {
	believed := p.Authorities[name]
	if believed.State != evidence.Known {
		q.doubt(unusable(name, believed))
		return
	}
	statements, found := q.evidence.Signed[believed.Value.Anchor], ""
	for _, signed := range statements.Signed {
		if signed.PredicateType != q.rule.PredicateType || len(signed.Manifests) == 0 {
			continue
		}
		until, err := believed.Value.Accepts(signed.Signer, q.now)
		q.changesAt(until)
		if err != nil {
			found = "one does not count: " + err.Error()
			continue
		}
		found = "one is refused"
		q.weigh(name, signed)
	}
	switch {
	case statements.Rest.State != evidence.Known:
		q.doubt(unlooked(name, statements.Rest, v1alpha1.ReasonAttestationUnchecked, "its attestations were not looked for yet"))
	case found == "":
		found = cmp.Or(statements.Rest.Value, "none")
	}
	q.missing = append(q.missing, fmt.Sprintf("%s (%s)", name, evidence.Printable(found, maxFound)))
}

// weigh compares one statement by the authority with the rule.
func (q *inquiry) weigh(name v1alpha1.RuleName, signed evidence.Signed) {
	j, until := q.meets(signed)
	q.changesAt(until)
	j.message = fmt.Sprintf("%s states it, but %s", name, j.message)
	switch {
	case j.of == v1alpha1.ResultPass:
		for _, manifest := range signed.Manifests {
			q.met[manifest] = true
		}
	case j.of == v1alpha1.ResultUnknown:
		q.doubt(j)
	case q.refused == nil:
		q.refused = &j
	}
}

func (q *inquiry) doubt(j judgement) {
	if q.undecided == nil {
		q.undecided = &j
	}
}

func (q *inquiry) concluded() judgement {
	switch {
	case q.covered():
		return pass()
	case q.undecided != nil:
		return *q.undecided
	case q.refused != nil:
		return *q.refused
	case len(q.met) > 0:
		return fail(v1alpha1.ReasonAttestationMissing, "only some platforms of the image are attested; attest the image itself, or each platform")
	}
	return fail(v1alpha1.ReasonAttestationMissing, fmt.Sprintf("no attestation of type %s; attach one with cosign attest; found by %s",
		q.rule.PredicateType, strings.Join(q.missing, ", ")))
}

// covered says that statements about the image itself, or about each of its platforms, meet the rule.
func (q *inquiry) covered() bool {
	if q.met[q.evidence.Image.Digest] {
		return true
	}
	return len(q.platforms) > 0 && !slices.ContainsFunc(q.platforms, func(p evidence.Platform) bool { return !q.met[p.Manifest] })
}

// meets says whether a statement says what the rule demands, and when that changes by itself.
func (q *inquiry) meets(signed evidence.Signed) (j judgement, until time.Time) {
	if signed.Statement == nil {
		return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonAttestationUnchecked, message: "the statement was not read yet"}, until
	}
	statement, err := predicate.Parse(signed.Statement)
	if err != nil {
		return refused(err.Error()), until
	}
	rule := q.rule
	switch {
	case isSBOM(rule.PredicateType):
		err = predicate.CheckSBOM(rule.PredicateType, statement.Predicate)
	case rule.SLSA != nil:
		err = meetsProvenance(*rule.SLSA, rule.PredicateType, statement.Predicate, signed.Signer)
	case rule.Scan != nil:
		until, err = q.scannedLately(*rule.Scan, statement.Predicate)
	case strings.HasPrefix(rule.PredicateType, "https://slsa.dev/verification_summary/"):
		err = meetsSummary(rule.VSA, statement.Predicate)
	case strings.HasPrefix(rule.PredicateType, "https://in-toto.io/attestation/test-result/"):
		err = meetsTestResult(rule.TestResult, statement.Predicate)
	}
	if err != nil {
		return refusal(err), until
	}
	if rule.Rule != "" {
		j = evaluate(rule.Rule, statement.Predicate, &q.spent)
	} else {
		j = pass()
	}
	return j, until
}

func isSBOM(predicateType string) bool {
	return strings.HasPrefix(predicateType, predicate.SPDX) || strings.HasPrefix(predicateType, predicate.CycloneDX)
}

func refused(message string) judgement { return fail(v1alpha1.ReasonAttestationRefused, message) }

// scannedLately says until when a report of a scan is young enough, or not yet.
func (q *inquiry) scannedLately(rules v1alpha1.ScanAttestationRules, content []byte) (until time.Time, err error) {
	scan, err := predicate.ParseScan(content)
	if err != nil {
		return time.Time{}, err
	}
	if scan.FinishedAt.IsZero() {
		return time.Time{}, outdated("it does not say when the scan ended")
	}
	maxAge := rules.MaxAge
	until = scan.FinishedAt.Add(maxAge.Duration(0))
	switch {
	case scan.FinishedAt.After(q.now.Add(maxClockSkew)):
		return scan.FinishedAt.Add(-maxClockSkew), outdated(fmt.Sprintf("the scan ends in the future, at %s", scan.FinishedAt.UTC().Format(time.RFC3339)))
	case !until.After(q.now):
		return time.Time{}, outdated(fmt.Sprintf("the scan ended at %s, which is longer ago than scan.maxAge %s; scan it again",
			scan.FinishedAt.UTC().Format(time.RFC3339), maxAge))
	}
	return until, nil
}

// maxClockSkew is how far other people's clocks may be ahead.
const maxClockSkew = 5 * time.Minute

// outdated is the error that a statement is too old.
type outdated string

// Error says what is too old.
func (o outdated) Error() string { return string(o) }

// anyOf says that the text meets one of the patterns.
func anyOf(patterns []v1alpha1.AttestedPattern, meets func(pattern string) bool) bool {
	return slices.ContainsFunc(patterns, func(pattern v1alpha1.AttestedPattern) bool { return meets(string(pattern)) })
}

// patternList writes patterns for a message.
func patternList(patterns []v1alpha1.AttestedPattern) string {
	sorted := inOrder(patterns)
	texts := make([]string, 0, len(sorted))
	for _, pattern := range sorted {
		texts = append(texts, string(pattern))
	}
	return cmp.Or(strings.Join(texts, " or "), "nothing")
}
