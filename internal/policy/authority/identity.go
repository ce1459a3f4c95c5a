// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/glob"
)

// identity is what a certificate must say. All of it must hold of the same one.
type identity []demand

// demand is what one field of a certificate must be.
type demand struct {
	field  string
	wanted string
	of     func(evidence.Certificate) string
	meets  func(got string) bool
}

func compile(spec v1alpha1.Identity) (identity, error) {
	var compiled identity
	for _, field := range []struct {
		name    string
		pattern v1alpha1.IdentityString
		matcher func(string) (func(string) bool, error)
		of      func(evidence.Certificate) string
	}{
		{"issuer", spec.Issuer, exactly, func(c evidence.Certificate) string { return c.Issuer }},
		{"issuerRegExp", spec.IssuerRegExp, regularly, func(c evidence.Certificate) string { return c.Issuer }},
		{"subject", spec.Subject, exactly, func(c evidence.Certificate) string { return c.Subject }},
		{"subjectRegExp", spec.SubjectRegExp, regularly, func(c evidence.Certificate) string { return c.Subject }},
		{"sourceRepository", spec.SourceRepository, globbed, func(c evidence.Certificate) string { return c.SourceRepository }},
		{"sourceRef", spec.SourceRef, globbed, func(c evidence.Certificate) string { return c.SourceRef }},
		{"trigger", spec.Trigger, globbed, func(c evidence.Certificate) string { return c.Trigger }},
	} {
		if field.pattern == "" {
			continue
		}
		meets, err := field.matcher(string(field.pattern))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.name, err)
		}
		compiled = append(compiled, demand{field.name, string(field.pattern), field.of, meets})
	}
	return append(compiled, workflow(spec.Workflow)...), nil
}

// workflow is met by the URI of the build's configuration. The workflow's own name is whatever its author calls it, and may look like a
// URI, so that it is compared with what can be none only.
func workflow(pattern v1alpha1.IdentityString) identity {
	if pattern == "" {
		return nil
	}
	d := demand{
		field: "workflow", wanted: string(pattern),
		of:    func(c evidence.Certificate) string { return c.Workflow },
		meets: func(got string) bool { return got != "" && glob.Match(string(pattern), got) },
	}
	if !strings.ContainsAny(string(pattern), "/*:") {
		d.of = func(c evidence.Certificate) string { return c.WorkflowName }
	}
	return identity{d}
}

func exactly(wanted string) (func(string) bool, error) {
	return func(got string) bool { return got == wanted }, nil
}

func globbed(pattern string) (func(string) bool, error) {
	return func(got string) bool { return got != "" && glob.Match(pattern, got) }, nil
}

// regularly matches the whole text: what is not anchored would be met by whoever may choose a part of the text (CVE-2026-22772).
func regularly(expression string) (func(string) bool, error) {
	// By itself, too, since a parenthesis in it may close ours.
	if _, err := regexp.Compile(expression); err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", expression, err)
	}
	compiled, err := regexp.Compile(`\A(?:` + expression + `)\z`)
	if err != nil { // such as for a quotation without an end
		return nil, fmt.Errorf("%q is no regular expression: %w", expression, err)
	}
	return compiled.MatchString, nil
}

// maxShown bounds what is shown of a certificate's field, in characters.
const maxShown = 160

func (i identity) matches(c evidence.Certificate) error {
	for _, d := range i {
		got := d.of(c)
		switch {
		case d.meets(got):
		case got == "":
			return fmt.Errorf("its certificate has no %s, want %s", plain(d.field), d.wanted)
		default:
			return fmt.Errorf("its %s is %s, want %s", plain(d.field), evidence.Printable(got, maxShown), d.wanted)
		}
	}
	return nil
}

// plain names the field of a certificate that a field of an identity is about.
func plain(field string) string {
	switch field {
	case "issuerRegExp":
		return "issuer"
	case "subjectRegExp":
		return "subject"
	default:
		return field
	}
}
