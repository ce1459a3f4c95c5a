// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/glob"
	"github.com/assay-dev/assay/internal/predicate"
)

// refusal is the judgement that a statement does not say what a rule demands.
func refusal(err error) judgement {
	var old outdated
	if errors.As(err, &old) {
		return fail(v1alpha1.ReasonAttestationOutdated, err.Error())
	}
	return refused(err.Error())
}

// differs names the field in which a statement differs.
func differs(field, got string, wanted []v1alpha1.AttestedPattern) error {
	if got == "" {
		return fmt.Errorf("it names no %s, want %s", field, patternList(wanted))
	}
	return fmt.Errorf("its %s is %s, want %s", field, evidence.Printable(got, maxFound), patternList(wanted))
}

// meetsProvenance says how a provenance differs from what is demanded.
func meetsProvenance(rules v1alpha1.ProvenanceRules, predicateType string, content []byte, signer evidence.Signer) error {
	p, err := predicate.ParseProvenance(predicateType, content)
	if err != nil {
		return err
	}
	if len(rules.Builders) > 0 && !anyOf(rules.Builders, func(pattern string) bool { return glob.Match(pattern, p.Builder) }) {
		return differs("builder", p.Builder, rules.Builders)
	}
	if len(rules.BuildTypes) > 0 && !anyOf(rules.BuildTypes, func(pattern string) bool { return glob.Match(pattern, p.BuildType) }) {
		return differs("build type", p.BuildType, rules.BuildTypes)
	}
	if err := meetsSources(rules, p.Sources); err != nil {
		return err
	}
	if level := buildLevel(rules, p, signer); rules.MinLevel > 0 && level < int(rules.MinLevel) {
		return fmt.Errorf("its builder %s is known to reach SLSA build level %d, want %d", evidence.Printable(p.Builder, maxFound), level, rules.MinLevel)
	}
	return nil
}

// meetsSources wants every source to be one of those that are demanded: a second one could hide what was built.
func meetsSources(rules v1alpha1.ProvenanceRules, sources []predicate.Source) error {
	if len(rules.Sources) > 0 {
		if len(sources) == 0 {
			return differs("source", "", rules.Sources)
		}
		for _, source := range sources {
			if !anyOf(rules.Sources, func(pattern string) bool { return isSource(pattern, source) }) {
				return differs("source", source.String(), rules.Sources)
			}
		}
	}
	if len(rules.Refs) > 0 {
		if len(sources) == 0 {
			return differs("ref", "", rules.Refs)
		}
		for _, source := range sources {
			if source.Ref == "" || !anyOf(rules.Refs, func(pattern string) bool { return glob.Match(pattern, source.Ref) }) {
				return differs("ref", source.Ref, rules.Refs)
			}
		}
	}
	return nil
}

func isSource(pattern string, source predicate.Source) bool {
	if strings.Contains(pattern, "*") {
		return !climbs(source.URI) && glob.Match(strings.TrimPrefix(pattern, "git+"), source.URI)
	}
	return predicate.SameSource(pattern, source.String())
}

// climbs says that a URI leads elsewhere than it looks: whoever fetches it resolves the dots in its path first (RFC 3986, section 5.2.4).
func climbs(uri string) bool {
	parsed, err := url.Parse(uri)
	return err != nil || slices.ContainsFunc(strings.Split(parsed.Path, "/"), func(segment string) bool { return segment == "." || segment == ".." })
}

// buildLevel is the level that the builder is known to reach. Anybody can write any builder's name, so it counts where the signer is that
// builder, or where the policy names the builders for which its authorities speak.
func buildLevel(rules v1alpha1.ProvenanceRules, p predicate.Provenance, signer evidence.Signer) int {
	if len(rules.Builders) > 0 || signer.Certificate != nil && signer.Certificate.Subject == p.Builder {
		return predicate.BuildLevel(p.Builder)
	}
	return 1
}

// meetsSummary says how a verification summary differs from what is demanded. Without any demand it must have passed.
func meetsSummary(rules *v1alpha1.SummaryRules, content []byte) error {
	s, err := predicate.ParseSummary(content)
	if err != nil {
		return err
	}
	if s.Result != predicate.Passed {
		return fmt.Errorf("its result is %s, want %s", evidence.Printable(s.Result, maxFound), predicate.Passed)
	}
	if rules == nil {
		return nil
	}
	if !anyOf(rules.Verifiers, func(pattern string) bool { return glob.Match(pattern, s.Verifier) }) {
		return differs("verifier", s.Verifier, rules.Verifiers)
	}
	if len(rules.Resources) > 0 && !anyOf(rules.Resources, func(pattern string) bool { return glob.Match(pattern, s.ResourceURI) }) {
		return differs("resource", s.ResourceURI, rules.Resources)
	}
	if level := s.BuildLevel(); level < int(rules.MinLevel) {
		return fmt.Errorf("it verified SLSA build level %d, want %d", level, rules.MinLevel)
	}
	return nil
}

// meetsTestResult says how a test result differs from what is demanded. Without any demand the tests must have passed.
func meetsTestResult(rules *v1alpha1.TestResultRules, content []byte) error {
	r, err := predicate.ParseTestResult(content)
	if err != nil {
		return err
	}
	if r.Result != predicate.Passed {
		return fmt.Errorf("its result is %s, want %s", evidence.Printable(r.Result, maxFound), predicate.Passed)
	}
	if rules == nil {
		return nil
	}
	for _, pattern := range inOrder(rules.Tests) {
		if !slices.ContainsFunc(r.Passed, func(test string) bool { return glob.Match(string(pattern), test) }) {
			return fmt.Errorf("test %s is not among those that passed", pattern)
		}
	}
	return nil
}
