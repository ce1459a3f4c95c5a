// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package equality_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha1" //nolint:gosec // how Maven's repositories name what they hold
	"path/filepath"
	"testing"
	"time"

	"github.com/aquasecurity/trivy-java-db/pkg/db"
	javatypes "github.com/aquasecurity/trivy-java-db/pkg/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/inventory/javadb"
	"github.com/assay-dev/assay/test/images"
)

const lodashFile = "app/node_modules/lodash/package.json"

// onDebian is an image of one layer with a package of Debian, and files.
func onDebian(t *testing.T, files ...images.File) v1.Image {
	t.Helper()
	files = append([]images.File{
		{Path: "etc/os-release", Body: []byte("ID=debian\nVERSION_ID=\"12\"\n")},
		{Path: "etc/debian_version", Body: []byte("12.11\n")},
		{Path: "var/lib/dpkg/status", Body: []byte("Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2\nArchitecture: amd64\n\n")},
	}, files...)
	return images.Build(t, func() (v1.Image, error) {
		layer, err := images.Layer(files...)
		if err != nil {
			return nil, err
		}
		return images.New(images.Spec{Layers: []v1.Layer{layer}})
	})
}

func jar(t *testing.T, entry, content string) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	f, err := w.Create(entry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

const log4jProperties = "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n"

// writeJavaDB gives trivy a Java database that knows a jar as log4j-core 2.14.1, and returns its folder.
func (w *world) writeJavaDB(t *testing.T, known []byte) string {
	t.Helper()
	folder := filepath.Join(w.trivyCache, "java-db")
	database, err := db.New(folder)
	if err != nil {
		t.Fatal(err)
	}
	metadata, sum := db.NewMetadata(folder), sha1.Sum(known) //nolint:gosec // as above
	for _, step := range []func() error{
		database.Init,
		func() error {
			return database.InsertIndexes([]javatypes.Index{{
				GroupID: "org.apache.logging.log4j", ArtifactID: "log4j-core", Version: "2.14.1", SHA1: sum[:], ArchiveType: javatypes.JarType,
			}})
		},
		database.Close,
		func() error {
			return metadata.Update(db.Metadata{Version: db.SchemaVersion, UpdatedAt: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)})
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestWhatImagesHideFromTrivy shows findings that trivy's default does not have, marked as such. Trivy has the same when it is
// told to be comprehensive, unless it is an SBOM that hides them.
func TestWhatImagesHideFromTrivy(t *testing.T) {
	w := newWorld(t, ownDatabase(t))
	log4j := jar(t, "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties", log4jProperties)
	w.writeJavaDB(t, []byte("another"))
	lodash := images.File{Path: lodashFile, Body: []byte(`{"name":"lodash","version":"4.17.20"}`)}
	for name, test := range map[string]struct {
		image v1.Image
		// hidden is the package whose findings are hidden; bySBOM says that trivy cannot be told to see it.
		hidden string
		bySBOM bool
	}{
		"npm-behind-dpkg": {onDebian(t, lodash, images.File{Path: "var/lib/dpkg/info/bash.md5sums", Body: []byte("00  " + lodashFile + "\n")}), "lodash", false},
		"jar-behind-dpkg": {onDebian(t, images.File{Path: "app/log4j-core-2.14.1.jar", Body: log4j},
			images.File{Path: "var/lib/dpkg/info/bash.md5sums", Body: []byte("00  app/log4j-core-2.14.1.jar\n")}), "org.apache.logging.log4j:log4j-core", false},
		"jar-behind-sbom": {onDebian(t, images.File{Path: "app/log4j-core-2.14.1.jar", Body: log4j}, images.File{Path: "app/sbom.cdx.json", Body: []byte(
			`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"bom-ref":"a","type":"library","name":"harmless","version":"9","purl":"pkg:maven/g/harmless@9",
			"properties":[{"name":"aquasecurity:trivy:FilePath","value":"app/log4j-core-2.14.1.jar"}]}]}`)}), "org.apache.logging.log4j:log4j-core", true},
	} {
		t.Run(name, func(t *testing.T) {
			reference := w.push(t, name, test.image)
			gathered := w.gather(t, reference)
			platform := gathered.Platforms[0]
			plain, all := bothFindingsOf(t, platform)
			byDefault := w.trivy(t, reference, platform.Platform)
			sorted := cmpopts.SortSlices(less)
			if diff := cmp.Diff(byDefault, plain, sorted); diff != "" {
				t.Errorf("by default: - trivy, + Assay:\n%s", diff)
			}
			hidden := 0
			for _, f := range all {
				if f.Package == test.hidden {
					hidden++
				}
			}
			if hidden == 0 || len(all) != len(plain)+hidden {
				t.Errorf("of %d findings %d are of %s", len(all), hidden, test.hidden)
			}
			comprehensive := w.trivy(t, reference, platform.Platform, "--detection-priority", "comprehensive")
			if diff := cmp.Diff(comprehensive, all, sorted); (diff == "") == test.bySBOM {
				t.Errorf("comprehensive: - trivy, + Assay:\n%s", diff)
			}
			t.Logf("trivy has %d findings by default and %d when it is comprehensive, Assay has %d", len(byDefault), len(comprehensive), len(all))
		})
	}
}

// TestNamelessJars compares on jars that only a Java database names.
func TestNamelessJars(t *testing.T) {
	w := newWorld(t, ownDatabase(t))
	known := jar(t, "log4j.class", "log4j")
	named := javadb.New(t.TempDir(), javadb.FromPath(w.writeJavaDB(t, known)))
	defer named.Close() //nolint:errcheck // Only read from.
	if _, err := named.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.assay.gatherer.Jars = named
	w.compare(t, map[string]comparison{
		"known-jar":   {onDebian(t, images.File{Path: "app/x.jar", Body: known}), map[string]int{"linux/amd64": some}},
		"unknown-jar": {onDebian(t, images.File{Path: "app/x.jar", Body: jar(t, "x.class", "x")}), map[string]int{"linux/amd64": 0}},
	})
}
