// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryFaultIsUsed fails for a named fault that no test meets. A test meets it in fault_test.go, where each is driven
// through a real client, or in any other package's test by registry.Name. Those that only fault_test.go meets are logged.
func TestEveryFaultIsUsed(t *testing.T) {
	here, elsewhere := usesOfFaults(t, filepath.Join("..", ".."))
	for _, fault := range declaredFaults(t) {
		switch {
		case elsewhere[fault]:
		case here[fault]:
			t.Logf("%s is met in this package only", fault)
		default:
			t.Errorf("no test meets the fault %s: write one in fault_test.go or remove it", fault)
		}
	}
}

// declaredFaults are the names of the constants in fault.go.
func declaredFaults(t *testing.T) (names []string) {
	t.Helper()
	ast.Inspect(parse(t, "fault.go"), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			names = append(names, spec.Names[0].Name)
		}
		return true
	})
	if len(names) == 0 {
		t.Fatal("no faults are declared")
	}
	return names
}

// usesOfFaults collects the names that fault_test.go speaks of, and those that other packages' tests speak of.
func usesOfFaults(t *testing.T, root string) (here, elsewhere map[string]bool) {
	t.Helper()
	here, elsewhere = map[string]bool{}, map[string]bool{}
	ast.Inspect(parse(t, "fault_test.go"), func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			here[id.Name] = true
		}
		return true
	})
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"bin", ".git"}, d.Name()):
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			collectSelectors(parse(t, path), elsewhere)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return here, elsewhere
}

// collectSelectors adds the Name of every registry.Name in a file that imports this package, under whatever name.
func collectSelectors(file *ast.File, into map[string]bool) {
	local := ""
	for _, spec := range file.Imports {
		if spec.Path.Value != `"github.com/assay-dev/assay/test/registry"` {
			continue
		}
		local = "registry"
		if spec.Name != nil {
			local = spec.Name.Name
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && local != "" && x.Name == local {
				into[sel.Sel.Name] = true
			}
		}
		return true
	})
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
