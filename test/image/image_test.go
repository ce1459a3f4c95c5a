// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func TestImage(t *testing.T) {
	b := newBuilder(t, "0")
	output := filepath.Join(t.TempDir(), "image")
	if err := run(t.Context(), b, output); err != nil {
		t.Fatal(err)
	}
	image := onlyImage(t, output)
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != runtime.GOOS || config.Architecture != runtime.GOARCH {
		t.Errorf("got platform %s/%s", config.OS, config.Architecture)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("got user %q, want one that is not root", config.Config.User)
	}
	want := []string{
		"-rw-r--r-- etc/ssl/certs/ca-certificates.crt",
		"-rwxr-xr-x usr/local/bin/assay-index",
		"-rwxr-xr-x usr/local/bin/assay",
		"-rwxr-xr-x usr/local/bin/assay-controller",
		"-rwxr-xr-x usr/local/bin/assay-kms",
		"-rwxr-xr-x usr/local/bin/assay-webhook",
		"-rwxr-xr-x usr/local/bin/kubectl-assay",
	}
	if diff := cmp.Diff(want, filesOf(t, image)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestTheSameProgramsGiveTheSameDigest(t *testing.T) {
	b := newBuilder(t, "0")
	digests := map[v1.Hash]bool{}
	for range 2 {
		image, err := b.build()
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests[digest] = true
		touch(t, b.programs)
	}
	if len(digests) != 1 {
		t.Errorf("got digests %v, want one", digests)
	}
}

func TestProgramsThatNeedACLibraryAreRefused(t *testing.T) {
	b := newBuilder(t, "1")
	if _, err := b.build(); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("got %v, want an error that tells how to build", err)
	}
}

func TestTheDockerfileSaysTheSame(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	wants := []string{
		"FROM scratch\n", "ENV " + searchPath + "\n", "USER " + user + "\n", `ENTRYPOINT ["` + entrypoint + "\"]\n",
		"/src/bin/ca-certificates.crt /" + path.Dir(certificateFile) + "/\n",
	}
	for _, name := range programs() {
		wants = append(wants, "COPY --from=build /src/bin/"+name+" /"+programFolder+"/\n")
	}
	for key, value := range (builder{version: "$VERSION"}).labels() {
		wants = append(wants, key+`="`+value+`"`)
	}
	for _, want := range wants {
		if !strings.Contains(string(content), want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
}

// newBuilder builds one small program and gives it every name.
func newBuilder(t *testing.T, cgo string) builder {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(dir, programs()[0])
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", built, source)
	compile.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if output, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, name := range programs()[1:] {
		if err := os.Link(built, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	certificates := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(certificates, []byte("certificates"), 0o600); err != nil {
		t.Fatal(err)
	}
	return builder{programs: dir, certificates: certificates, version: "v0"}
}

// touch changes the times of all files in a folder.
func touch(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		earlier := info.ModTime().AddDate(-1, 0, 0)
		if err := os.Chtimes(filepath.Join(dir, entry.Name()), earlier, earlier); err != nil {
			t.Fatal(err)
		}
	}
}

func onlyImage(t *testing.T, dir string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("%d images in the layout, want 1", len(manifest.Manifests))
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// filesOf lists mode and path of the files in an image, layer by layer, and
// checks that root owns them.
func filesOf(t *testing.T, image v1.Image) []string {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filesIn(t, content)...)
		if err := content.Close(); err != nil {
			t.Error(err)
		}
	}
	return files
}

func filesIn(t *testing.T, content io.Reader) []string {
	t.Helper()
	var files []string
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Uid != 0 || header.Gid != 0 {
			t.Errorf("%s belongs to %d:%d, want root", header.Name, header.Uid, header.Gid)
		}
		if header.Typeflag == tar.TypeReg {
			files = append(files, fs.FileMode(header.Mode).String()+" "+header.Name)
		}
	}
}
