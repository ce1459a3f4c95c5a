// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// unknown is what could not be found out about one platform of the image.
type unknown struct {
	platform        string
	reason, message string
}

// Complete says that everything in the image is known. It does not say that the image is good.
func (j Judgement) Complete() bool { return len(j.unknowns()) == 0 }

// judged says that policies were asked; otherwise the image was only looked into.
func (j Judgement) judged() bool { return j.Verdict != "" }

func (j Judgement) unknowns() []unknown {
	var unknowns []unknown
	for _, p := range j.Evidence.Platforms {
		unknowns = append(unknowns, unknownsOf(p)...)
	}
	return unknowns
}

// unknownsOf returns nothing for a platform of which everything is known that was asked for.
func unknownsOf(p evidence.Platform) []unknown {
	var unknowns []unknown
	name := p.Platform.String()
	if p.Inventory.State != evidence.Known {
		unknowns = append(unknowns, unknownOf(name, p.Inventory, "the image was not looked into yet"))
	}
	// What is not known of the contents often comes back as the reason why nothing is known of the vulnerabilities.
	same := p.Findings.State == evidence.NotChecked || p.Findings.Reason == p.Inventory.Reason && p.Findings.Message == p.Inventory.Message
	if p.Findings.State != evidence.Known && (len(unknowns) == 0 || !same) {
		unknowns = append(unknowns, unknownOf(name, p.Findings, "vulnerabilities were not looked for yet"))
	}
	if p.Secrets.State == evidence.CouldNotCheck {
		open := unknownOf(name, p.Secrets, "")
		open.message = "secrets: " + open.message
		unknowns = append(unknowns, open)
	}
	return unknowns
}

// unknownOf says why the fact is not known.
func unknownOf[T any](platform string, fact evidence.Fact[T], waiting string) unknown {
	if fact.State == evidence.NotChecked {
		return unknown{platform, v1alpha1.ReasonInProgress, waiting}
	}
	return unknown{platform, fact.Reason, fact.Message}
}

// secrets of all platforms, the severest first; one that several platforms have stands once.
func (j Judgement) secrets() []evidence.Secret {
	var all []evidence.Secret
	for _, p := range j.Evidence.Platforms {
		all = append(all, p.Secrets.Value...)
	}
	slices.SortFunc(all, func(a, b evidence.Secret) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Layer.Hex(), b.Layer.Hex()))
	})
	return slices.Compact(all)
}

// placeOf says where a secret stands; what the layer tells is said apart.
func placeOf(s evidence.Secret) string {
	if s.Line == 0 {
		return s.Place
	}
	return fmt.Sprintf("%s line %d", s.Place, s.Line)
}

// describeSecret says all that is known of a secret.
func describeSecret(s evidence.Secret) string {
	layer := ""
	if !s.Layer.IsZero() {
		layer = " of layer " + s.Layer.String()
	}
	return fmt.Sprintf("%s in %s%s (%s)", s.Rule, placeOf(s), layer, severityNames[s.Severity])
}

// unidentified files of all platforms, each once.
func (j Judgement) unidentified() []string {
	var all []string
	for _, p := range j.Evidence.Platforms {
		all = append(all, p.Inventory.Value.Unidentified...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
