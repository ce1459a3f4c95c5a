// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate

import (
	"fmt"
	"strings"
	"time"
)

// maxEntries of a list in a summary or a test result.
const maxEntries = 10_000

// The results of a verification.
const (
	Passed = "PASSED"
	Failed = "FAILED"
)

// Summary is a SLSA verification summary (https://slsa.dev/spec/v1.0/verification_summary): somebody looked at the evidence, and says what
// it amounts to.
type Summary struct {
	// Verifier is the id of who verified, never empty.
	Verifier string
	// ResourceURI of what was verified. It proves nothing: a statement is about its subjects.
	ResourceURI string
	// Result is Passed or Failed.
	Result string
	// Levels that were verified, such as SLSA_BUILD_LEVEL_3.
	Levels []string
	// Policy that it was verified against, and Inputs: the attestations that were looked at.
	Policy     Resource
	Inputs     []Resource
	VerifiedAt time.Time // zero when not stated
}

// ParseSummary reads a predicate of type SummaryV1. The error wraps ErrMalformed.
func ParseSummary(predicate []byte) (Summary, error) {
	summary, err := parseSummary(predicate)
	if err != nil {
		return Summary{}, fmt.Errorf("verification summary: %w", err)
	}
	return summary, nil
}

func parseSummary(predicate []byte) (Summary, error) {
	var s struct {
		Verifier struct {
			ID text `json:"id"`
		} `json:"verifier"`
		TimeVerified moment     `json:"timeVerified"`
		ResourceURI  text       `json:"resourceUri"`
		Policy       resource   `json:"policy"`
		Inputs       []resource `json:"inputAttestations"`
		Result       text       `json:"verificationResult"`
		Levels       []text     `json:"verifiedLevels"`
	}
	if err := decode(predicate, &s); err != nil {
		return Summary{}, err
	}
	switch {
	case s.Verifier.ID == "":
		return Summary{}, fmt.Errorf("%w: it names no verifier", ErrMalformed)
	case s.Result != Passed && s.Result != Failed:
		return Summary{}, fmt.Errorf("%w: its verificationResult is %.20q, want %s or %s", ErrMalformed, s.Result, Passed, Failed)
	}
	levels, err := texts(s.Levels)
	if err != nil {
		return Summary{}, fmt.Errorf("verifiedLevels: %w", err)
	}
	policy, err := resources([]resource{s.Policy}, 1)
	if err != nil {
		return Summary{}, fmt.Errorf("policy: %w", err)
	}
	inputs, err := resources(s.Inputs, maxEntries)
	if err != nil {
		return Summary{}, fmt.Errorf("inputAttestations: %w", err)
	}
	return Summary{
		Verifier: string(s.Verifier.ID), ResourceURI: string(s.ResourceURI), Result: string(s.Result), Levels: levels,
		Policy: policy[0], Inputs: inputs, VerifiedAt: time.Time(s.TimeVerified),
	}, nil
}

// BuildLevel is the highest SLSA build level among the verified ones, 0 for none.
func (s Summary) BuildLevel() int {
	highest := 0
	for _, level := range s.Levels {
		number, is := strings.CutPrefix(level, "SLSA_BUILD_LEVEL_")
		if is && len(number) == 1 && number[0] >= '0' && number[0] <= '4' {
			highest = max(highest, int(number[0]-'0'))
		}
	}
	return highest
}

// texts returns a list of texts that is not too long.
func texts(list []text) ([]string, error) {
	if len(list) > maxEntries {
		return nil, fmt.Errorf("%w: %d of them, want %d at most", ErrMalformed, len(list), maxEntries)
	}
	var result []string
	for _, t := range list {
		result = append(result, string(t))
	}
	return result, nil
}
