// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/applier"
	artifactimage "github.com/aquasecurity/trivy/pkg/fanal/artifact/image"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/wire"
	"github.com/assay-dev/assay/test/images"
)

const (
	generatedImages = 200
	generatedLayers = 60
	basesOfThem     = 8 // with an operating system, for the bottom
)

// TestGeneratedImages compares three ways to find out what is in an image of random layers: from layers that were looked into
// long ago for other images, from layers that are looked into now, and trivy's own.
func TestGeneratedImages(t *testing.T) {
	previous := slog.Default()
	defer slog.SetDefault(previous)
	x, err := newIndexer(generousLimits, wire.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(20260806, 1))
	pool := make([]v1.Layer, generatedLayers)
	for i := range pool {
		pool[i] = images.Build(t, func() (v1.Layer, error) { return images.Layer(generateFiles(random, i < basesOfThem)...) })
	}
	keptOnce := map[image.Digest][]byte{}
	var known, packages, problems, jars int
	for n := range generatedImages {
		layers := []v1.Layer{pool[random.IntN(basesOfThem)]}
		for range random.IntN(6) {
			layers = append(layers, pool[random.IntN(generatedLayers)])
		}
		img := describeLayers(t, layers)
		fresh := map[image.Digest][]byte{}
		for i, layer := range img.Layers {
			fresh[layer.Digest] = lookInto(t, x, img, i, layers[i])
			if _, ok := keptOnce[layer.Digest]; ok {
				known++
			} else {
				keptOnce[layer.Digest] = fresh[layer.Digest]
			}
		}
		whole, contents := laid(t, x, img, fresh)
		if cached, _ := laid(t, x, img, keptOnce); cached != whole {
			t.Errorf("image %d from layers that were known: %s", n, cmp.Diff(whole, cached))
		}
		details := wire.Details{}
		if err := json.Unmarshal([]byte(whole[strings.IndexByte(whole, '\n'):]), &details); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(trivysDetail(t, img, layers), string(details.Detail)); diff != "" {
			t.Errorf("image %d otherwise than by trivy: %.3000s", n, diff)
		}
		packages, problems, jars = packages+contents.Packages, problems+len(contents.Problems), jars+len(details.Jars)
	}
	t.Logf("%d images with %d packages, %d problems and %d nameless jars, of which %d layers were known", generatedImages, packages, problems, jars, known)
	if known < generatedImages || packages < generatedImages || problems < generatedImages/4 || jars < generatedImages/4 {
		t.Error("there is too little to compare")
	}
}

var generousLimits = wire.Limits{LayerBytes: 1 << 30, ImageBytes: 1 << 30, Ratio: 1000, Entries: 100_000, PathLength: 4096, ResultBytes: 64 << 20}

func describeLayers(t *testing.T, layers []v1.Layer) wire.Image {
	t.Helper()
	var img wire.Image
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			t.Fatal(err)
		}
		diffID, err := layer.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		var described wire.Layer
		for hash, to := range map[v1.Hash]*image.Digest{digest: &described.Digest, diffID: &described.DiffID} {
			if *to, err = image.ParseDigest(hash.String()); err != nil {
				t.Fatal(err)
			}
		}
		img.Layers = append(img.Layers, described)
	}
	return img
}

