// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/test/images"
)

const (
	dpkgStatus   = "var/lib/dpkg/status"
	apkInstalled = "lib/apk/db/installed"
	rpmManifest  = "var/lib/rpmmanifest/container-manifest-2"

	noDebian = "etc/os-release: no packages of debian can be found"
	noRocky  = "etc/os-release: no packages of rocky can be found"

	unparseable = ": the file describes packages and cannot be parsed"
)

// Of each of these databases trivy reads a part and says nothing of the rest.
func TestDatabasesOfWhichPackagesAreMissing(t *testing.T) {
	x := newIndexer(t, sandbox.Options{})
	const curl = "Package: curl\nStatus: install ok installed\n"
	rpm := func(name, vendor string) string {
		return name + "\t5.1-1.azl3\t1\t1\t" + vendor + "\t(none)\t1\tx86_64\t0\t" + name + "-5.1-1.azl3.src.rpm\n"
	}
	for name, test := range map[string]struct {
		files   []images.File
		path    string
		content string
		want    string
	}{
		"Windows' line ends": {debian(), dpkgStatus, strings.ReplaceAll(bash+zlib, "\n", "\r\n"),
			"1 of 2 packages cannot be read, the first is zlib1g@1:1.2.13.dfsg-1"},
		"a package without a version": {debian(), dpkgStatus, bash + curl,
			"1 of 2 packages cannot be read, the first is curl@"},
		"a version that is none": {debian(), dpkgStatus, bash + curl + "Version: one two\n",
			"1 of 2 packages cannot be read, the first is curl@one two"},
		"a source version that is none": {debian(), dpkgStatus, bash + curl + "Version: 7.88.1-10\nSource: curl (new)\n",
			"1 of 2 packages cannot be read, the first is curl@7.88.1-10"},
		"a package that is too long": {debian(), dpkgStatus, zlib + bash + curl + "Version: 7.88.1-10\nX: " + strings.Repeat("x", 200_000) + "\n",
			"3 of 3 packages cannot be read, the first is bash@5.2.15-2"},
		"two packages without a line between them": {debian(), dpkgStatus, strings.ReplaceAll(bash+zlib, "\n\n", "\n"),
			"line 5 repeats a field of the package before it"},
		"a line that is no field": {debian(), dpkgStatus, bash + "nonsense\n",
			"line 6 is not a field of a package"},
		"a field that continues none": {debian(), dpkgStatus, " nonsense\n\n" + bash,
			"line 1 is not a field of a package"},
		"a package without a name": {debian(text("var/lib/dpkg/status.d/bash", bash)), "var/lib/dpkg/status.d/curl", "Version: 1\n",
			"the package that ends before line 2 has no name"},
		"the database twice": {debian(text(dpkgStatus, bash)), dpkgStatus, zlib,
			"the package database is in the layer twice"},
		"a line of apk that is no field": {alpine(), apkInstalled, "P:musl\nV:1.2.5-r0\nnonsense\n\n",
			"line 3 is not a field of a package"},
		"a line of apk that is too long": {alpine(), apkInstalled, "P:musl\nV:1.2.5-r0\nD:" + strings.Repeat("x", 70_000) + "\n\nP:curl\nV:8.7.1-r0\n",
			"1 of 2 packages cannot be read, the first is curl@8.7.1-r0"},
		"a version of apk that is none": {alpine(), "usr/" + apkInstalled, "P:musl\nV:1.2.5-r0\n\nP:curl\nV:new\n\n",
			"1 of 2 packages cannot be read, the first is curl@new"},
		"one package of apk in two versions": {alpine(), apkInstalled, "P:musl\nV:1.2.5-r0\n\nP:musl\nV:1.2.3-r0\n\n",
			"1 of 2 packages cannot be read, the first is musl@1.2.3-r0"},
		"a line of an rpm manifest that is too long": {
			[]images.File{text("etc/os-release", "ID=azurelinux\nVERSION_ID=\"3.0\"\n")}, rpmManifest,
			rpm("bash", "Microsoft") + rpm("curl", strings.Repeat("x", 70_000)),
			"1 of 2 packages cannot be read, the first is curl"},
	} {
		t.Run(name, func(t *testing.T) {
			source := sourceOf(t, images.Build(t, layered(append(test.files, text(test.path, test.content)))))
			got, err := x.Index(t.Context(), source)
			if err != nil {
				t.Fatal(err)
			}
			want := test.path + ": " + test.want
			for _, problem := range summarize(t, got).Problems {
				if problem != want && problem != noDebian {
					t.Errorf("a problem is %q, want %q", problem, want)
				}
			}
			if len(got.Problems) == 0 {
				t.Errorf("no problem, want %q", want)
			}
		})
	}
}

