// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package docs tests that the documentation says what the code does.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// kinds and the pages that document their fields. The second page of a kind has what it shares with another one.
var kinds = map[string]struct {
	object any
	pages  []string
	crd    string
}{
	"TrustedImage":       {v1alpha1.TrustedImage{}, []string{"spec/trustedimage.md"}, "assay.dev_trustedimages.yaml"},
	"ImagePolicy":        {v1alpha1.ImagePolicy{}, []string{"spec/imagepolicy.md"}, "assay.dev_imagepolicies.yaml"},
	"ClusterImagePolicy": {v1alpha1.ClusterImagePolicy{}, []string{"spec/clusterimagepolicy.md", "spec/imagepolicy.md"}, "assay.dev_clusterimagepolicies.yaml"},
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// pages are all of the documentation.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob("*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(all, below...)
}

func TestEveryFieldIsDocumented(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			var text string
			for _, page := range kind.pages {
				text += read(t, page)
			}
			object := reflect.TypeOf(kind.object)
			for _, part := range []string{"Spec", "Status"} {
				field, _ := object.FieldByName(part)
				for _, path := range fields(strings.ToLower(part), field.Type, sources...) {
					if !strings.Contains(text, "`"+path+"`") && !strings.Contains(text, "`"+path+":") {
						t.Errorf("%s does not document `%s`", kind.pages[0], path)
					}
				}
			}
		})
	}
}

func TestWhereATextMayStandIsDocumented(t *testing.T) {
	places := section(t, read(t, "spec/imagepolicy.md"), "### Where a text stands")
	for _, source := range sources {
		for _, path := range fields("source", source) {
			if place := strings.TrimPrefix(path, "source."); !strings.Contains(places, "`"+place+"`") {
				t.Errorf("imagepolicy.md does not say that a text may stand in `%s`", place)
			}
		}
	}
}

// sources say where a text stands. The fields below them are documented once for all.
var sources = []reflect.Type{reflect.TypeFor[v1alpha1.TextSource](), reflect.TypeFor[v1alpha1.DocumentSource]()}

// fields returns the paths of all fields below the path, but for those of some types. What trusted digests and candidates have in
// common is documented once, for candidates.
func fields(path string, of reflect.Type, but ...reflect.Type) []string {
	switch {
	case of == reflect.TypeFor[metav1.Condition](), slices.Contains(but, of):
		return nil
	case of.Kind() == reflect.Pointer:
		return fields(path, of.Elem(), but...)
	case of.Kind() == reflect.Slice:
		return fields(path+"[]", of.Elem(), but...)
	case of.Kind() != reflect.Struct:
		return nil
	}
	var all []string
	for i := range of.NumField() {
		tag, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if tag == "" && strings.Contains(options, "inline") {
			all = append(all, fields(path, of.Field(i).Type, but...)...)
			continue
		}
		below := path + "." + tag
		all = append(all, below)
		switch below {
		case "status.history", "status.trusted.findings", "status.trusted.worst", "status.trusted.rules",
			"status.trusted.excused", "status.trusted.scan", "status.trusted.reports", "status.trusted.signers":
		default:
			all = append(all, fields(below, of.Field(i).Type, but...)...)
		}
	}
	return all
}

// constants returns the values of the conditions and of the reasons, from the source.
func constants(t *testing.T) (conditions, reasons []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../api/v1alpha1/condition_types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		switch name := spec.Names[0].Name; {
		case strings.HasSuffix(name, "Condition"):
			conditions = append(conditions, value)
		case strings.HasPrefix(name, "Reason"):
			reasons = append(reasons, value)
		default:
			t.Errorf("%s is neither a condition nor a reason", name)
		}
		return true
	})
	return conditions, reasons
}

