// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kill_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
)

// The image of the story, without its registry.
const (
	repository = "shop/checkout"
	tag        = "1.8"
)

// fixture is what every round begins with. It is made once and only read from.
type fixture struct {
	bin       string // the folder of the project's programs
	image     v1.Image
	digest    string // sha256:…
	layer     string // the digest of its only layer
	signature v1.Image
	publicKey string
	database  string // a folder
	kev       string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{bin: programs(t), image: images.Build(t, images.PatchedDebian)}
	layers := must(f.image.Layers())(t)
	f.digest = must(f.image.Digest())(t).String()
	f.layer = must(layers[0].Digest())(t).String()
	dir := t.TempDir()
	f.writeIntelligence(t, dir)
	f.sign(t, dir)
	return f
}

// programs is the folder that make build and make clients fill.
func programs(t *testing.T) string {
	t.Helper()
	bin := must(filepath.Abs("../../bin"))(t)
	for _, program := range []string{"assay-controller", "assay-index", "clients/cosign"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			t.Fatalf("%v: run `make build clients`", err)
		}
	}
	return bin
}

func (f *fixture) writeIntelligence(t *testing.T, dir string) {
	t.Helper()
	f.database, f.kev = filepath.Join(dir, "database"), filepath.Join(dir, "kev.json")
	check(t, os.Mkdir(f.database, 0o700))
	check(t, must(advisories.Load())(t).Write(f.database))
	check(t, os.WriteFile(f.kev, must(advisories.KEV())(t), 0o600))
}

// sign has cosign sign the image in a registry and takes the signature from there.
func (f *fixture) sign(t *testing.T, dir string) {
	t.Helper()
	host := registry.New(t).Host()
	must(images.Push(t.Context(), host+"/"+repository+":"+tag, f.image))(t)
	cosign := func(args ...string) {
		command := exec.CommandContext(t.Context(), filepath.Join(f.bin, "clients", "cosign"), args...)
		command.Dir, command.Env = dir, []string{"HOME=" + dir, "COSIGN_PASSWORD=assay"}
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("cosign %s: %v\n%s", args[0], err, output)
		}
	}
	cosign("generate-key-pair")
	cosign("sign", "--key=cosign.key", "--tlog-upload=false", "--yes", host+"/"+repository+"@"+f.digest)
	f.publicKey = string(must(os.ReadFile(filepath.Join(dir, "cosign.pub")))(t))
	signature := must(name.NewTag(host + "/" + repository + ":" + f.signatureTag()))(t)
	f.signature = must(remote.Image(signature, remote.WithContext(t.Context())))(t)
}

func (f *fixture) signatureTag() string { return strings.Replace(f.digest, ":", "-", 1) + ".sig" }

// push puts the signed image into a registry.
func (f *fixture) push(t *testing.T, host string) {
	t.Helper()
	for tag, what := range map[string]v1.Image{tag: f.image, f.signatureTag(): f.signature} {
		must(images.Push(t.Context(), fmt.Sprintf("%s/%s:%s", host, repository, tag), what))(t)
	}
}

// must returns a function that returns v, and ends the test when there is an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
