// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/xml"
	"io"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// The part of JUnit's XML that continuous integration reads: a suite per policy, a case per rule.
type (
	junitSuites struct {
		XMLName xml.Name      `xml:"testsuites"`
		Name    string        `xml:"name,attr"`
		Suites  []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Failure *junitDetail `xml:"failure,omitempty"`
		Error   *junitDetail `xml:"error,omitempty"`
		Output  string       `xml:"system-out,omitempty"`
	}
	junitDetail struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
	}
)

// JUnit writes the rules as test cases: one that fails is a failure, one that could not be decided an error.
func JUnit(w io.Writer, j Judgement) error {
	out := junitSuites{Name: "assay verify " + evidence.Printable(j.Image, maxText)}
	suites := map[string]*junitSuite{}
	for _, rule := range j.Rules {
		suite, exists := suites[rule.Policy]
		if !exists {
			suite = &junitSuite{Name: cell(rule.Policy)}
			suites[rule.Policy] = suite
			out.Suites = append(out.Suites, suite)
		}
		suite.add(j, rule)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(j Judgement, rule v1alpha1.RuleResult) {
	added := junitCase{Class: evidence.Printable(j.Image, maxText), Name: evidence.Printable(rule.Rule, maxText)}
	detail := &junitDetail{Type: evidence.Printable(rule.Reason, maxText), Message: evidence.Printable(rule.Message, maxText)}
	s.Tests++
	switch rule.Result {
	case v1alpha1.ResultPass:
	case v1alpha1.ResultExcepted:
		added.Output = detail.Message
	case v1alpha1.ResultFail:
		s.Failures++
		added.Failure = detail
	default:
		s.Errors++
		added.Error = detail
	}
	s.Cases = append(s.Cases, added)
}
