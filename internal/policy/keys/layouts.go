// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"fmt"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/policy"
)

// readLayouts fills the policy with its layouts and takes note of them.
func (r *Resolver) readLayouts(ctx context.Context, p *policy.Policy, known map[string]layout.Layout) error {
	if len(p.Spec.Layouts) == 0 {
		return nil
	}
	p.Layouts = make(map[v1alpha1.RuleName]evidence.Fact[string], len(p.Spec.Layouts))
	for _, rule := range p.Spec.Layouts {
		found, err := r.layout(ctx, *p, rule)
		if err != nil {
			return err
		}
		fact := evidence.Fact[string]{State: found.State, Reason: found.Reason, Message: found.Message}
		if found.State == evidence.Known {
			fact.Value = found.Value.ID()
			known[fact.Value] = found.Value
		}
		p.Layouts[rule.Name] = fact
	}
	return nil
}

// layout reads a layout and its owners' keys, or says why it cannot be used.
func (r *Resolver) layout(ctx context.Context, p policy.Policy, rule v1alpha1.LayoutRule) (evidence.Fact[layout.Layout], error) {
	document, err := r.read(ctx, p.Namespace, ofDocument("layout", rule.Layout), "the layout")
	switch {
	case err != nil:
		return evidence.Fact[layout.Layout]{}, err
	case document.missing != "":
		return evidence.Unchecked[layout.Layout](document.reason, document.missing), nil
	}
	read := layout.Layout{Document: []byte(document.content)}
	for i, owner := range rule.Keys {
		key, err := r.readKey(ctx, p, ofText(fmt.Sprintf("keys[%d]", i), owner))
		if err != nil || key.State != evidence.Known {
			return evidence.Fact[layout.Layout]{State: key.State, Reason: key.Reason, Message: key.Message}, err
		}
		read.Owners = append(read.Owners, key.Value)
	}
	if len(read.Owners) == 0 {
		return evidence.Unchecked[layout.Layout](v1alpha1.ReasonInvalidLayout, "keys names no owner"), nil
	}
	if err := r.layoutsChecked.check(read, r.CheckLayout); err != nil {
		return evidence.Unchecked[layout.Layout](v1alpha1.ReasonInvalidLayout, evidence.Printable(document.at+": "+err.Error(), maxMessage)), nil //nolint:nilerr // That it cannot be used is a fact.
	}
	return evidence.Checked(read), nil
}
