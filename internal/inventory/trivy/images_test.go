// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/test/images"
)

// summary of an inventory, as tests compare it.
type summary struct {
	OS           string
	Packages     int
	Applications []string // type, path and number of packages
	Problems     []string
	Unidentified []string
}

func summarize(t *testing.T, i inventory.Inventory) summary {
	t.Helper()
	detail := detailOf(t, i)
	s := summary{OS: detail.OS.String(), Packages: i.Packages, Unidentified: i.Unidentified}
	for _, app := range detail.Applications {
		s.Applications = append(s.Applications, strings.TrimSpace(fmt.Sprintf("%s %d %s", app.Type, len(app.Packages), app.FilePath)))
	}
	for _, p := range i.Problems {
		s.Problems = append(s.Problems, p.Path+": "+p.Message)
	}
	return s
}

// layered makes an image of layers of files.
func layered(layers ...[]images.File) func() (v1.Image, error) {
	return func() (v1.Image, error) {
		var spec images.Spec
		for _, files := range layers {
			layer, err := images.Layer(files...)
			if err != nil {
				return nil, err
			}
			spec.Layers = append(spec.Layers, layer)
		}
		return images.New(spec)
	}
}

func text(path, body string) images.File { return images.File{Path: path, Body: []byte(body)} }

// archive makes a zip file of pairs of a name and a content.
func archive(t *testing.T, pairs ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		f, err := w.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

const (
	debianRelease = "ID=debian\nVERSION_ID=\"12\"\n"
	bash          = "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2\nArchitecture: amd64\n\n"
	zlib          = "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2.13.dfsg-1\nArchitecture: amd64\nDescription: compression\n .\n for all\n\n"
	lodash        = `{"name":"lodash","version":"4.17.20"}`
)

func debian(more ...images.File) []images.File {
	return append([]images.File{text("etc/os-release", debianRelease), text("etc/debian_version", "12.1\n")}, more...)
}

func alpine(more ...images.File) []images.File {
	return append([]images.File{text("etc/alpine-release", "3.20.0\n")}, more...)
}

func TestInventories(t *testing.T) {
	x := newIndexer(t, sandbox.Options{})
	gobinary, err := exec.LookPath("gofmt")
	if err != nil {
		t.Fatal(err)
	}
	nested := archive(t, "META-INF/maven/g/inner/pom.properties", "groupId=g\nartifactId=inner\nversion=1.0\n")
	for name, test := range map[string]struct {
		image func() (v1.Image, error)
		want  summary
	}{
		"Debian":            {images.VulnerableDebian, summary{OS: "debian/12.1", Packages: 16}},
		"distroless Debian": {images.DistrolessDebian, summary{OS: "debian/12.1", Packages: 16}},
		"Alpine":            {images.Alpine, summary{OS: "alpine/3.20.0", Packages: 8}},
		"packages of npm": {images.NodeModules, summary{
			OS: "debian/12.11", Packages: 14, Applications: []string{"node-pkg 1"},
		}},
		"a Go program and nothing else": {
			func() (v1.Image, error) {
				return images.Operator(gobinary, v1.Platform{OS: "linux", Architecture: "amd64"})
			},
			summary{Packages: 1, Applications: []string{"gobinary 1 usr/local/bin/gofmt"}},
		},
		"nothing at all":        {layered(), summary{}},
		"a layer without files": {layered(nil), summary{}},
		"the same layer twice": {layered(debian(text("var/lib/dpkg/status", bash)), nil, debian(text("var/lib/dpkg/status", bash))), summary{
			OS: "debian/12.1", Packages: 1,
		}},
		"a layer without compression": {images.NotGzip, summary{}},
		"an operating system that says no version": {images.AmazonWithoutVersion, summary{
			OS: "amazon", Packages: 1,
		}},
		"packages that dpkg knows and that are not installed": {
			layered(debian(text("var/lib/dpkg/status", bash+"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"+
				"Package: never\nStatus: install ok not-installed\n\n"+zlib))),
			summary{OS: "debian/12.1", Packages: 2},
		},
		"an upper layer with a database that can be read": {
			layered(debian(text("var/lib/dpkg/status", "garbage\n")), []images.File{text("./var/lib/dpkg/status", bash)}),
			summary{OS: "debian/12.1", Packages: 1},
		},
		"an upper layer that removes what cannot be parsed": {
			layered(debian(text("var/lib/dpkg/status", bash), text("app/a/package.json", "{"), text("app/b/c/package.json", "{")),
				[]images.File{text("app/a/.wh.package.json", ""), text("app/b/.wh..wh..opq", "")}),
			summary{OS: "debian/12.1", Packages: 1},
		},
		"broken files that packages of npm test themselves with": {
			layered([]images.File{text("app/node_modules/resolve/test/broken/package.json", "{"), text("app/node_modules/lodash/package.json", lodash)}),
			summary{Packages: 1, Applications: []string{"node-pkg 1"}},
		},
		"a program that is none": {
			layered([]images.File{{Path: "bin/sh", Body: []byte("#!/bin/sh\n"), Mode: 0o755}, {Path: "bin/x", Body: []byte{0x7f}, Mode: 0o755}}),
			summary{},
		},
		"jars that say who they are": {images.NamedJar, summary{
			OS: "debian/12.11", Packages: 14, Applications: []string{"jar 1"},
		}},
		"a jar that nobody can name": {images.NamelessJar, summary{
			OS: "debian/12.11", Packages: 13, Unidentified: []string{"app/lib/plugin.jar"},
		}},
		"jars within a jar": {
			layered([]images.File{{Path: "app.war", Body: archive(t, "lib/inner.jar", string(nested), "lib/other.jar", string(archive(t)))}}),
			summary{Packages: 1, Applications: []string{"jar 1"}, Unidentified: []string{"app.war", "app.war/lib/other.jar"}},
		},
		"an empty jar": {layered([]images.File{text("empty.jar", "")}), summary{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := x.Index(t.Context(), sourceOf(t, images.Build(t, test.image)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summarize(t, got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
