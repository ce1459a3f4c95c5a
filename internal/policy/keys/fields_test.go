// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/fake"
	"github.com/assay-dev/assay/internal/signature"
)

// flip changes one field of a policy under which the image is trusted before, since the signer signed it and its layouts were followed.
// What another anchor or layout than the policy's would say nobody looked at.
type flip struct {
	before policy.Policy
	signer evidence.Signer
	change func(*v1alpha1.PolicySpec)
	after  policy.Outcome
}

// world is what policies of the rows refer to.
type world struct {
	texts                map[string]map[string]string // of ConfigMaps and Secrets alike
	ci, release          string
	ciPrint              string
	service, serviceKey2 signature.Key
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	w.ci, w.ciPrint = publicKey(t)
	w.release, _ = publicKey(t)
	for text, key := range map[string]*signature.Key{w.ci: &w.service, w.release: &w.serviceKey2} {
		parsed, err := signature.ParseKey([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		*key = parsed
	}
	// Of each kind of text one under a, another under b, and the other under a of another object.
	pair := func(name, a, b string) {
		w.texts[name], w.texts[name+"-b"] = map[string]string{"a": a, "b": b}, map[string]string{"a": b}
	}
	w.texts = map[string]map[string]string{}
	pair("prod/keys", w.ci, w.release)
	pair("prod/texts", "text", "another text")
	pair("prod/vex", document("pkg:npm/a@1"), document("pkg:npm/b@1"))
	return w
}

func (w *world) resolver() *keys.Resolver {
	return &keys.Resolver{
		Texts:      &fake.Texts{ConfigMaps: w.texts, Secrets: w.texts},
		Services:   services{"kms://a": w.service, "kms://b": w.serviceKey2},
		PublicRoot: func() []byte { return []byte("public") },
	}
}

// evidenceFor is clean evidence, with a signature by the signer under each anchor of the policy, and with its layouts followed.
func (w *world) evidenceFor(t *testing.T, p policy.Policy, signer evidence.Signer) evidence.Evidence {
	t.Helper()
	about := image.DigestOf([]byte("image"))
	e := evidence.Evidence{
		Image: image.Reference{Digest: about},
		Platforms: []evidence.Platform{{
			Inventory: evidence.Checked(evidence.Inventory{Packages: 1}),
			Findings:  evidence.Checked([]evidence.Finding{{ID: "CVE-2026-1", Package: "a", Version: "1", PURL: "pkg:npm/a@1", Severity: evidence.SeverityHigh}}),
		}},
		Signed: map[string]evidence.Statements{}, Layouts: map[string]evidence.Fact[evidence.LayoutResult]{},
	}
	set, err := w.resolver().Resolve(t.Context(), []policy.Policy{p})
	if err != nil {
		t.Fatal(err)
	}
	for _, anchor := range set.Anchors {
		e.Signed[anchor.ID()] = evidence.Statements{Rest: evidence.Checked(""), Signed: []evidence.Signed{
			{PredicateType: evidence.SignaturePredicate, Manifests: []image.Digest{about}, Signer: signer},
		}}
	}
	for _, l := range set.Layouts {
		e.Layouts[l.ID()] = evidence.Checked(evidence.LayoutResult{Passed: true})
	}
	return e
}

// TestEachFieldFlipsTheVerdict has a row for every field that is read by the resolver and not by the judge: one that changes flips the
// verdict on an image that is trusted before. The judge's own fields stand in the test of that name in package policy.
func TestEachFieldFlipsTheVerdict(t *testing.T) {
	w := newWorld(t)
	for path, test := range w.flips() {
		t.Run(path, func(t *testing.T) {
			collected := w.evidenceFor(t, test.before, test.signer)
			judge := func(spec v1alpha1.PolicySpec) policy.Verdict {
				t.Helper()
				p := test.before
				p.Spec = spec
				set, err := w.resolver().Resolve(t.Context(), []policy.Policy{p})
				if err != nil {
					t.Fatal(err)
				}
				return policy.Judge(set.Policies, collected, policy.Circumstances{Now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)})
			}
			if before := judge(test.before.Spec); before.Outcome != policy.Trusted {
				t.Fatalf("before: %s: %s", before.Outcome, before.Message())
			}
			changed := test.before.Spec.DeepCopy()
			test.change(changed)
			if after := judge(*changed); after.Outcome != test.after {
				t.Errorf("after: %s: %s", after.Outcome, after.Message())
			}
		})
	}
}

// TestEveryResolvedFieldFlipsAVerdict holds that no field is forgotten in the table.
func TestEveryResolvedFieldFlipsAVerdict(t *testing.T) {
	rows := newWorld(t).flips()
	for _, path := range fieldPaths("", reflect.TypeFor[v1alpha1.PolicySpec]()) {
		resolved := strings.HasPrefix(path, "authorities") || strings.HasPrefix(path, "layouts[].layout") || strings.HasPrefix(path, "layouts[].keys") ||
			strings.HasPrefix(path, "vulnerabilities.vex[].configMapKeyRef")
		if _, row := rows[path]; row != resolved {
			t.Errorf("%s: has a row: %t, is resolved here: %t", path, row, resolved)
		}
		delete(rows, path)
	}
	for path := range rows {
		t.Errorf("%s is no field", path)
	}
}

// fieldPaths returns the paths of all fields below a type.
func fieldPaths(path string, of reflect.Type) []string {
	switch of.Kind() {
	case reflect.Pointer:
		return fieldPaths(path, of.Elem())
	case reflect.Slice:
		return fieldPaths(path+"[]", of.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var all []string
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		below := strings.TrimPrefix(path+"."+name, ".")
		all = append(append(all, below), fieldPaths(below, of.Field(i).Type)...)
	}
	return all
}

func (w *world) flips() map[string]flip {
	rows := map[string]flip{}
	maps.Copy(rows, w.keyFlips())
	maps.Copy(rows, w.keylessFlips())
	maps.Copy(rows, w.chainFlips())
	maps.Copy(rows, w.layoutFlips())
	stated := stating(namespaced, "vex", "a")
	stated.Spec.Vulnerabilities.Block = []v1alpha1.BlockRule{{Name: "all", MinSeverity: v1alpha1.SeverityLow}}
	source := func(change func(*v1alpha1.VEXSource), after policy.Outcome) flip {
		return flip{stated, evidence.Signer{}, func(s *v1alpha1.PolicySpec) { change(&s.Vulnerabilities.VEX[0]) }, after}
	}
	const vex = "vulnerabilities.vex[].configMapKeyRef"
	rows[vex] = source(func(s *v1alpha1.VEXSource) { s.ConfigMapKeyRef = nil }, policy.Undetermined)
	rows[vex+".name"] = source(func(s *v1alpha1.VEXSource) { s.ConfigMapKeyRef.Name = "vex-b" }, policy.Rejected)
	rows[vex+".key"] = source(func(s *v1alpha1.VEXSource) { s.ConfigMapKeyRef.Key = "b" }, policy.Rejected)
	return rows
}