// lookInto returns what is found in a layer, as it is kept.
func lookInto(t *testing.T, x *indexer, img wire.Image, index int, layer v1.Layer) []byte {
	t.Helper()
	compressed, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer compressed.Close()
	result, _, err := x.inspect(t.Context(), nameOf(img, index), img.Layers[index].DiffID, compressed)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := result.encode("the layer", x.limits.ResultBytes)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// laid returns all that is said of an image as text, the contents and the details each on a line of their own.
func laid(t *testing.T, x *indexer, img wire.Image, found map[image.Digest][]byte) (string, wire.Contents) {
	t.Helper()
	results := make([]layerResult, len(img.Layers))
	for i, layer := range img.Layers {
		if err := results[i].decode(found[layer.Digest], x.limits.ResultBytes); err != nil {
			t.Fatal(err)
		}
	}
	contents, details, err := x.apply(t.Context(), img, []byte("{}"), results)
	if err != nil {
		t.Fatal(err)
	}
	first, err := json.Marshal(contents)
	if err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(details)
	if err != nil {
		t.Fatal(err)
	}
	return string(first) + "\n" + string(second), contents
}

// trivysDetail is what trivy's own artifact and applier make of an image.
func trivysDetail(t *testing.T, img wire.Image, layers []v1.Layer) string {
	t.Helper()
	whole := images.Build(t, func() (v1.Image, error) { return images.New(images.Spec{Layers: layers}) })
	found := &blobCache{blobs: map[string]types.BlobInfo{}}
	artifact, err := artifactimage.NewArtifact(imageForTrivy{whole}, found, artifactOption(2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := artifact.Inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	blobs, keys := make(layerCache, len(layers)), make([]string, len(layers))
	for i, layer := range img.Layers {
		blob := found.blobs[layer.DiffID.String()]
		blob.Digest, blob.CustomResources = layer.Digest.String(), nil
		if blobs[i], err = json.Marshal(blob); err != nil {
			t.Fatal(err)
		}
		keys[i] = strconv.Itoa(i)
	}
	detail, err := applier.NewApplier(blobs).ApplyLayers(t.Context(), "", keys)
	if err != nil && !errors.Is(err, analyzer.ErrUnknownOS) && !errors.Is(err, analyzer.ErrNoPkgsDetected) {
		t.Fatal(err)
	}
	encoded, err := encodeDetail(detail)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// generateFiles makes the entries of a layer. There are so few paths that layers are in each other's way.
func generateFiles(random *rand.Rand, base bool) []images.File {
	var files []images.File
	taken := map[string]bool{}
	add := func(f images.File) {
		if clean := path.Clean(f.Path); !taken[clean] {
			taken[clean] = true
			files = append(files, f)
		}
	}
	if base {
		add(generateRelease(random))
		add(generateDatabase(random))
	}
	for range 1 + random.IntN(6) {
		add(generateFile(random))
	}
	return files
}

func generateRelease(random *rand.Rand) images.File {
	return pick(random,
		images.File{Path: "etc/os-release", Body: []byte("ID=debian\nVERSION_ID=\"12\"\n")},
		images.File{Path: "etc/debian_version", Body: []byte("12.1\n")},
		images.File{Path: "etc/alpine-release", Body: []byte("3.20.0\n")},
	)
}

// generateDatabase makes a package database, which may replace that of a layer below, or have an unreadable part.
func generateDatabase(random *rand.Rand) images.File {
	var dpkg, apk strings.Builder
	for _, name := range []string{"bash", "curl", "musl", "openssl", "zlib"} {
		if random.IntN(3) == 0 {
			continue
		}
		version := fmt.Sprintf("1.%d-%d", random.IntN(5), random.IntN(3))
		fmt.Fprintf(&dpkg, "Package: %s\nStatus: install ok installed\nVersion: %s\nArchitecture: amd64\n\n", name, version)
		fmt.Fprintf(&apk, "P:%s\nV:%s\nA:x86_64\nF:usr/lib\nR:%s.so\n\n", name, strings.ReplaceAll(version, "-", "-r"), name)
	}
	if random.IntN(5) == 0 {
		dpkg.WriteString("Package: broken\nStatus: install ok installed\nVersion: one two\n\n")
		apk.WriteString("P:broken\nnonsense\n\n")
	}
	return pick(random,
		images.File{Path: "var/lib/dpkg/status", Body: []byte(dpkg.String())},
		images.File{Path: "./var/lib/dpkg/status", Body: []byte(dpkg.String())},
		// Of a package that is in two databases trivy takes either.
		images.File{Path: "var/lib/dpkg/status.d/one", Body: []byte(strings.ReplaceAll(dpkg.String(), "Package: ", "Package: lib"))},
		images.File{Path: "lib/apk/db/installed", Body: []byte(apk.String())},
		images.File{Path: "/lib/apk/db/installed", Body: []byte(apk.String())},
	)
}

func generateFile(random *rand.Rand) images.File {
	folder := pick(random, "app", "app/a", "app/a/node_modules/x", "srv", "usr/lib/python3/site-packages")
	version := fmt.Sprintf("%d.%d.0", random.IntN(3), random.IntN(3))
	file := path.Join(folder, pick(random, "package.json", "six.dist-info/METADATA", "lib.jar", "bom.cdx.json", "README"))
	switch random.IntN(8) {
	case 0:
		return generateDatabase(random)
	case 1:
		return generateRelease(random)
	case 2: // gone
		gone := pick(random, file, folder, "var/lib/dpkg/status", "var/lib/dpkg", "lib/apk/db/installed", "lib", "etc/os-release")
		return images.File{Path: path.Join(path.Dir(gone), ".wh."+path.Base(gone))}
	case 3: // emptied
		return images.File{Path: path.Join(pick(random, folder, "var/lib", "lib/apk", "."), ".wh..wh..opq")}
	case 4: // something else than a file
		kind := pick(random, byte(tar.TypeLink), byte(tar.TypeSymlink), byte(tar.TypeDir))
		return images.File{Path: pick(random, file, "var/lib/dpkg/status", "lib/apk/db/installed"), Type: kind, Link: "app/package.json"}
	}
	return images.File{Path: file, Body: generateBody(random, path.Base(file), version)}
}

func generateBody(random *rand.Rand, base, version string) []byte {
	broken := random.IntN(4) == 0
	switch {
	case broken:
		return []byte("{")
	case base == "package.json":
		return fmt.Appendf(nil, `{"name":%q,"version":%q,"license":"MIT"}`, pick(random, "lodash", "left-pad"), version)
	case base == "METADATA":
		return fmt.Appendf(nil, "Name: six\nVersion: %s\n", version)
	case base == "bom.cdx.json":
		return fmt.Appendf(nil, `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"type":"library","name":"express","version":%q,"purl":"pkg:npm/express@%s"}]}`, version, version)
	case base == "lib.jar":
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		properties := fmt.Sprintf("groupId=g\nartifactId=a\nversion=%s\n", version)
		name := pick(random, "META-INF/maven/g/a/pom.properties", "nothing")
		if f, err := w.Create(name); err == nil {
			_, _ = f.Write([]byte(properties)) // to memory
		}
		_ = w.Close()
		return buf.Bytes()
	}
	return []byte(version)
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }
