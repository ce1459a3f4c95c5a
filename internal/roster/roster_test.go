// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package roster_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/roster"
)

func name(text string) types.NamespacedName {
	return types.NamespacedName{Namespace: "dev", Name: text}
}

func digest(text string) image.Digest { return image.DigestOf([]byte(text)) }

func using(r *roster.Roster, manifests ...string) []string {
	digests := make([]image.Digest, 0, len(manifests))
	for _, manifest := range manifests {
		digests = append(digests, digest(manifest))
	}
	names := []string{}
	for _, n := range r.Using(digests) {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names
}

func TestWhoeverStandsOnAManifestIsFoundByIt(t *testing.T) {
	r := roster.New()
	r.Stand(name("a"), []image.Digest{digest("1"), digest("2"), digest("1")})
	r.Stand(name("b"), []image.Digest{digest("2")})
	for _, test := range []struct{ manifests, want []string }{
		{[]string{"1"}, []string{"a"}},
		{[]string{"1", "2"}, []string{"a", "b"}},
		{[]string{"3"}, []string{}},
		{nil, []string{}},
	} {
		if diff := cmp.Diff(test.want, using(r, test.manifests...)); diff != "" {
			t.Errorf("users of %v (-want +got):\n%s", test.manifests, diff)
		}
	}
	r.Stand(name("a"), []image.Digest{digest("3")})
	if got := using(r, "1", "2"); !slices.Equal(got, []string{"b"}) || r.Used(digest("1")) || !r.Used(digest("3")) {
		t.Errorf("after a moved on, %v use its old manifests", got)
	}
	r.Judged(name("a"), false, []roster.Use{{Policy: "base"}})
	if policies := r.Forget(name("a")); !slices.Equal(policies, []string{"base"}) {
		t.Errorf("the policies that lost an object are %v", policies)
	}
	r.Forget(name("never there"))
	if r.Used(digest("3")) || r.Len() != 1 {
		t.Errorf("an object that is no more stands on a manifest; %d objects", r.Len())
	}
}

func TestPoliciesAreToldWhenTheirUseChanges(t *testing.T) {
	exception := v1alpha1.ExceptionReference{ID: "CVE-2026-0001", Package: "pkg:deb/debian/openssl"}
	r := roster.New()
	for _, step := range []struct {
		uses    []roster.Use
		changed []string
	}{
		{nil, nil},
		{[]roster.Use{{Policy: "base", Generation: 1}, {Policy: "dev/own", Generation: 1}}, []string{"base", "dev/own"}},
		{[]roster.Use{{Policy: "dev/own", Generation: 1}, {Policy: "base", Generation: 1}}, nil},
		{[]roster.Use{{Policy: "base", Generation: 2}, {Policy: "dev/own", Generation: 1}}, []string{"base"}},
		{[]roster.Use{{Policy: "base", Generation: 2, Exceptions: []v1alpha1.ExceptionReference{exception}}}, []string{"base", "dev/own"}},
		{nil, nil},
	} {
		if diff := cmp.Diff(step.changed, r.Judged(name("a"), false, step.uses)); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
	}
	if use, judged := r.Use(name("a"), "base"); !judged || use.Generation != 2 || len(use.Exceptions) != 1 {
		t.Errorf("got %+v, %v", use, judged)
	}
	for _, test := range []struct{ object, policy string }{{"a", "dev/own"}, {"b", "base"}} {
		if _, judged := r.Use(name(test.object), test.policy); judged {
			t.Errorf("%s was judged under %s", test.object, test.policy)
		}
	}
}

func TestOpenJudgementsAreFoundUntilTheyAreDecided(t *testing.T) {
	r := roster.New()
	r.Judged(name("a"), true, nil)
	r.Judged(name("b"), false, nil)
	if got := r.Open(); len(got) != 1 || got[0] != name("a") {
		t.Errorf("open: %v", got)
	}
	r.Judged(name("a"), false, []roster.Use{})
	if got := r.Open(); len(got) != 0 {
		t.Errorf("open: %v", got)
	}
}

// BenchmarkMemory tells what 10,000 objects cost, each with three manifests, of which one is shared, and two policies.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := roster.New()
		for i := range 10_000 {
			n := types.NamespacedName{Namespace: fmt.Sprintf("team-%d", i%100), Name: fmt.Sprintf("image-%d", i)}
			r.Stand(n, []image.Digest{digest(fmt.Sprint(i)), digest(fmt.Sprint(-i)), digest(fmt.Sprint("base", i%40))})
			r.Judged(n, false, []roster.Use{{Policy: "base", Generation: 1}, {Policy: n.Namespace + "/own", Generation: 3}})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/10_000, "B/object")
		runtime.KeepAlive(r)
	}
}

func TestThoseWithJarsAreFound(t *testing.T) {
	r := roster.New()
	r.NoteJars(name("a"), true)
	r.NoteJars(name("b"), true)
	r.NoteJars(name("c"), false)
	r.NoteJars(name("b"), false)
	if got := r.WithJars(); !slices.Equal(got, []types.NamespacedName{name("a")}) {
		t.Errorf("got %v", got)
	}
	r.Forget(name("a"))
	if got := r.WithJars(); len(got) != 0 {
		t.Errorf("got %v of those that are no more", got)
	}
}
