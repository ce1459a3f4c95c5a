// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/inventory"
)

// secretsFact says which secrets are in an image; when a file could not be searched and nothing was found elsewhere, nobody knows.
func secretsFact(made inventory.Inventory) evidence.Fact[[]evidence.Secret] {
	found := make([]evidence.Secret, 0, len(made.Secrets))
	for _, s := range made.Secrets {
		found = append(found, evidence.Secret{
			Rule: s.Rule, Severity: secretSeverity(s.Severity), Place: s.Place, Layer: s.Layer, Line: s.Line,
		})
	}
	if len(found) == 0 && len(made.SecretProblems) > 0 {
		return evidence.Unchecked[[]evidence.Secret](v1alpha1.ReasonInventoryIncomplete, describeProblems(made.SecretProblems))
	}
	return evidence.Checked(found)
}

func secretSeverity(name string) evidence.Severity {
	switch strings.ToUpper(name) {
	case "LOW":
		return evidence.SeverityLow
	case "MEDIUM":
		return evidence.SeverityMedium
	case "HIGH":
		return evidence.SeverityHigh
	case "CRITICAL":
		return evidence.SeverityCritical
	default:
		return evidence.SeverityUnknown
	}
}
