// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// everywhere is a judgement in which everything that others write is the text.
func everywhere(text string) Judgement {
	finding := evidence.Finding{
		ID: text, Aliases: []string{text}, Target: text, Package: text, Version: text, Path: text, PURL: text, FixedVersion: text, Severity: evidence.SeverityHigh,
	}
	excused := Excused{Finding: finding, By: text, Owner: text, Reason: text}
	feed := evidence.Checked(evidence.Feed{Version: text})
	return Judgement{
		Image: text, Digest: "sha256:91ab", Policies: []string{text}, Excused: []Excused{excused, excused}, At: time.Unix(0, 0),
		Rules: []v1alpha1.RuleResult{
			{Policy: text, Rule: text, Result: v1alpha1.ResultFail, Reason: text, Message: "see " + text},
			{Policy: text, Rule: text, Result: v1alpha1.ResultExcepted, Reason: text, Message: "see " + text},
		},
		Worst: []v1alpha1.FindingReference{{ID: text, Package: text, Version: text, FixedVersion: text}},
		Signers: []v1alpha1.SignerReference{{
			Authority: text, PredicateType: text, Identity: text, Issuer: text, SignedAt: (*v1alpha1.Timestamp)(&text), SignedAtBy: text, LogEntry: text,
			Builder: text, Source: text, Commit: text, NotAfter: (*v1alpha1.Timestamp)(&text),
		}},
		Evidence: evidence.Evidence{
			Database: feed, KEV: feed, EPSS: evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, text),
			Platforms: []evidence.Platform{
				{
					Platform:     image.Platform{OS: text, Architecture: text, Variant: text},
					Inventory:    evidence.Checked(evidence.Inventory{Unidentified: []string{text}}),
					Findings:     evidence.Checked([]evidence.Finding{finding}),
					Distribution: evidence.Checked(evidence.Distribution{Name: text}),
					Secrets:      evidence.Checked([]evidence.Secret{{Rule: text, Place: text, Layer: image.DigestOf([]byte(text))}, {Rule: text, Place: text}}),
				},
				{Inventory: evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, "see "+text)},
			},
		},
	}
}

var hostileTexts = map[string]string{
	"control characters":                      "a\x00\x01\x07\x08\r\n\t\x0b\x7fb",
	"a terminal's escape sequences":           "\x1b[2J\x1b]8;;http://evil\x07\u009b31m",
	"directions of writing":                   "a\u202eb\u2066c\u200f",
	"line separators":                         "a\u2028b\u2029c\u0085d",
	"a table's pipes":                         `a|b\|c\\|d|`,
	"HTML, a link and a mention":              `"><script>alert(1)</script><!-- [x](http://evil) @everyone ![](x) </testsuites> ]]>`,
	"code spans that end":                     "`` ` ```\n# heading",
	"characters that XML does not have":       "\ufffe\uffff\x0c\x1f\U0001ffff",
	"bytes that are no text":                  "a\xff\xc3(b\xed\xa0\x80",
	"letters beyond the basic plane":          "\U0001f4a9 \U0010ffff é",
	"paths that lead out":                     "/../../../etc/passwd",
	"a URI":                                   "https://user:pw@evil:1/a b?c=d#e%00%",
	"commands to the service which builds":    "::error file=a::b ::stop-commands::c ##vso[task.setvariable variable=x]y ##[error]z",
	"quotes and backslashes":                  `"\"\\'\u0022\`,
	"a text of 128 KiB":                       strings.Repeat("a", 1<<17),
	"a text that escaping makes longer still": strings.Repeat("|\u202e\"\x00", 1<<15),
	"nothing": "",
}

func TestWhatOthersWriteBreaksNoFormat(t *testing.T) {
	for name, text := range hostileTexts {
		for _, verdict := range []v1alpha1.Verdict{"", v1alpha1.VerdictRejected} {
			t.Run(name+" "+string(verdict), func(t *testing.T) {
				j := everywhere(text)
				j.Verdict = verdict
				for format, report := range inEveryFormat(t, j) {
					checkInert(t, format, report)
				}
			})
		}
	}
}

// checkInert fails the test for a report that does more than to tell.
func checkInert(t *testing.T, format, report string) {
	t.Helper()
	for _, r := range strings.NewReplacer("✅", "", "❌", "", "❔", "").Replace(report) {
		if r != '\n' && (r < ' ' || r > '~') {
			t.Fatalf("%s holds %q", format, r)
		}
	}
	if len(report) > 512<<10 {
		t.Errorf("%s has %d bytes", format, len(report))
	}
	if commands := regexp.MustCompile(`(?m)^\s*::|##\w*\[`).FindAllString(report, -1); commands != nil {
		t.Errorf("%s holds commands %q", format, commands)
	}
	switch format {
	case "json":
		if !json.Valid([]byte(report)) {
			t.Error("no JSON")
		}
	case "sarif":
		parseSARIF(t, report)
	case "junit":
		checkXML(t, report)
	case "markdown":
		checkMarkdown(t, report)
	}
}

