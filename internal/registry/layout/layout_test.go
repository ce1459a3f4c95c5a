// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/shareddata"
)

// folderOf writes images as an OCI layout, each with the annotations.
func folderOf(t *testing.T, annotations map[string]string, all ...v1.Image) string {
	t.Helper()
	folder := t.TempDir()
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range all {
		if err := path.AppendImage(img, layout.WithAnnotations(annotations)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// archiveOf writes an image as docker save does.
func archiveOf(t *testing.T, tags map[string]v1.Image) string {
	t.Helper()
	refs := map[name.Tag]v1.Image{}
	for tag, img := range tags {
		parsed, err := name.NewTag(tag)
		if err != nil {
			t.Fatal(err)
		}
		refs[parsed] = img
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.MultiWriteToFile(path, refs); err != nil {
		t.Fatal(err)
	}
	return path
}

func tarOf(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "layout.tar")
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(t *testing.T, path string) string {
	t.Helper()
	plain, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(path+".gz", b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path + ".gz"
}

// readAll opens the only image of the layout and reads everything in it, and returns the sizes of its layers' content.
func readAll(t *testing.T, path, wanted string) (called string, layers int) {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // Only read from.
	digest, called, err := l.Image(wanted)
	if err != nil {
		t.Fatal(err)
	}
	document, err := l.Document(t.Context(), image.Reference{Digest: digest})
	if err != nil {
		t.Fatal(err)
	}
	if document.Manifest == nil {
		t.Fatalf("%s is no image", digest)
	}
	for _, descriptor := range append([]image.Descriptor{document.Manifest.Config}, document.Manifest.Layers...) {
		content, err := l.Blob(t.Context(), image.Repository{}, descriptor)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			t.Fatal(err)
		}
		if err := content.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return called, len(document.Manifest.Layers)
}

func TestEveryFormOfALayoutIsRead(t *testing.T) {
	alpine := images.Build(t, images.Alpine)
	named := map[string]string{"org.opencontainers.image.ref.name": "1.8"}
	docker := archiveOf(t, map[string]v1.Image{"registry.example.com/shop/checkout:1.8": alpine})
	folder := folderOf(t, named, alpine)
	for form, test := range map[string]struct{ path, called string }{
		"a folder":                         {folder, "1.8"},
		"an archive of the folder":         {tarOf(t, folder), "1.8"},
		"a compressed archive of it":       {gzipped(t, tarOf(t, folder)), "1.8"},
		"what docker saved":                {docker, "registry.example.com/shop/checkout:1.8"},
		"what docker saved, compressed":    {gzipped(t, docker), "registry.example.com/shop/checkout:1.8"},
		"a folder of an image with no tag": {folderOf(t, nil, alpine), ""},
	} {
		t.Run(form, func(t *testing.T) {
			called, layers := readAll(t, test.path, "")
			if called != test.called || layers != 1 {
				t.Errorf("called %q with %d layers", called, layers)
			}
		})
	}
}

func TestOneOfSeveralImagesIsChosenByItsTag(t *testing.T) {
	path := archiveOf(t, map[string]v1.Image{
		"registry.example.com/shop/checkout:1.8": images.Build(t, images.Alpine),
		"registry.example.com/shop/checkout:1.9": images.Build(t, images.PatchedDebian),
	})
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // Only read from.
	if _, called, err := l.Image("elsewhere.example.com/checkout:1.9"); err != nil || !strings.HasSuffix(called, ":1.9") {
		t.Errorf("got %q, %v", called, err)
	}
	if _, _, err := l.Image(""); err == nil || !strings.Contains(err.Error(), "checkout:1.8") {
		t.Errorf("without a name: %v", err)
	}
}

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	alpine := images.Build(t, images.Alpine)
	manifest, err := alpine.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	layer := filepath.Join("blobs", "sha256", manifest.Layers[0].Digest.Hex)
	for name, test := range map[string]struct {
		harm func(t *testing.T, folder string)
		says string
	}{
		"a folder without an index": {func(t *testing.T, folder string) {
			must(t, os.Remove(filepath.Join(folder, "index.json")))
		}, "no OCI image layout"},
		"an index that is no JSON": {func(t *testing.T, folder string) {
			must(t, os.WriteFile(filepath.Join(folder, "index.json"), []byte("{"), 0o600))
		}, "index.json"},
		"a layer that is missing": {func(t *testing.T, folder string) {
			must(t, os.Remove(filepath.Join(folder, layer)))
		}, "lacks sha256:"},
		"a layer that was changed": {func(t *testing.T, folder string) {
			content, err := os.ReadFile(filepath.Join(folder, layer))
			must(t, err)
			content[len(content)/2] ^= 1
			must(t, os.WriteFile(filepath.Join(folder, layer), content, 0o600))
		}, "damaged"},
		"a layer that was cut": {func(t *testing.T, folder string) {
			must(t, os.Truncate(filepath.Join(folder, layer), 10))
		}, "damaged"},
		"a layer that is a link out of the folder": {func(t *testing.T, folder string) {
			must(t, os.Remove(filepath.Join(folder, layer)))
			must(t, os.Symlink("/etc/passwd", filepath.Join(folder, layer)))
		}, "escapes"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := folderOf(t, nil, alpine)
			test.harm(t, folder)
			if err := readThrough(t, folder); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want it to say %q", err, test.says)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readThrough(t *testing.T, path string) error {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // Only read from.
	digest, _, err := l.Image("")
	if err != nil {
		return err
	}
	document, err := l.Document(t.Context(), image.Reference{Digest: digest})
	if err != nil {
		return err
	}
	content, err := l.Blob(t.Context(), image.Repository{}, document.Manifest.Layers[0])
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(io.Discard, content)
	return err
}

func TestReferrersOfALayoutAreThoseThatItLists(t *testing.T) {
	alpine := images.Build(t, images.Alpine)
	digest, err := alpine.Digest()
	must(t, err)
	size, err := alpine.Size()
	must(t, err)
	attached, ok := mutate.Subject(mutate.MediaType(empty.Image, types.OCIManifestSchema1), v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest, Size: size}).(v1.Image)
	if !ok {
		t.Fatal("an image with a subject is no image")
	}
	l, err := Open(folderOf(t, nil, alpine, attached))
	must(t, err)
	defer l.Close() //nolint:errcheck // Only read from.
	subject, err := image.ParseDigest(digest.String())
	must(t, err)
	referrers, err := l.Referrers(t.Context(), image.Reference{Digest: subject})
	if err != nil || len(referrers) != 1 {
		t.Errorf("got %v, %v", referrers, err)
	}
	if _, err := l.Resolve(t.Context(), image.Tag{Name: "1.8"}); !registry.IsKind(err, registry.KindNotFound) {
		t.Errorf("a tag that is not there: %v", err)
	}
}

// The real files of two tools.
func TestRealLayouts(t *testing.T) {
	folder := shareddata.Require(t, "images/distroless.tar.gz")
	if _, layers := readAll(t, folder, ""); layers != 2 {
		t.Errorf("%d layers", layers)
	}
	l, err := Open(shareddata.Require(t, "slsa/v2.0.0/container_workflow_dispatch"))
	must(t, err)
	defer l.Close() //nolint:errcheck // Only read from.
	digest, _, err := l.Image("")
	must(t, err)
	attestations := image.Tag{Name: "sha256-" + digest.Hex() + ".att"}
	if document, err := l.Resolve(t.Context(), attestations); err != nil || len(document.Manifest.Layers) != 1 {
		t.Errorf("attestations: %v", err)
	}
}

func FuzzDocker(f *testing.F) {
	f.Add([]byte(`[{"Config":"a.json","RepoTags":["a:1"],"Layers":["b/layer.tar"]}]`))
	f.Add([]byte(`[{"Config":"../../etc/passwd","Layers":[]}]`))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		path := filepath.Join(t.TempDir(), "image.tar")
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for name, content := range map[string]string{"manifest.json": string(manifest), "a.json": "{}", "b/layer.tar": ""} {
			must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}))
			_, err := w.Write([]byte(content))
			must(t, err)
		}
		must(t, errors.Join(w.Close(), os.WriteFile(path, b.Bytes(), 0o600)))
		if l, err := Open(path); err == nil {
			_, _, _ = l.Image("")
			must(t, l.Close())
		}
	})
}
