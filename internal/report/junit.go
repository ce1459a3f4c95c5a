// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// The part of JUnit's XML that continuous integration reads: a suite per policy with a case per rule, and a suite per platform
// with a case for everything found there.
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
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Failure *junitDetail `xml:"failure,omitempty"`
		Error   *junitDetail `xml:"error,omitempty"`
		Skipped *junitDetail `xml:"skipped,omitempty"`
		Output  string       `xml:"system-out,omitempty"`
	}
	junitDetail struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
	}
)

// JUnit writes the rules as test cases: one that fails is a failure, one that could not be decided an error. Of an image that
// nobody judged every finding is a failure, and every platform an error of which not everything is known. Of every image, secrets
// are failures, and files that nobody can name are skipped.
func JUnit(w io.Writer, j Judgement) error {
	out := junitSuites{Name: "assay scan " + printable(j.Image, maxText)}
	if j.judged() {
		out.Name = "assay verify " + printable(j.Image, maxText)
	}
	out.Suites = append(j.policySuites(), j.platformSuites()...)
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

func (j Judgement) policySuites() []*junitSuite {
	var all []*junitSuite
	suites := map[string]*junitSuite{}
	for _, rule := range j.Rules {
		suite, exists := suites[rule.Policy]
		if !exists {
			suite = &junitSuite{Name: cell(rule.Policy)}
			suites[rule.Policy] = suite
			all = append(all, suite)
		}
		added, detail := j.junitCase(rule.Rule), junitDetailOf(rule.Reason, rule.Message)
		switch rule.Result {
		case v1alpha1.ResultPass:
		case v1alpha1.ResultExcepted:
			added.Output = detail.Message
		case v1alpha1.ResultFail:
			added.Failure = detail
		default:
			added.Error = detail
		}
		suite.add(added)
	}
	return all
}

// platformSuites tell what the rules do not. Secrets are sought only if a policy denies them, or if whoever scans asked for them.
func (j Judgement) platformSuites() []*junitSuite {
	var all []*junitSuite
	for _, p := range j.Evidence.Platforms {
		suite := &junitSuite{Name: cell(p.Platform.String())}
		if !j.judged() {
			j.addContents(suite, p)
		}
		for _, s := range p.Secrets.Value {
			added := j.junitCase(s.Rule + " in " + placeOf(s))
			added.Failure = junitDetailOf(string(severityNames[s.Severity]), describeSecret(s))
			suite.add(added)
		}
		for _, file := range p.Inventory.Value.Unidentified {
			added := j.junitCase(file)
			added.Skipped = junitDetailOf("", "nobody can name the packages in it")
			suite.add(added)
		}
		if suite.Tests > 0 {
			all = append(all, suite)
		}
	}
	return all
}

// addContents adds a case for the platform itself and one for each finding.
func (j Judgement) addContents(suite *junitSuite, p evidence.Platform) {
	contents := j.junitCase("everything in the image is known")
	unknowns := unknownsOf(p)
	var reasons, messages []string
	for _, open := range unknowns {
		reasons, messages = append(reasons, open.reason), append(messages, open.message)
	}
	if len(unknowns) > 0 {
		contents.Error = junitDetailOf(strings.Join(reasons, ", "), strings.Join(messages, "; "))
	}
	suite.add(contents)
	for _, f := range p.Findings.Value {
		added := j.junitCase(strings.Join(strings.Fields(f.ID+" in "+f.Package+" "+f.Version+" "+f.Path), " "))
		added.Failure = junitDetailOf(string(severityNames[f.Severity]), carried(f))
		suite.add(added)
	}
}

func (j Judgement) junitCase(name string) junitCase {
	return junitCase{Class: printable(j.Image, maxText), Name: printable(name, maxText)}
}

func junitDetailOf(kind, message string) *junitDetail {
	return &junitDetail{Type: printable(kind, maxText), Message: printable(message, maxText)}
}

func (s *junitSuite) add(added junitCase) {
	s.Tests++
	if added.Failure != nil {
		s.Failures++
	}
	if added.Error != nil {
		s.Errors++
	}
	if added.Skipped != nil {
		s.Skipped++
	}
	s.Cases = append(s.Cases, added)
}