func checkXML(t *testing.T, report string) {
	t.Helper()
	decoder, suites, cases := xml.NewDecoder(strings.NewReader(report)), 0, 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch element, _ := token.(xml.StartElement); element.Name.Local {
		case "testsuites":
			suites++
		case "testcase":
			cases++
		case "script":
			t.Error("XML of others")
		}
	}
	if suites != 1 || cases == 0 {
		t.Errorf("%d roots, %d cases:\n%.500s", suites, cases, report)
	}
}

// checkMarkdown takes tables apart as GitHub Flavored Markdown does: a pipe behind a backslash stands for itself, also in code.
func checkMarkdown(t *testing.T, report string) {
	t.Helper()
	if utf8.RuneCountInString(report) > 65536 {
		t.Errorf("%d characters, which GitHub refuses", utf8.RuneCountInString(report))
	}
	columns := 0
	for line := range strings.Lines(report) {
		if strings.Count(line, "`")%2 != 0 {
			t.Errorf("a code span does not end: %.200q", line)
		}
		if strings.ContainsAny(regexp.MustCompile("`[^`]*`").ReplaceAllString(line, ""), "<>[]@") {
			t.Errorf("markup outside of code: %.200q", line)
		}
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		pipes := strings.Count(regexp.MustCompile(`\\\|`).ReplaceAllString(line, ""), "|")
		if columns != 0 && pipes != columns {
			t.Errorf("a row of %d cells in a table of %d: %.200q", pipes-1, columns-1, line)
		}
		columns = pipes
	}
}

func TestJSONKeepsWhatOthersWrote(t *testing.T) {
	for name, text := range hostileTexts {
		t.Run(name, func(t *testing.T) {
			var got jsonJudgement
			if err := json.Unmarshal([]byte(written(t, everywhere(text), "json")), &got); err != nil {
				t.Fatal(err)
			}
			path, want := got.Platforms[0].Findings[0].Path, strings.ToValidUTF8(text, "\ufffd")
			if len(text) > maxValue {
				if !strings.HasSuffix(path, "...") || !strings.HasPrefix(text, strings.TrimSuffix(path, "...")) {
					t.Errorf("a long text became %.50q, which ends in %q", path, path[max(0, len(path)-10):])
				}
				return
			}
			if !strings.Contains(text, "\xff") && path != want {
				t.Errorf("%q became %q", want, path)
			}
		})
	}
}

func TestACommentOnAChangeIsNeverTooLong(t *testing.T) {
	j := everywhere(strings.Repeat("|", 4096))
	one := j.Evidence.Platforms[0].Findings.Value[0]
	for i := range 300 {
		one.Version = strings.Repeat("|", i)
		j.Evidence.Platforms[0].Findings.Value = append(j.Evidence.Platforms[0].Findings.Value, one)
		j.Rules = append(j.Rules, j.Rules[0])
	}
	j.Signers = slices.Repeat(j.Signers, 8)
	got := written(t, j, "markdown")
	checkInert(t, "markdown", got)
	if strings.Count(got, "more; `-o json` lists them all.") != 3 || !strings.Contains(got, "| authority |") || !strings.Contains(got, "| finding |") || !strings.Contains(got, "| secret |") {
		t.Errorf("nothing says what was left out:\n%.2000s", got)
	}
}
