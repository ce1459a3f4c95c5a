// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/test/images"
)

// packagesOf returns the packages that count normally and those that only comprehensive detection gives.
func packagesOf(t *testing.T, i inventory.Inventory) (plain, hidden []string) {
	t.Helper()
	for _, part := range i.Parts() {
		var detail ftypes.ArtifactDetail
		if err := json.Unmarshal(part.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		listed := &plain
		if part.Comprehensive {
			listed = &hidden
		}
		for _, p := range detail.Packages {
			*listed = append(*listed, fmt.Sprintf("%s %s", p.Name, p.Version))
		}
		for _, app := range detail.Applications {
			for _, p := range app.Packages {
				if p.Identifier.UID == "" || p.Layer.DiffID == "" {
					t.Errorf("%s of %s lacks what others have: %+v", p.Name, app.Type, p)
				}
				*listed = append(*listed, fmt.Sprintf("%s %s %s", app.Type, p.Name, p.Version))
			}
		}
	}
	slices.Sort(plain)
	slices.Sort(hidden)
	return plain, hidden
}

const (
	lodashFile   = "app/node_modules/lodash/package.json"
	jinja        = "usr/lib/python3/dist-packages/jinja2-3.0.dist-info/METADATA"
	jinjaContent = "Metadata-Version: 2.1\nName: jinja2\nVersion: 3.0\n\n"
	musl         = "P:musl\nV:1.2.5-r0\nA:x86_64\n"
)

// sbomOf is a CycloneDX document of an application at a path with packages.
func sbomOf(kind, path string, packages ...string) string {
	document := map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}
	var components, dependencies []any
	var refs []string
	if kind != "" {
		components = append(components, map[string]any{
			"bom-ref": "app", "type": "application", "name": path,
			"properties": []any{map[string]any{"name": "aquasecurity:trivy:Type", "value": kind}, map[string]any{"name": "aquasecurity:trivy:Class", "value": "lang-pkgs"}},
		})
	}
	for _, purl := range packages {
		refs = append(refs, purl)
		_, name, _ := strings.Cut(purl, "/")
		name, version, _ := strings.Cut(name, "@")
		components = append(components, map[string]any{
			"bom-ref": purl, "type": "library", "name": name, "version": version, "purl": purl,
			"properties": []any{map[string]any{"name": "aquasecurity:trivy:FilePath", "value": path}},
		})
	}
	dependencies = append(dependencies, map[string]any{"ref": "app", "dependsOn": refs})
	document["components"], document["dependencies"] = components, dependencies
	encoded, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

func TestWhatAnImageHides(t *testing.T) {
	x := newIndexer(t, sandbox.Options{})
	jar := archive(t, "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties", "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n")
	log4j := images.File{Path: "app/log4j-core-2.14.1.jar", Body: jar}
	nameless := images.File{Path: "app/x.jar", Body: archive(t)}
	for name, test := range map[string]struct {
		layers        [][]images.File
		plain, hidden []string
		unidentified  []string
	}{
		"nothing": {[][]images.File{{text(lodashFile, lodash)}}, []string{"node-pkg lodash 4.17.20"}, nil, nil},
		"packages of npm that a list of dpkg names": {[][]images.File{debian(
			text("var/lib/dpkg/status", bash), text("var/lib/dpkg/info/bash.list", "/.\n/"+lodashFile+"\n"),
			text("var/lib/dpkg/info/bash.md5sums", "00  "+lodashFile+"\n"), text(lodashFile, lodash))},
			[]string{"bash 5.2.15"}, []string{"node-pkg lodash 4.17.20"}, nil},
		"packages of npm that apk names": {[][]images.File{alpine(
			text(apkInstalled, musl+"F:app/node_modules/lodash\nR:package.json\n\n"), text(lodashFile, lodash))},
			[]string{"musl 1.2.5-r0"}, []string{"node-pkg lodash 4.17.20"}, nil},
		"packages of Python that apk names": {[][]images.File{alpine(
			text(apkInstalled, musl+"F:usr/lib/python3/dist-packages/jinja2-3.0.dist-info\nR:METADATA\n\n"), text(jinja, jinjaContent))},
			[]string{"musl 1.2.5-r0"}, []string{"python-pkg jinja2 3.0"}, nil},
		"packages of Python that dpkg names": {[][]images.File{debian(
			text("var/lib/dpkg/status", bash), text("var/lib/dpkg/info/bash.md5sums", "00  "+jinja+"\n"), text(jinja, jinjaContent))},
			[]string{"bash 5.2.15"}, []string{"python-pkg jinja2 3.0"}, nil},
		"jars that apk names": {[][]images.File{alpine(text(apkInstalled, musl+"F:app\nR:log4j-core-2.14.1.jar\nR:x.jar\n\n"), log4j, nameless)},
			[]string{"musl 1.2.5-r0"}, []string{"jar org.apache.logging.log4j:log4j-core 2.14.1"}, nil},
		"jars that dpkg names": {[][]images.File{debian(text("var/lib/dpkg/status", bash),
			text("var/lib/dpkg/info/bash.md5sums", "00  "+log4j.Path+"\n00  "+nameless.Path+"\n"), log4j, nameless)},
			[]string{"bash 5.2.15"}, []string{"jar org.apache.logging.log4j:log4j-core 2.14.1"}, nil},
		"jars that nobody names": {[][]images.File{{log4j, nameless}},
			[]string{"jar org.apache.logging.log4j:log4j-core 2.14.1"}, nil, []string{nameless.Path}},
		"a jar that an SBOM calls otherwise": {[][]images.File{{log4j, text("app/sbom.cdx.json", sbomOf("jar", log4j.Path, "pkg:maven/g/harmless@9"))}},
			[]string{"jar g:harmless 9"}, []string{"jar org.apache.logging.log4j:log4j-core 2.14.1"}, nil},
		"a package that an SBOM in the same layer calls otherwise": {[][]images.File{{text(lodashFile, lodash),
			text("app/sbom.cdx.json", sbomOf("", lodashFile, "pkg:npm/harmless@9"))}},
			[]string{"node-pkg harmless 9", "node-pkg lodash 4.17.20"}, nil, nil},
		"a package that an SBOM in a later layer calls otherwise": {[][]images.File{
			{text("srv/composer/installed.json", `{"packages":[{"name":"a/b","version":"1.0.0"}]}`)},
			{text("sbom.cdx.json", sbomOf("composer-vendor", "srv/composer/installed.json", "pkg:composer/c/d@9"))}},
			[]string{"composer-vendor c/d 9"}, []string{"composer-vendor a/b 1.0.0"}, nil},
		"a package that an SBOM of nothing takes the place of": {[][]images.File{
			{text("srv/composer/installed.json", `{"packages":[{"name":"a/b","version":"1.0.0"}]}`)},
			{text("sbom.cdx.json", sbomOf("composer-vendor", "srv/composer/installed.json"))}},
			nil, []string{"composer-vendor a/b 1.0.0"}, nil},
		"packages of the system that an SBOM takes the place of": {[][]images.File{
			debian(text("var/lib/dpkg/status", bash), text("var/lib/dpkg/status.d/zlib", zlib)),
			{text("sbom.cdx.json", sbomOf("ospkg", "var/lib/dpkg/status"))}},
			[]string{"zlib1g 1.2.13.dfsg"}, []string{"bash 5.2.15"}, nil},
		"an SBOM that says what is there": {[][]images.File{{log4j, text("app/sbom.cdx.json",
			sbomOf("jar", log4j.Path, "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"))}},
			[]string{"jar org.apache.logging.log4j:log4j-core 2.14.1"}, nil, nil},
		"an SBOM that a list of apk names": {[][]images.File{alpine(text(apkInstalled, musl+"F:app\nR:sbom.cdx.json\n\n"),
			text("app/sbom.cdx.json", sbomOf("", "", "pkg:npm/lodash@4.17.20")))},
			[]string{"musl 1.2.5-r0"}, []string{"node-pkg lodash 4.17.20"}, nil},
		"what a later layer removes": {[][]images.File{
			alpine(text(apkInstalled, musl+"F:app/node_modules/lodash\nR:package.json\n\n"), text(lodashFile, lodash)), {text("app/.wh.node_modules", "")}},
			[]string{"musl 1.2.5-r0"}, nil, nil},
		"what a later layer shows": {[][]images.File{
			alpine(text(apkInstalled, musl+"F:app/node_modules/lodash\nR:package.json\n\n"), text(lodashFile, lodash)), {text(lodashFile, lodash)}},
			[]string{"musl 1.2.5-r0", "node-pkg lodash 4.17.20"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := x.Index(t.Context(), sourceOf(t, images.Build(t, layered(test.layers...))))
			if err != nil {
				t.Fatal(err)
			}
			plain, hidden := packagesOf(t, got)
			if diff := cmp.Diff([][]string{test.plain, test.hidden, test.unidentified}, [][]string{plain, hidden, got.Unidentified}); diff != "" {
				t.Errorf("%s problems %v", diff, got.Problems)
			}
		})
	}
}

// What is wrong with a claimed file is wrong all the same.
func TestAClaimedFileThatCannotBeParsed(t *testing.T) {
	got, err := newIndexer(t, sandbox.Options{}).Index(t.Context(), sourceOf(t, images.Build(t, func() (v1.Image, error) {
		return layered(alpine(text(apkInstalled, musl+"F:app\nR:x.jar\n\n"), text("app/x.jar", "no archive")))()
	})))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]inventory.Problem{{Path: "app/x.jar", Message: "the archive cannot be read"}}, got.Problems); diff != "" {
		t.Error(diff)
	}
}
