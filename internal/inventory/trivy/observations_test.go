// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

var layerA, layerB = image.DigestOf([]byte("A")), image.DigestOf([]byte("B"))

// layerOf is a layer with the entries, of which nothing was observed.
func layerOf(entries ...string) *layerResult {
	layer := &layerResult{}
	for _, entry := range entries {
		layer.entries = append(append(layer.entries, entry...), 0)
	}
	return layer
}

func TestObservationsFollowTheLayers(t *testing.T) {
	lower := layerOf()
	for _, file := range []string{"replaced", "a/removed", "b/c/removed", "d/e/opaque", "kept", "d/kept"} {
		lower.problem(file, "lower")
	}
	lower.observe("jar", observation{path: "jar/inner", jar: &inventory.Jar{Path: "jar/inner"}})
	upper := layerOf("replaced", "a/.wh.removed", ".wh.b", "no/.wh.such", "d/e/.wh..wh..opq", "d/e/opaque")
	upper.problem("d/e/opaque", "upper")

	var o observations
	o.lay(*lower, layerA)
	o.lay(*upper, layerB)
	problems, jars := o.all()
	slices.SortFunc(problems, func(a, b inventory.Problem) int { return strings.Compare(a.Path, b.Path) })
	if diff := cmp.Diff([]inventory.Problem{
		{Path: "d/e/opaque", Message: "upper"}, {Path: "d/kept", Message: "lower"}, {Path: "kept", Message: "lower"},
	}, problems); diff != "" {
		t.Error(diff)
	}
	if len(jars) != 1 || jars[0] != (inventory.Jar{Path: "jar/inner", Layer: layerA}) {
		t.Errorf("jars: %v", jars)
	}

	o.lay(*layerOf(".wh..wh..opq"), layerB)
	if problems, jars := o.all(); len(problems)+len(jars) > 0 {
		t.Errorf("left after all was removed: %v %v", problems, jars)
	}
}

// What cannot be remembered cannot be found again, so no upper layer makes up for it.
func TestTooManyObservations(t *testing.T) {
	layer := layerOf()
	for i := range maxObserved + 1 {
		layer.problem(fmt.Sprint(i), "unparseable")
	}
	var o observations
	o.lay(*layer, layerA)
	o.lay(*layerOf(".wh..wh..opq"), layerB)
	problems, _ := o.all()
	if diff := cmp.Diff([]inventory.Problem{{Message: "more files than can be listed cannot be parsed"}}, problems); diff != "" {
		t.Error(diff)
	}
}