// listed matches the first cell of a row when it is one word in backquotes.
var listed = regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]*)` \\|")

func TestConditionsAndReasonsAreDocumented(t *testing.T) {
	conditions, reasons := constants(t)
	page := read(t, "spec/trustedimage.md")
	for _, of := range []struct {
		heading string
		want    []string
	}{
		{"## Conditions", conditions},
		{"### Reasons", reasons},
	} {
		var got []string
		for _, match := range listed.FindAllStringSubmatch(section(t, page, of.heading), -1) {
			got = append(got, match[1])
		}
		slices.Sort(got)
		want := slices.Sorted(slices.Values(of.want))
		if !slices.Equal(got, want) {
			t.Errorf("%s has\n%v\nand the code\n%v", of.heading, got, want)
		}
	}
	policies := read(t, "spec/imagepolicy.md")
	for _, match := range listed.FindAllStringSubmatch(section(t, policies, "## Status"), -1) {
		if !slices.Contains(append(conditions, reasons...), match[1]) {
			t.Errorf("imagepolicy.md documents %s, which the code does not have", match[1])
		}
	}
}

// section returns what stands below the heading, until the next one.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, below, found := strings.Cut(page, "\n"+heading+"\n")
	if !found {
		t.Fatalf("there is no heading %q", heading)
	}
	if i := strings.Index(below, "\n#"); i >= 0 {
		return below[:i]
	}
	return below
}

func TestColumnsAreDocumented(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			var definition struct {
				Spec struct {
					Versions []struct {
						AdditionalPrinterColumns []struct{ Name string }
					}
				}
			}
			if err := yaml.Unmarshal([]byte(read(t, "../config/crd/bases/"+kind.crd)), &definition); err != nil {
				t.Fatal(err)
			}
			seen := section(t, read(t, kind.pages[0]), "## What a person sees")
			columns := definition.Spec.Versions[0].AdditionalPrinterColumns
			for _, column := range columns {
				if !strings.Contains(seen, "\n| "+column.Name+" |") {
					t.Errorf("%s does not document the column %s", kind.pages[0], column.Name)
				}
			}
			if len(columns) == 0 {
				t.Error("the definition has no columns")
			}
		})
	}
}

// link matches links to files of the project.
var link = regexp.MustCompile(`\]\(([^):]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range append(pages(t), "../CONTRIBUTING.md", "../SECURITY.md", "../CHANGELOG.md") {
		for _, match := range link.FindAllStringSubmatch(read(t, page), -1) {
			path, anchor, _ := strings.Cut(match[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links %s, which does not exist", page, match[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s links %s, which has no such heading", page, match[1])
			}
		}
	}
}

// room matches the path of a folder or file of the project in backquotes.
var room = regexp.MustCompile("`((?:api|cmd|config|controllers|internal|test)(?:/[-a-z0-9/]+)?)`")

func TestRoomsAreThoseThatExist(t *testing.T) {
	var described []string
	for _, match := range room.FindAllStringSubmatch(read(t, "architecture.md"), -1) {
		described = append(described, match[1])
		if _, err := os.Stat(filepath.Join("..", match[1])); err != nil {
			t.Errorf("architecture.md speaks of %s, which does not exist", match[1])
		}
	}
	for _, pattern := range []string{"cmd/*", "controllers/*", "internal/*"} {
		paths, err := filepath.Glob("../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			path = filepath.ToSlash(strings.TrimPrefix(path, "../"))
			if filepath.Ext(path) == "" && path != "cmd/internal" && !slices.Contains(described, path) {
				t.Errorf("architecture.md does not say what %s holds", path)
			}
		}
	}
}

// anchors returns the names that headings can be linked by.
func anchors(page string) []string {
	var names []string
	for line := range strings.Lines(page) {
		if title, found := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); found && strings.HasPrefix(line, "#") {
			name := strings.ToLower(strings.TrimSpace(title))
			names = append(names, strings.ReplaceAll(strings.Map(func(r rune) rune {
				if r == ' ' || r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
					return r
				}
				return -1
			}, name), " ", "-"))
		}
	}
	return names
}
