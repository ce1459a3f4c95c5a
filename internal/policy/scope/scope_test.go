// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package scope

import (
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
)

func TestMode(t *testing.T) {
	audit := Scope{Admission: &v1alpha1.AdmissionRules{Mode: v1alpha1.AdmissionAudit}}
	enforce := Scope{Admission: &v1alpha1.AdmissionRules{Mode: v1alpha1.AdmissionEnforce}}
	for name, test := range map[string]struct {
		scopes []Scope
		want   v1alpha1.AdmissionMode
	}{
		"without a policy Pods are refused":            {nil, v1alpha1.AdmissionEnforce},
		"a policy that does not say refuses":           {[]Scope{{}}, v1alpha1.AdmissionEnforce},
		"a policy that audits lets in":                 {[]Scope{audit}, v1alpha1.AdmissionAudit},
		"policies that all audit let in":               {[]Scope{audit, audit}, v1alpha1.AdmissionAudit},
		"one policy that enforces is the strictest":    {[]Scope{audit, enforce}, v1alpha1.AdmissionEnforce},
		"one policy that does not say is as strict":    {[]Scope{audit, {}}, v1alpha1.AdmissionEnforce},
		"a mode that nobody knows is taken as enforce": {[]Scope{{Admission: &v1alpha1.AdmissionRules{Mode: "Warn"}}}, v1alpha1.AdmissionEnforce},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Mode(test.scopes); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
