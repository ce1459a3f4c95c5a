// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/shareddata"
)

// everything is all builders, the bombs small.
func everything(t *testing.T) map[string]func() (Pushable, error) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("no program, but a file of odd length"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]func() (Pushable, error){
		"operator": image(func() (v1.Image, error) {
			return Operator(program, v1.Platform{OS: "linux", Architecture: "amd64"})
		}),
		"vulnerable debian":     image(VulnerableDebian),
		"vulnerable debian arm": image(VulnerableDebianARM),
		"patched debian":        image(PatchedDebian),
		"distroless debian":     image(DistrolessDebian),
		"uncovered debian":      image(UncoveredDebian),
		"alpine":                image(Alpine),
		"node modules":          image(NodeModules),
		"named jar":             image(NamedJar),
		"nameless jar":          image(NamelessJar),
		"broken jar":            image(BrokenJar),
		"malformed dpkg":        image(MalformedDpkg),
		"over-long dpkg":        image(OverlongDpkg),
		"binary dpkg":           image(BinaryDpkg),
		"malformed rpm":         image(MalformedRPM),
		"over-long apk":         image(OverlongApk),
		"broken package.json":   image(BrokenPackageJSON),
		"amazon":                image(AmazonWithoutVersion),
		"truncated":             image(TruncatedLayer),
		"not a tar":             image(NotATar),
		"not gzip":              image(NotGzip),
		"traversal":             image(Traversal),
		"index and manifest":    image(IndexAndManifest),
		"gzip bomb":             image(func() (v1.Image, error) { return GzipBomb(2 << 20) }),
		"zstd bomb":             image(func() (v1.Image, error) { return ZstdBomb(2 << 20) }),
		"nested bomb":           image(func() (v1.Image, error) { return NestedBomb(2 << 20) }),
		"cpu bomb":              image(func() (v1.Image, error) { return CPUBomb(2 << 20) }),
		"memory bomb":           image(func() (v1.Image, error) { return MemoryBomb(2 << 20) }),
		"many layers":           image(func() (v1.Image, error) { return ManyLayers(3) }),
		"two platforms":         index(TwoPlatforms),
		"nothing runs":          index(NoRunnablePlatform),
		"nested":                index(func() (v1.ImageIndex, error) { return Nested(2) }),
		"attestation": index(func() (v1.ImageIndex, error) {
			return WithAttestation(Build(t, PatchedDebian))
		}),
	}
}

func image(b func() (v1.Image, error)) func() (Pushable, error) {
	return func() (Pushable, error) { return b() }
}

func index(b func() (v1.ImageIndex, error)) func() (Pushable, error) {
	return func() (Pushable, error) { return b() }
}

func TestBuildersAreDeterministicAndTheirImagesPush(t *testing.T) {
	r := registry.New(t)
	for name, builder := range everything(t) {
		t.Run(name, func(t *testing.T) {
			reference := r.Host() + "/" + strings.ReplaceAll(name, " ", "-") + ":test"
			digest, err := Push(t.Context(), reference, Build(t, builder))
			if err != nil {
				t.Fatal(err)
			}
			again, err := Build(t, builder).Digest()
			if err != nil || again.String() != digest {
				t.Errorf("built %s, then %s, %v", digest, again, err)
			}
			if head, err := remote.Head(mustParse(t, reference)); err != nil || head.Digest.String() != digest {
				t.Errorf("the registry has %v, %v; want %s", head, err, digest)
			}
		})
	}
}

func TestPushLogsInAndTrusts(t *testing.T) {
	r := registry.New(t, registry.WithTLS(), registry.WithBasicAuth(registry.Account{User: "robot", Password: "s3cret"}))
	reference, img := "localhost"+r.Host()[strings.Index(r.Host(), ":"):]+"/shop:1", Build(t, Alpine)
	if _, err := Push(t.Context(), reference, img, Through(r.Transport()), As("robot", "s3cret")); err != nil {
		t.Error(err)
	}
	if _, err := Push(t.Context(), reference, img, Through(r.Transport())); err == nil {
		t.Error("pushed without credentials")
	}
}

func mustParse(t *testing.T, reference string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// contents is the root file system of an image: path to body, links with their target.
func contents(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	rc := mutate.Extract(img)
	defer rc.Close()
	files := map[string]string{}
	for r := tar.NewReader(rc); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(body) + h.Linkname
	}
}

