// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/inventory"
)

func TestObservationsFollowTheLayers(t *testing.T) {
	o := newObservations()
	for _, file := range []string{"replaced", "a/removed", "b/c/removed", "d/e/opaque", "kept", "d/kept"} {
		o.problem(file, "lower")
	}
	o.add("jar", observation{path: "jar/inner"})
	o.endLayer(nil, nil)

	o.replace("replaced")
	o.problem("d/e/opaque", "upper")
	o.endLayer([]string{"a/removed", "b", "no/such"}, []string{"d/e/"})

	problems, unidentified := o.all()
	slices.SortFunc(problems, func(a, b inventory.Problem) int { return strings.Compare(a.Path, b.Path) })
	if diff := cmp.Diff([]inventory.Problem{
		{Path: "d/e/opaque", Message: "upper"}, {Path: "d/kept", Message: "lower"}, {Path: "kept", Message: "lower"},
	}, problems); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"jar/inner"}, unidentified); diff != "" {
		t.Error(diff)
	}

	o.endLayer(nil, []string{""})
	if problems, unidentified := o.all(); len(problems)+len(unidentified) > 0 {
		t.Errorf("left after all was removed: %v %v", problems, unidentified)
	}
}

// What cannot be remembered cannot be found again, so no upper layer makes up for it.
func TestTooManyObservations(t *testing.T) {
	o := newObservations()
	for i := range maxObservations + 1 {
		o.problem(fmt.Sprint(i), "unparseable")
	}
	o.endLayer(nil, nil)
	o.endLayer(nil, []string{""})
	problems, _ := o.all()
	if diff := cmp.Diff([]inventory.Problem{{Message: "more files than can be listed cannot be parsed"}}, problems); diff != "" {
		t.Error(diff)
	}
}
