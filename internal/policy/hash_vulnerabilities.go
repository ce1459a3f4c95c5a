// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

type (
	// canonicalVulnerabilities is all but what blocks.
	canonicalVulnerabilities struct {
		NotWorseThanCurrent bool                          `json:"notWorseThanCurrent,omitempty"`
		MaxScanAge          *v1alpha1.Duration            `json:"maxScanAge,omitempty"`
		EndOfLife           v1alpha1.Tolerance            `json:"endOfLife,omitempty"`
		Unidentified        v1alpha1.Tolerance            `json:"unidentified,omitempty"`
		Exceptions          []canonicalException          `json:"exceptions,omitempty"`
		VEX                 []canonicalVEX                `json:"vex,omitempty"`
		Delegate            *v1alpha1.ExceptionDelegation `json:"delegate,omitempty"`
	}
	canonicalException struct {
		ID          string                  `json:"id"`
		Package     string                  `json:"package"`
		Images      []v1alpha1.ImagePattern `json:"images,omitempty"`
		Digests     []v1alpha1.DigestString `json:"digests,omitempty"`
		ExpiresAt   v1alpha1.Timestamp      `json:"expiresAt"`
		ExpireOnFix bool                    `json:"expireOnFix,omitempty"`
	}
	// canonicalVEX has authorities, or the digest of the document's statements, "" when that cannot be read.
	canonicalVEX struct {
		Name        v1alpha1.RuleName    `json:"name"`
		Authorities []canonicalAuthority `json:"authorities,omitempty"`
		Statements  string               `json:"statements,omitempty"`
	}
)

// canonicaliseVulnerabilities returns nil when there is nothing but what blocks.
func canonicaliseVulnerabilities(p Policy, rules v1alpha1.VulnerabilityRules) *canonicalVulnerabilities {
	canonical := canonicalVulnerabilities{
		NotWorseThanCurrent: rules.NotWorseThanCurrent, MaxScanAge: rules.MaxScanAge, EndOfLife: denied(rules.EndOfLife), Unidentified: denied(rules.Unidentified),
	}
	for _, e := range rules.Exceptions {
		canonical.Exceptions = append(canonical.Exceptions, canonicalException{
			ID: e.ID, Package: e.Package, Images: inOrder(e.Images), Digests: inOrder(e.Digests), ExpiresAt: e.ExpiresAt, ExpireOnFix: e.ExpireOnFix,
		})
	}
	slices.SortStableFunc(canonical.Exceptions, func(a, b canonicalException) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package))
	})
	for _, source := range byName(rules.VEX, func(s v1alpha1.VEXSource) v1alpha1.RuleName { return s.Name }) {
		canonical.VEX = append(canonical.VEX, canonicaliseVEX(p, source))
	}
	if rules.DelegateExceptions != nil {
		canonical.Delegate = rules.DelegateExceptions.DeepCopy()
		slices.Sort(canonical.Delegate.Namespaces)
	}
	if reflect.ValueOf(canonical).IsZero() {
		return nil
	}
	return &canonical
}

// denied returns the tolerance, and nothing for Allow, which is as if nothing were said.
func denied(tolerance v1alpha1.Tolerance) v1alpha1.Tolerance {
	if tolerance != v1alpha1.ToleranceDeny {
		return ""
	}
	return tolerance
}

func canonicaliseVEX(p Policy, source v1alpha1.VEXSource) canonicalVEX {
	canonical := canonicalVEX{Name: source.Name}
	if len(source.AttestedBy) > 0 {
		canonical.Authorities = canonicaliseAuthorities(p, source.AttestedBy)
	} else if document := p.VEX[source.Name]; document.State == evidence.Known {
		canonical.Statements = digestOfStatements(document.Value)
	}
	return canonical
}

// digestOfStatements names what a document states, in whatever order: not who says so and why.
func digestOfStatements(statements []evidence.VEXStatement) string {
	lines := make([]string, 0, len(statements))
	for i := range statements {
		s := &statements[i]
		fields := slices.Concat([]string{string(s.Status), s.Product, s.Timestamp.UTC().Format(time.RFC3339Nano), strconv.Itoa(len(s.IDs))},
			inOrder(s.IDs), inOrder(s.Subcomponents))
		var line strings.Builder
		for _, field := range fields {
			line.WriteString(strconv.Itoa(len(field)) + ":" + field + ",")
		}
		lines = append(lines, line.String())
	}
	slices.Sort(lines)
	return image.DigestOf([]byte(strings.Join(lines, "\n"))).String()
}
