// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentify(t *testing.T) {
	i := Inventory{Jars: []Jar{{Path: "a.jar"}, {Path: "b.jar", Named: true}, {Path: "c.jar", Claimed: true}, {Path: "d.jar"}}}
	for _, test := range []struct {
		naming Naming
		want   []string
	}{
		{Naming{}, []string{"a.jar", "d.jar"}},
		{Naming{Database: "1", Jars: []int{0}}, []string{"d.jar"}},
		{Naming{Database: "2", Jars: []int{0, 1, 3}}, nil},
		{Naming{Database: "3"}, []string{"a.jar", "d.jar"}}, // what one database said before is forgotten
	} {
		i.Identify(test.naming)
		if diff := cmp.Diff(test.want, i.Unidentified); diff != "" || i.Naming.Database != test.naming.Database {
			t.Errorf("by %q: %s", i.Naming.Database, diff)
		}
	}
	for n := range 50 {
		i.Jars = append(i.Jars, Jar{Path: fmt.Sprintf("e%02d.jar", n)})
	}
	if i.Identify(Naming{}); len(i.Unidentified) != maxUnidentified || i.Unidentified[19] != "e17.jar" {
		t.Errorf("unidentified are %v", i.Unidentified)
	}
}

func TestParts(t *testing.T) {
	i := Inventory{Detail: []byte("1"), Hidden: []byte("3"), Naming: Naming{Detail: []byte("2"), Hidden: []byte("4")}}
	want := []Part{{[]byte("1"), false}, {[]byte("2"), false}, {[]byte("3"), true}, {[]byte("4"), true}}
	if diff := cmp.Diff(want, i.Parts()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:1], Inventory{Detail: []byte("1")}.Parts()); diff != "" {
		t.Error(diff)
	}
}
