// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const analyzers = "github.com/aquasecurity/trivy/pkg/fanal/analyzer/"

// leftOut are the analyzers of trivy that are not linked, with the reason.
var leftOut = map[string]string{
	"config/all":                 "configuration is not of packages",
	"executable":                 "it looks programs up over the network",
	"imgconf/apk":                "trivy does not use it by default",
	"imgconf/dockerfile":         "configuration is not of packages",
	"imgconf/secret":             "secrets",
	"language/c/conan":           "a lock file",
	"language/conda/environment": "a lock file",
	"language/dart/pub":          "a lock file",
	"language/elixir/mix":        "a lock file",
	"language/golang/mod":        "a lock file",
	"language/java/gradle":       "a lock file",
	"language/java/jar":          "it needs a database: there is one in this package",
	"language/java/pom":          "a lock file",
	"language/java/sbt":          "a lock file",
	"language/nodejs/bun":        "a lock file",
	"language/nodejs/npm":        "a lock file",
	"language/nodejs/pnpm":       "a lock file",
	"language/nodejs/yarn":       "a lock file",
	"language/python/pip":        "a lock file",
	"language/python/pipenv":     "a lock file",
	"language/python/poetry":     "a lock file",
	"language/python/pylock":     "a lock file",
	"language/python/uv":         "a lock file",
	"language/ruby/bundler":      "a lock file",
	"language/swift/cocoapods":   "a lock file",
	"language/swift/swift":       "a lock file",
	"licensing":                  "licences of files are not of packages",
	"secret":                     "secrets",
}

// TestEachAnalyzerIsLinkedOrLeftOut fails when another version of trivy has another analyzer, which this package then has
// to link as well or leave out for a reason.
func TestEachAnalyzerIsLinkedOrLeftOut(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", analyzers+"all").Output()
	if err != nil {
		t.Fatal(err)
	}
	trivys := importsOf(t, filepath.Join(strings.TrimSpace(string(output)), "import.go"))
	want := append(importsOf(t, "analyzers.go"), slices.Collect(maps.Keys(leftOut))...)
	slices.Sort(trivys)
	slices.Sort(want)
	if diff := cmp.Diff(want, trivys); diff != "" {
		t.Error(diff)
	}
}

// importsOf returns the analyzers that a file links, without what their paths have in common.
func importsOf(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, content, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, each := range parsed.Imports {
		path, err := strconv.Unquote(each.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(path, analyzers); ok && each.Name != nil && each.Name.Name == "_" {
			imports = append(imports, name)
		}
	}
	return imports
}