func TestFilesThatCannotBeParsed(t *testing.T) {
	x := newIndexer(t, sandbox.Options{})
	for path, content := range map[string]string{
		"app/node_modules/lodash/package.json":                     `{"name":"lodash","version":"4.17.20",`,
		"srv/package.json":                                         `{"name":"a b","version":"1"}`,
		"opt/bitnami/redis/.spdx-redis.spdx":                       `{`,
		"app/sbom.cdx.json":                                        `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"x","purl":"no purl"}]}`,
		"usr/lib/python3/dist-packages/six-1.0.dist-info/METADATA": "Name: six\n",
		"usr/lib/ruby/gems/specifications/rake-1.gemspec":          "Gem::Specification.new do |s|\n",
		"app/Cargo.lock":                                           "[[",
		"app/packages.lock.json":                                   "{",
		"app/program.deps.json":                                    "{",
		"vendor/installed.json":                                    "{",
		"opt/envs/x/conda-meta/a-1-0.json":                         "{",
		"root/buildinfo/content_manifests/image.json":              "{",
		"app/six.egg":                                              "no zip file",
	} {
		t.Run(path, func(t *testing.T) {
			got, err := x.Index(t.Context(), sourceOf(t, images.Build(t, layered([]images.File{text(path, content)}))))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{path + unparseable}, summarize(t, got).Problems); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIncompleteImages(t *testing.T) {
	x := newIndexer(t, sandbox.Options{})
	for name, test := range map[string]struct {
		image func() (v1.Image, error)
		want  []string
	}{
		"a dpkg database with a line that is no field": {images.MalformedDpkg, []string{
			"var/lib/dpkg/status: line 141 is not a field of a package"}},
		"a dpkg database with a line of 200 KiB": {images.OverlongDpkg, []string{
			noDebian, "var/lib/dpkg/status: 16 of 16 packages cannot be read, the first is base-files@12.4+deb12u1"}},
		"a dpkg database of random bytes": {images.BinaryDpkg, []string{
			noDebian, "var/lib/dpkg/status: line 1 is not a field of a package"}},
		"a dpkg database that is a link": {layered(debian(images.File{Path: dpkgStatus, Type: tar.TypeSymlink, Link: "elsewhere"})), []string{
			noDebian, "var/lib/dpkg/status: the package database is a link, which is not followed"}},
		"an apk database with a line of more than 64 KiB": {images.OverlongApk, []string{
			"lib/apk/db/installed: 4 of 8 packages cannot be read, the first is apk-tools@2.14.4-r0"}},
		"an rpm database of random bytes": {images.MalformedRPM, []string{
			noRocky, "var/lib/rpm/rpmdb.sqlite: no package of the database can be read"}},
		"an rpm database without a package": {
			layered([]images.File{text("etc/redhat-release", "Rocky Linux release 9.4\n"), text("var/lib/rpm/Packages.db", "")}), []string{
				noRocky, "var/lib/rpm/Packages.db: no package of the database can be read"}},
		"a broken package.json": {images.BrokenPackageJSON, []string{
			"app/node_modules/lodash/package.json" + unparseable}},
		"a jar that is none": {images.BrokenJar, []string{
			"app/lib/broken.jar: the archive cannot be read"}},
		"a jar that is none within another": {
			layered([]images.File{{Path: "app.jar", Body: archive(t, "lib/inner.jar", "nothing")}}), []string{
				"app.jar/lib/inner.jar: the archive cannot be read"}},
		"an operating system without a package database": {layered(debian()), []string{
			noDebian}},
		"packages of an unknown operating system": {layered([]images.File{text(dpkgStatus, bash)}), []string{
			"etc/os-release: the packages are of an operating system that cannot be recognized"}},
		"a package database that trivy does not know": {
			layered([]images.File{text("etc/os-release", "ID=arch\n"), text("var/lib/pacman/local/bash-5.2-1/desc", "%NAME%\nbash\n")}), []string{
				"var/lib/pacman/local/bash-5.2-1/desc: package databases of this kind are not supported"}},
		"an upper layer with a database that cannot be read": {
			layered(debian(text(dpkgStatus, bash)), []images.File{text(dpkgStatus, "Package: curl\n")}), []string{
				noDebian, "var/lib/dpkg/status: 1 of 1 packages cannot be read, the first is curl@"}},
		"an upper layer that leaves what cannot be parsed": {
			layered([]images.File{text("app/package.json", "{")}, []images.File{text("app/.wh.other", ""), text("other/.wh..wh..opq", "")}), []string{
				"app/package.json" + unparseable}},
		"a layer that removes only what is below it": {
			layered([]images.File{text("app/package.json", "{"), text("app/.wh..wh..opq", "")}), []string{
				"app/package.json" + unparseable}},
		"hostile names": {layered([]images.File{text("app/\x1b[2J\u202e/package.json", "{")}), []string{
			`app/\x1b[2J\u202e/package.json` + unparseable}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := x.Index(t.Context(), sourceOf(t, images.Build(t, test.image)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summarize(t, got).Problems); diff != "" {
				t.Error(diff)
			}
		})
	}
}
