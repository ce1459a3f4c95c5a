// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/test/images"
)

// Policies refuse licences, so inventories tell them where the package says them.
func TestLicences(t *testing.T) {
	jar := archive(t, "META-INF/maven/g/a/pom.properties", "groupId=g\nartifactId=a\nversion=1\n",
		"META-INF/maven/g/a/pom.xml", "<project><licenses><license><name>Apache License, Version 2.0</name></license></licenses></project>")
	x := newIndexer(t, sandbox.Options{})
	for name, test := range map[string]struct {
		files []images.File
		want  map[string][]string
	}{
		"Debian": {debian(text("var/lib/dpkg/status", bash+zlib), text("usr/share/doc/bash/copyright", "License: GPL-3+\n"),
			text("usr/share/doc/zlib1g/copyright", "On Debian systems see /usr/share/common-licenses/GPL-2\n")),
			map[string][]string{"bash": {"GPL-3.0-or-later"}, "zlib1g": {"GPL-2.0-only"}}},
		"Alpine": {alpine(text(apkInstalled, "P:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\n\nP:busybox\nV:1.36.1-r2\nA:x86_64\nL:GPL-2.0-only\n\n")),
			map[string][]string{"musl": {"MIT"}, "busybox": {"GPL-2.0-only"}}},
		"npm":    {[]images.File{text(lodashFile, `{"name":"lodash","version":"4.17.20","license":"MIT"}`)}, map[string][]string{"lodash": {"MIT"}}},
		"Python": {[]images.File{text("usr/local/lib/jinja2-3.0.dist-info/METADATA", "Name: jinja2\nVersion: 3.0\nLicense: BSD-3-Clause\n\n")}, map[string][]string{"jinja2": {"BSD-3-Clause"}}},
		"Ruby": {[]images.File{text("gems/specifications/rake-13.gemspec", "Gem::Specification.new do |s|\n s.name = \"rake\".freeze\n s.version = \"13.0\"\n s.licenses = [\"MIT\".freeze]\nend\n")},
			map[string][]string{"rake": {"MIT"}}},
		"Java": {[]images.File{{Path: "a-1.jar", Body: jar}}, map[string][]string{"g:a": {"Apache-2.0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := x.Index(t.Context(), sourceOf(t, images.Build(t, layered(test.files))))
			if err != nil {
				t.Fatal(err)
			}
			detail := detailOf(t, got)
			packages := detail.Packages
			for _, app := range detail.Applications {
				packages = append(packages, app.Packages...)
			}
			licences := map[string][]string{}
			for _, p := range packages {
				licences[p.Name] = slices.Clone(p.Licenses)
			}
			if diff := cmp.Diff(test.want, licences); diff != "" {
				t.Error(diff)
			}
		})
	}
}