func TestRealImagesAreValid(t *testing.T) {
	for name, builder := range map[string]func() (v1.Image, error){
		"vulnerable debian": VulnerableDebian, "patched debian": PatchedDebian, "distroless": DistrolessDebian,
		"alpine": Alpine, "node modules": NodeModules, "named jar": NamedJar, "uncovered": UncoveredDebian,
	} {
		t.Run(name, func(t *testing.T) {
			if err := validate.Image(Build(t, builder)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOperatorImageHoldsTheProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "assay-controller")
	body := strings.Repeat("x", 1000)
	if err := os.WriteFile(program, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := Operator(program, v1.Platform{OS: "linux", Architecture: "arm64"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"usr/local/bin/assay-controller": body}, contents(t, img)); diff != "" {
		t.Error(diff)
	}
	cf, err := img.ConfigFile()
	if err != nil || cf.Config.User != NonRoot || cf.Architecture != "arm64" {
		t.Errorf("configuration: %+v, %v", cf, err)
	}
}

func TestDebianVariants(t *testing.T) {
	vulnerable, patched := contents(t, Build(t, VulnerableDebian)), contents(t, Build(t, PatchedDebian))
	if !strings.Contains(vulnerable[dpkgStatus], "Version: 2.36-9+deb12u1\n") {
		t.Error("the vulnerable one has not the glibc of 12.1")
	}
	if strings.Contains(patched[dpkgStatus], "Version: 2.36-9+deb12u1\n") || !strings.Contains(patched[dpkgStatus], "Package: libc6\n") {
		t.Error("the patched one has the glibc of 12.1, or none")
	}
	if distroless := contents(t, Build(t, DistrolessDebian)); distroless[dpkgStatus] != "" ||
		!strings.HasPrefix(distroless["var/lib/dpkg/status.d/libssl3"], "Package: libssl3\n") {
		t.Error("the distroless one is not like distroless")
	}
	if uncovered := contents(t, Build(t, UncoveredDebian)); !strings.Contains(uncovered["usr/lib/os-release"], "VERSION_ID=\"13\"") {
		t.Errorf("the uncovered one is %q", uncovered["usr/lib/os-release"])
	}
}

func TestIndexes(t *testing.T) {
	tests := map[string]struct {
		build func() (v1.ImageIndex, error)
		want  []string // platforms, or the media type of what has none
	}{
		"two platforms": {TwoPlatforms, []string{"linux/amd64", "linux/arm64"}},
		"an image and its attestation": {func() (v1.ImageIndex, error) { return WithAttestation(Build(t, PatchedDebian)) },
			[]string{"linux/amd64", "unknown/unknown"}},
		"nothing runs": {NoRunnablePlatform, []string{"unknown/unknown"}},
		"nested once":  {func() (v1.ImageIndex, error) { return Nested(1) }, []string{"application/vnd.oci.image.index.v1+json"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := Build(t, tt.build).IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range m.Manifests {
				if d.Platform == nil {
					got = append(got, string(d.MediaType))
					continue
				}
				got = append(got, d.Platform.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSharedImagesLoad(t *testing.T) {
	archive := shareddata.Require(t, "images/distroless.tar.gz")
	saved := shareddata.Require(t, "slsa/v2.0.0/container_workflow_dispatch")
	idx, err := RealTwoPlatforms(archive, saved)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(idx, validate.Fast); err != nil {
		t.Error(err)
	}
	rootfs := shareddata.Require(t, "images/alpine-minirootfs-3.18.9-x86_64.tar.gz")
	img, err := LoadRootFS(rootfs, v1.Platform{OS: "linux", Architecture: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(t, img)["etc/alpine-release"]; got != "3.18.9\n" {
		t.Errorf("the release is %q", got)
	}
}

func TestSavedImagesArePushedWithTheirAttestations(t *testing.T) {
	r := registry.New(t)
	for _, version := range []string{"v1.7.0", "v2.0.0"} {
		dir := shareddata.Require(t, "slsa/"+version+"/container_workflow_dispatch")
		want, err := os.ReadFile(dir + ".digest")
		if err != nil {
			t.Fatal(err)
		}
		got, err := PushSaved(t.Context(), r.Host()+"/slsa:"+version, dir)
		if err != nil || got != strings.TrimSpace(string(want)) {
			t.Errorf("pushed %s, %v; want %s", got, err, want)
		}
		att := r.Host() + "/slsa:" + strings.Replace(got, ":", "-", 1) + ".att"
		if _, err := remote.Head(mustParse(t, att)); err != nil {
			t.Errorf("attestation: %v", err)
		}
	}
}
