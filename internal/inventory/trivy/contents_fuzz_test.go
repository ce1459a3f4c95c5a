// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/aquasecurity/trivy/pkg/fanal/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
	"github.com/assay-dev/assay/test/images"
)

// fuzzed is an indexer for inputs without number.
func fuzzed(f *testing.F) *indexer {
	f.Helper()
	previous := slog.Default()
	f.Cleanup(func() { slog.SetDefault(previous) })
	x, err := newIndexer(wire.Limits{LayerBytes: 1 << 26, ImageBytes: 1 << 26, Ratio: 1000, Entries: 1000, PathLength: 4096, ResultBytes: 1 << 24}, wire.Settings{})
	if err != nil {
		f.Fatal(err)
	}
	return x
}

// contentsOf indexes an image of one layer, and says whether that worked.
func contentsOf(t *testing.T, x *indexer, files ...images.File) (contents wire.Contents, details wire.Details, ok bool) {
	t.Helper()
	layer := images.Build(t, func() (v1.Layer, error) { return images.Layer(files...) })
	described := wire.Layer{Digest: digestOf(t, layer.Digest), DiffID: digestOf(t, layer.DiffID)}
	compressed, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer compressed.Close()
	crashed := true
	defer func() {
		if crashed {
			_ = recover() // a child survives its image in the same way
		}
	}()
	result, _, err := x.inspect(t.Context(), "the layer", described.DiffID, compressed)
	if err == nil {
		contents, details, err = x.apply(t.Context(), wire.Image{Layers: []wire.Layer{described}}, nil, []layerResult{result})
	}
	crashed = false
	var failure *wire.Failure
	if err != nil && !errors.As(err, &failure) {
		t.Error(err)
	}
	return contents, details, err == nil
}

func digestOf(t *testing.T, digest func() (v1.Hash, error)) image.Digest {
	t.Helper()
	hash, err := digest()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := image.ParseDigest(hash.String())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// FuzzSBOM has an SBOM in an image say anything, in each form that trivy reads. Whatever it says, what else is in the image is found.
func FuzzSBOM(f *testing.F) {
	x := fuzzed(f)
	for _, seed := range []string{
		"", "{}", "no document", `{"spdxVersion":"SPDX-2.3","packages":[]}`,
		`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}`,
		`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"bom-ref":"a","type":"library","name":"lodash","version":"5","purl":"pkg:npm/lodash@5",
			"properties":[{"name":"aquasecurity:trivy:FilePath","value":"app/node_modules/lodash/package.json"}]}]}`,
		`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"bom-ref":"a","type":"application","name":"var/lib/dpkg/status",
			"properties":[{"name":"aquasecurity:trivy:Type","value":"ospkg"}]}]}`,
		`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"bom-ref":"a","type":"application","name":"app/node_modules/lodash/package.json",
			"properties":[{"name":"aquasecurity:trivy:Type","value":"node-pkg"}]}]}`,
		`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"bom-ref":"a","type":"operating-system","name":"debian","version":"12"},
			{"bom-ref":"b","type":"library","name":"bash","version":"9","purl":"pkg:deb/debian/bash@9?distro=debian-12"}],"dependencies":[{"ref":"a","dependsOn":["b"]}]}`,
		`{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"x","documentNamespace":"http://x","packages":[
			{"name":"lodash","SPDXID":"SPDXRef-a","versionInfo":"5","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/lodash@5"}]}]}`,
	} {
		f.Add("app/sbom.cdx.json", seed)
		f.Add("app/sbom.spdx.json", seed)
		f.Add("opt/bitnami/x/.spdx-x.spdx", seed)
	}
	f.Fuzz(func(t *testing.T, path, document string) {
		if !strings.HasSuffix(path, ".json") && !strings.HasSuffix(path, ".spdx") || strings.ContainsAny(path, "\x00") || len(path) > 200 || strings.Contains(path, "..") {
			return
		}
		contents, details, ok := contentsOf(t, x,
			images.File{Path: "etc/os-release", Body: []byte("ID=debian\nVERSION_ID=12\n")},
			images.File{Path: "etc/debian_version", Body: []byte("12.1\n")},
			images.File{Path: "var/lib/dpkg/status", Body: []byte("Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2\nArchitecture: amd64\n\n")},
			images.File{Path: "app/node_modules/lodash/package.json", Body: []byte(`{"name":"lodash","version":"4.17.20"}`)},
			images.File{Path: path, Body: []byte(document)})
		if !ok {
			return
		}
		found := map[string]bool{}
		for _, part := range (inventory.Inventory{Detail: details.Detail, Hidden: details.Hidden}).Parts() {
			var detail types.ArtifactDetail
			if err := json.Unmarshal(part.Detail, &detail); err != nil {
				t.Fatal(err)
			}
			for _, p := range detail.Packages {
				found[p.Name+" "+p.Version] = true
			}
			for _, app := range detail.Applications {
				for _, p := range app.Packages {
					found[p.Name+" "+p.Version] = true
				}
			}
		}
		if len(contents.Problems) == 0 && (!found["bash 5.2.15"] || !found["lodash 4.17.20"]) {
			t.Errorf("found %v without a problem", found)
		}
	})
}

// FuzzJar has an archive in an image be anything, or have anything in it. What is in it is named, or told, or the archive is.
func FuzzJar(f *testing.F) {
	x := fuzzed(f)
	zipped := func(pairs ...string) []byte {
		var packed bytes.Buffer
		w := zip.NewWriter(&packed)
		for i := 0; i < len(pairs); i += 2 {
			entry, err := w.Create(pairs[i])
			if err != nil {
				f.Fatal(err)
			}
			if _, err := entry.Write([]byte(pairs[i+1])); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		return packed.Bytes()
	}
	inner := zipped("META-INF/maven/g/a/pom.properties", "groupId=g\nartifactId=a\nversion=1\n")
	for _, seed := range [][]byte{
		nil, []byte("no archive"), zipped(), inner, inner[:len(inner)/2], zipped("x.jar", string(inner)), zipped("x.jar", "no archive"),
		zipped("META-INF/MANIFEST.MF", "Implementation-Vendor-Id: g\nImplementation-Title: a\nBundle-Version: 1\n"),
		zipped("../../x.jar", string(inner), "pom.properties", "groupId=g\nartifactId=\nversion=1\n"),
	} {
		f.Add(seed, "", "")
		f.Add(seed, "META-INF/MANIFEST.MF", "Implementation-Vendor-Id: g\nImplementation-Title: a\nBundle-Version: 1\n")
		f.Add(seed, "META-INF/maven/g/a/pom.properties", "groupId=g\nartifactId=a\nversion=1\n")
	}
	f.Fuzz(func(t *testing.T, content []byte, name, text string) {
		if len(name) > 500 || strings.HasSuffix(name, "/") {
			return
		}
		if name != "" { // Few changes of an archive's bytes leave one that anybody can open.
			content = zipped(name, text, "inner.jar", string(content))
		}
		contents, details, ok := contentsOf(t, x, images.File{Path: "app/x.jar", Body: content})
		if !ok || len(content) == 0 {
			return
		}
		var detail types.ArtifactDetail
		if err := json.Unmarshal(details.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		if len(detail.Applications) == 0 && len(details.Jars) == 0 && len(contents.Problems) == 0 {
			t.Error("nothing is told of the archive")
		}
		for _, jar := range details.Jars {
			if !strings.HasPrefix(jar.Path, "app/") || len(jar.SHA1) != 40 || jar.Layer.IsZero() {
				t.Errorf("jar %+v", jar)
			}
		}
	})
}
