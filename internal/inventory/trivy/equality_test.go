// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"

	artifactimage "github.com/aquasecurity/trivy/pkg/fanal/artifact/image"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/wire"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/shareddata"
)

// imageForTrivy is an image in the form that trivy takes one.
type imageForTrivy struct{ v1.Image }

func (i imageForTrivy) Name() string          { return "test" }
func (i imageForTrivy) RepoTags() []string    { return nil }
func (i imageForTrivy) RepoDigests() []string { return nil }
func (i imageForTrivy) ID() (string, error) {
	name, err := i.ConfigName()
	return name.String(), err
}

// ConfigFile leaves out the history, from which trivy guesses which layers somebody else is to blame for.
func (i imageForTrivy) ConfigFile() (*v1.ConfigFile, error) {
	config, err := i.Image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.History = nil
	return config, nil
}

// blobCache keeps what trivy finds in each layer, by its diff ID.
type blobCache struct {
	mu    sync.Mutex
	blobs map[string]types.BlobInfo
}

func (c *blobCache) MissingBlobs(_ context.Context, _ string, ids []string) (bool, []string, error) {
	return true, ids, nil
}
func (c *blobCache) PutArtifact(context.Context, string, types.ArtifactInfo) error { return nil }
func (c *blobCache) DeleteBlobs(context.Context, []string) error                   { return nil }
func (c *blobCache) PutBlob(_ context.Context, _ string, blob types.BlobInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs[blob.DiffID] = blob
	return nil
}

// TestLayersAreWhatTrivyFinds compares the walk through a layer with trivy's own.
func TestLayersAreWhatTrivyFinds(t *testing.T) {
	previous := slog.Default()
	defer slog.SetDefault(previous)

	for name, img := range subjects(t) {
		t.Run(name, func(t *testing.T) {
			x, err := newIndexer(generousLimits, wire.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			want := &blobCache{blobs: map[string]types.BlobInfo{}}
			artifact, err := artifactimage.NewArtifact(imageForTrivy{img}, want, artifactOption(2))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := artifact.Inspect(t.Context()); err != nil {
				t.Fatal(err)
			}
			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}
			packages := 0
			for _, layer := range layers {
				got := inspect(t, x, layer)
				expected := want.blobs[got.DiffID]
				expected.Digest = ""
				expected.CustomResources = nil
				if diff := cmp.Diff(encode(t, expected), encode(t, got)); diff != "" {
					t.Errorf("layer %s: %.2000s", got.DiffID, diff)
				}
				for _, info := range got.PackageInfos {
					packages += len(info.Packages)
				}
				for _, app := range got.Applications {
					packages += len(app.Packages)
				}
			}
			t.Logf("%d layers with %d packages are equal", len(layers), packages)
			if packages == 0 {
				t.Error("there is nothing to compare")
			}
		})
	}
}

// subjects are images to compare on.
func subjects(t *testing.T) map[string]v1.Image {
	t.Helper()
	all := map[string]v1.Image{
		"Debian":     images.Build(t, images.VulnerableDebian),
		"distroless": images.Build(t, images.DistrolessDebian),
		"Alpine":     images.Build(t, images.Alpine),
		"npm":        images.Build(t, images.NodeModules),
		"jar":        images.Build(t, images.NamedJar),
		"many things": images.Build(t, func() (v1.Image, error) {
			layer, err := images.Layer(
				images.File{Path: "./etc/os-release", Body: []byte("ID=debian\nVERSION_ID=12\n")},
				images.File{Path: "etc/debian_version", Body: []byte("12.1\n")},
				images.File{Path: "/var/lib/dpkg/status", Body: []byte("Package: python3-six\nStatus: install ok installed\nVersion: 1.16.0-4\n")},
				images.File{Path: "var/lib/dpkg/info/python3-six.md5sums", Body: []byte("00  usr/lib/python3/dist-packages/six-1.16.0.egg-info\n")},
				images.File{Path: "usr/share/doc/python3-six/copyright", Body: []byte("License: MIT\n")},
				images.File{Path: "usr/lib/python3/dist-packages/six-1.16.0.egg-info", Body: []byte("Name: six\nVersion: 1.16.0\n")},
				images.File{Path: "usr/local/lib/python3/jinja2-3.0.dist-info/METADATA", Body: []byte("Name: jinja2\nVersion: 3.0\nLicense-File: LICENSE\n")},
				images.File{Path: "usr/local/lib/python3/jinja2-3.0.dist-info/LICENSE", Body: []byte("Permission is hereby granted, free of charge\n")},
				images.File{Path: "gems/specifications/rake-13.gemspec", Body: []byte("Gem::Specification.new do |s|\n s.name = \"rake\"\n s.version = \"13.0\"\n")},
				images.File{Path: "app/package.json", Body: []byte("{\"name\":\"app\",\"version\":\"1.0.0\"}")},
				images.File{Path: "app/package-lock.json", Body: []byte("{\"lockfileVersion\":3,\"packages\":{}}")},
				images.File{Path: "app/Cargo.lock", Body: []byte("[[package]]\nname = \"libc\"\nversion = \"0.2.1\"\n")},
				images.File{Path: "app/sbom.spdx.json", Body: []byte("not one")},
				images.File{Path: "app/node_modules/x/package.json", Body: []byte("{")},
				images.File{Path: "etc/.wh.passwd"}, images.File{Path: "srv/.wh..wh..opq"},
			)
			if err != nil {
				return nil, err
			}
			return images.New(images.Spec{Layers: []v1.Layer{layer, layer}})
		}),
	}
	for _, name := range []string{"alpine-310", "distroless"} {
		if path, ok := shareddata.Path(t, "images/"+name+".tar.gz"); ok {
			all[name] = images.Build(t, func() (v1.Image, error) { return images.LoadArchive(path) })
		}
	}
	for _, name := range []string{"v1.7.0", "v2.0.0"} {
		if path, ok := shareddata.Path(t, "slsa/"+name+"/container_workflow_dispatch"); ok {
			index := images.Build(t, func() (v1.ImageIndex, error) { return images.LoadSaved(path) })
			all["slsa "+name] = images.Build(t, func() (v1.Image, error) {
				return images.ForPlatform(index, v1.Platform{OS: "linux", Architecture: "amd64"})
			})
		}
	}
	return all
}

func inspect(t *testing.T, x *indexer, layer v1.Layer) types.BlobInfo {
	t.Helper()
	diffID, err := layer.DiffID()
	if err != nil {
		t.Fatal(err)
	}
	want, err := image.ParseDigest(diffID.String())
	if err != nil {
		t.Fatal(err)
	}
	compressed, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer compressed.Close()
	result, _, err := x.inspect(t.Context(), "the layer", want, compressed)
	if err != nil {
		t.Fatal(err)
	}
	if result.Blob.Digest != "" || result.Blob.DiffID != "" || result.Blob.CreatedBy != "" {
		t.Errorf("what is found in a layer says where it comes from: %+v", result.Blob)
	}
	result.Blob.DiffID = diffID.String()
	return result.Blob
}

// encode writes a layer as both sides hand it on.
func encode(t *testing.T, blob types.BlobInfo) string {
	t.Helper()
	encoded, err := json.Marshal(blob)
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, encoded, "", " "); err != nil {
		t.Fatal(err)
	}
	return indented.String()
}
