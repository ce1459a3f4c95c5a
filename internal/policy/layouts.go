// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// judgeLayout says whether the image was made as the layout says.
func (t *trial) judgeLayout(rule v1alpha1.LayoutRule, layout evidence.Fact[string]) judgement {
	if layout.State != evidence.Known {
		return unknown(layout, v1alpha1.ReasonInvalidLayout, "the layout was not read yet")
	}
	result := t.evidence.Layouts[layout.Value]
	switch {
	case result.State != evidence.Known:
		return unknown(result, v1alpha1.ReasonAttestationUnchecked, "the links of the layout were not looked for yet")
	case !result.Value.Passed:
		return fail(result.Value.Reason, result.Value.Message)
	case !result.Value.Expires.IsZero() && !t.now.Before(result.Value.Expires):
		return fail(v1alpha1.ReasonInvalidLayout, fmt.Sprintf("layout %s expired at %s; have its owners sign a new one",
			rule.Name, result.Value.Expires.UTC().Format(time.RFC3339)))
	}
	t.changesAt(result.Value.Expires)
	return pass()
}
