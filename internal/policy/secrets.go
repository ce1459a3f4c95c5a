// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// judgeSecrets says whether no secret was found on any platform.
func (t *trial) judgeSecrets() judgement {
	const waiting = "secrets were not looked for yet"
	return t.onEveryPlatform(waiting, func(p evidence.Platform) judgement {
		if p.Secrets.State != evidence.Known {
			return unknown(p.Secrets, v1alpha1.ReasonInProgress, waiting)
		}
		if len(p.Secrets.Value) == 0 {
			return pass()
		}
		found := slices.SortedFunc(slices.Values(p.Secrets.Value), worstSecretFirst)
		var named []string
		for _, s := range found[:min(len(found), maxNamed+1)] {
			named = append(named, describeSecret(s))
		}
		return fail(v1alpha1.ReasonSecretsFound, list(count(len(found), "secret"), named,
			"build the image without them, in no layer, and replace them where they are used: they are known now"))
	})
}

func worstSecretFirst(a, b evidence.Secret) int {
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Layer.Hex(), b.Layer.Hex()))
}

func describeSecret(s evidence.Secret) string {
	text := evidence.Printable(s.Rule, maxNamedID) + " in " + evidence.Printable(s.Place, maxNamedPlace)
	if s.Line > 0 {
		text += fmt.Sprintf(" line %d", s.Line)
	}
	if !s.Layer.IsZero() {
		text += " of layer " + s.Layer.Short()
	}
	return text
}
