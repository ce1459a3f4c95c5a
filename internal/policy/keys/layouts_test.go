// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/fake"
)

func TestLayouts(t *testing.T) {
	ci, _ := publicKey(t)
	release, _ := publicKey(t)
	texts := func() *fake.Texts {
		return &fake.Texts{
			ConfigMaps: map[string]map[string]string{"prod/layouts": {"a": "layout", "bad": "bad"}, "assay/layouts": {"a": "layout"}},
			Secrets:    map[string]map[string]string{"prod/layouts": {"ci.pub": ci}, "closed/layouts": {"a": "layout"}},
			Forbidden:  map[string]bool{"closed": true},
		}
	}
	under := func(p policy.Policy, document v1alpha1.DocumentSource, owners ...v1alpha1.TextSource) policy.Policy {
		p.Spec.Layouts = []v1alpha1.LayoutRule{{Name: "chain", Layout: document, Keys: owners}}
		return p
	}
	in := func(key string) v1alpha1.DocumentSource {
		return v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("layouts", key)}
	}
	owner, other := v1alpha1.TextSource{Inline: ci}, v1alpha1.TextSource{Inline: release}
	for name, test := range map[string]struct {
		policy          policy.Policy
		owners          int // of a layout that can be used
		reason, message string
	}{
		"one owner":                    {under(namespaced, in("a"), owner), 1, "", ""},
		"two owners":                   {under(namespaced, in("a"), owner, other), 2, "", ""},
		"an owner's key in a Secret":   {under(namespaced, in("a"), v1alpha1.TextSource{SecretKeyRef: inSecret("layouts", "ci.pub")}), 1, "", ""},
		"of a policy for the cluster":  {under(clusterWide, in("a"), owner), 1, "", ""},
		"no owner":                     {under(namespaced, in("a")), 0, v1alpha1.ReasonInvalidLayout, "keys names no owner"},
		"a layout that is not there":   {under(namespaced, in("b"), owner), 0, v1alpha1.ReasonKeyNotFound, "ConfigMap layouts in namespace prod has no key b; put the layout there"},
		"a layout that stands nowhere": {under(namespaced, v1alpha1.DocumentSource{}, owner), 0, v1alpha1.ReasonKeyNotFound, "layout says nowhere where the layout stands"},
		"a layout that cannot be used": {under(namespaced, in("bad"), owner), 0, v1alpha1.ReasonInvalidLayout, "bad of ConfigMap layouts in namespace prod: it is malformed"},
		"a second owner who is no key": {under(namespaced, in("a"), owner, v1alpha1.TextSource{Inline: "x"}), 0, v1alpha1.ReasonInvalidKey, "keys[1].inline: invalid public key: want a PEM block of type PUBLIC KEY, as cosign.pub has"},
		"an owner's key that is not there": {under(namespaced, in("a"), v1alpha1.TextSource{SecretKeyRef: inSecret("none", "ci.pub")}), 0, v1alpha1.ReasonKeyNotFound,
			"Secret none does not exist in namespace prod; create it with the public key under ci.pub"},
		"a Secret that nobody may read": {under(policy.Policy{Name: "closed/a", Namespace: "closed"}, v1alpha1.DocumentSource{SecretKeyRef: inSecret("layouts", "a")}, owner), 0, v1alpha1.ReasonSecretForbidden,
			"Assay may not read Secrets in namespace closed; allow it with: kubectl create rolebinding assay-secret-reader --namespace=closed --clusterrole=assay-secret-reader --serviceaccount=assay:assay-controller"},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := &keys.Resolver{Texts: texts(), Namespace: "assay", CheckLayout: refuseBad}
			set, err := resolver.Resolve(t.Context(), []policy.Policy{test.policy, test.policy})
			if err != nil {
				t.Fatal(err)
			}
			got := set.Policies[0].Layouts["chain"]
			if usable := test.owners > 0; usable != (got.State == evidence.Known) || usable != (len(set.Layouts) == 1) || got.Reason != test.reason || got.Message != test.message {
				t.Fatalf("got %s: %s, with %d layouts", got.Reason, got.Message, len(set.Layouts))
			}
			if test.owners > 0 && (len(set.Layouts[0].Owners) != test.owners || string(set.Layouts[0].Document) != "layout" || set.Layouts[0].ID() != got.Value) {
				t.Errorf("layout %+v of %s", set.Layouts[0], got.Value)
			}
		})
	}
}

func refuseBad(l layout.Layout) error {
	if string(l.Document) == "bad" {
		return errors.New("it is malformed")
	}
	return nil
}

func TestALayoutThatNobodyCouldLookForIsAnError(t *testing.T) {
	ci, _ := publicKey(t)
	p := namespaced
	p.Spec.Layouts = []v1alpha1.LayoutRule{{Name: "chain", Layout: v1alpha1.DocumentSource{SecretKeyRef: inSecret("layouts", "a")}, Keys: []v1alpha1.TextSource{{Inline: ci}}}}
	if _, err := (&keys.Resolver{Texts: &fake.Texts{Err: errGone}}).Resolve(t.Context(), []policy.Policy{p}); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}

// TestALayoutIsLookedAtOnce for as long as it and its owners stay the same.
func TestALayoutIsLookedAtOnce(t *testing.T) {
	ci, _ := publicKey(t)
	looked := map[string]int{}
	resolver := &keys.Resolver{Texts: &fake.Texts{ConfigMaps: map[string]map[string]string{"prod/layouts": {"a": "layout", "bad": "bad"}}}, CheckLayout: func(l layout.Layout) error {
		looked[string(l.Document)]++
		return refuseBad(l)
	}}
	p := namespaced
	for _, key := range []string{"a", "bad"} {
		p.Spec.Layouts = append(p.Spec.Layouts, v1alpha1.LayoutRule{
			Name: v1alpha1.RuleName(key), Layout: v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("layouts", key)}, Keys: []v1alpha1.TextSource{{Inline: ci}},
		})
	}
	for range 3 {
		resolve(t, resolver, p)
	}
	if diff := cmp.Diff(map[string]int{"layout": 1, "bad": 1}, looked); diff != "" {
		t.Errorf("looked (-want +got):\n%s", diff)
	}
}
