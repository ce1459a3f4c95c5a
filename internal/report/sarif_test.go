// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// conforming is the part of SARIF 2.1.0 that a report must have to be one, by the sections of the standard. Pointers are members
// that must be there.
type conforming struct {
	Version string `json:"version"` // 3.13.2
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  string                `json:"name"`  // 3.19.8
				Rules []struct{ ID string } `json:"rules"` // 3.49.3
			} `json:"driver"`
		} `json:"tool"`
		Invocations []struct {
			ExecutionSuccessful *bool                  `json:"executionSuccessful"` // 3.20.14
			Notifications       []conformingStatements `json:"toolExecutionNotifications"`
		} `json:"invocations"`
		Results []conformingStatements `json:"results"`
	} `json:"runs"`
}

// conformingStatements are results (3.27) and notifications (3.58).
type conformingStatements struct {
	RuleID  string `json:"ruleId"`
	Level   string `json:"level"`
	Message struct {
		Text string `json:"text"` // 3.11.8
	} `json:"message"`
	Locations []struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"` // 3.4.3
			} `json:"artifactLocation"`
			Region struct {
				StartLine int `json:"startLine"` // 3.30.5
			} `json:"region"`
		} `json:"physicalLocation"`
	} `json:"locations"`
	Suppressions []struct {
		Kind, Status, Justification string // 3.35
	} `json:"suppressions"`
}

// parseSARIF fails the test for what does not conform.
func parseSARIF(t *testing.T, text string) conforming {
	t.Helper()
	var log conforming
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name == "" {
		t.Errorf("the log: %+v", log)
	}
	for _, run := range log.Runs {
		rules := map[string]bool{}
		for _, rule := range run.Tool.Driver.Rules {
			if rules[rule.ID] || rule.ID == "" {
				t.Errorf("the rule %q stands there twice, or has no name", rule.ID)
			}
			rules[rule.ID] = true
		}
		for _, result := range run.Results {
			if !rules[result.RuleID] || len(result.Locations) != 1 {
				t.Errorf("a result without its rule or its place: %+v", result)
			}
			result.check(t)
		}
		for _, invocation := range run.Invocations {
			if invocation.ExecutionSuccessful == nil {
				t.Error("nothing says whether the invocation was successful")
			}
			for _, notification := range invocation.Notifications {
				notification.check(t)
			}
		}
	}
	return log
}

// where is a result in one line.
func (s conformingStatements) where() string {
	at := s.Locations[0].Physical
	return fmt.Sprintf("%s %s %s %d", s.RuleID, s.Level, at.Artifact.URI, at.Region.StartLine)
}

func (s conformingStatements) check(t *testing.T) {
	t.Helper()
	if s.Message.Text == "" || !slices.Contains([]string{"note", "warning", "error"}, s.Level) {
		t.Errorf("no text, or no level: %+v", s)
	}
	for _, location := range s.Locations {
		at, err := url.Parse(location.Physical.Artifact.URI)
		if err != nil || at.IsAbs() || at.Host != "" || at.Path == "" || strings.HasPrefix(at.Path, "/") || strings.Contains("/"+at.Path+"/", "/../") {
			t.Errorf("%q is no relative path: %v", location.Physical.Artifact.URI, err)
		}
		if location.Physical.Region.StartLine < 1 {
			t.Errorf("%+v is on line %d", s, location.Physical.Region.StartLine)
		}
	}
	for i, suppression := range s.Suppressions {
		if suppression.Kind != "external" || suppression.Status != "accepted" || slices.Contains(s.Suppressions[:i], suppression) {
			t.Errorf("suppressions %+v", s.Suppressions)
		}
	}
}
