// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate

import "fmt"

// Warned is the result of tests that passed with warnings; Passed and Failed are the others.
const Warned = "WARNED"

// TestResult says how tests went (in-toto/attestation, spec/predicates/test-result.md).
type TestResult struct {
	// Result is Passed, Warned or Failed.
	Result string
	// Configuration that the tests ran with; URL of the run, may be empty.
	Configuration []Resource
	URL           string
	// Names of tests by how they ended. A list that is empty says nothing: not every tool writes it.
	Passed, Warned, Failed []string
}

// ParseTestResult reads a predicate of type TestResultV01. The error wraps ErrMalformed.
func ParseTestResult(predicate []byte) (TestResult, error) {
	result, err := parseTestResult(predicate)
	if err != nil {
		return TestResult{}, fmt.Errorf("test result: %w", err)
	}
	return result, nil
}

func parseTestResult(predicate []byte) (TestResult, error) {
	var p struct {
		Result        text       `json:"result"`
		Configuration []resource `json:"configuration"`
		URL           text       `json:"url"`
		Passed        []text     `json:"passedTests"`
		Warned        []text     `json:"warnedTests"`
		Failed        []text     `json:"failedTests"`
	}
	if err := decode(predicate, &p); err != nil {
		return TestResult{}, err
	}
	if p.Result != Passed && p.Result != Warned && p.Result != Failed {
		return TestResult{}, fmt.Errorf("%w: its result is %.20q, want %s, %s or %s", ErrMalformed, p.Result, Passed, Warned, Failed)
	}
	result := TestResult{Result: string(p.Result), URL: string(p.URL)}
	var err error
	if result.Configuration, err = resources(p.Configuration, maxEntries); err != nil {
		return TestResult{}, fmt.Errorf("configuration: %w", err)
	}
	if result.Passed, err = texts(p.Passed); err != nil {
		return TestResult{}, fmt.Errorf("passedTests: %w", err)
	}
	if result.Warned, err = texts(p.Warned); err != nil {
		return TestResult{}, fmt.Errorf("warnedTests: %w", err)
	}
	if result.Failed, err = texts(p.Failed); err != nil {
		return TestResult{}, fmt.Errorf("failedTests: %w", err)
	}
	return result, nil
}
