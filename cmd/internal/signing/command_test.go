// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package signing_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// noTrustRoot is a trust root without any log or authority: with a key, and without a log, cosign needs none, but asks for one.
const noTrustRoot = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`

// byKey is how cosign verifies with the key that command has.
var byKey = []string{"--key=cosign.pub", "--insecure-ignore-tlog=true", "--trusted-root=trusted-root.json"}

// command is the real cosign, with a folder and a registry of its own.
type command struct {
	path, folder string
	registry     *testregistry.Registry
}

func newCommand(t *testing.T) command {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(binaries, "clients", "cosign"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: bin/clients/cosign is not built; make test builds it")
	}
	c := command{path: path, folder: t.TempDir(), registry: testregistry.New(t)}
	c.write(t, "trusted-root.json", []byte(noTrustRoot))
	return c
}

func (c command) write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.folder, file), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c command) read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (c command) writeKey(t *testing.T, key signature.Key) {
	t.Helper()
	pkix, err := x509.MarshalPKIXPublicKey(key.Public)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, "cosign.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}))
}

// push puts an image into the registry.
func (c command) push(t *testing.T) image.Reference {
	t.Helper()
	made, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := name.NewDigest(c.registry.Host() + "/shop/checkout@" + hash.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(digest, made, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	about, err := image.ParseReference(digest.String())
	if err != nil {
		t.Fatal(err)
	}
	return about
}

// attach makes the bundle a referrer of the image.
func (c command) attach(t *testing.T, about image.Reference, artifact registry.Artifact) {
	t.Helper()
	client, err := oci.New(oci.Options{
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, InsecureHosts: []string{c.registry.Host()},
	})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := client.Reader(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	document, err := reader.Document(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := client.Writer(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	subject := image.Descriptor{MediaType: document.MediaType(), Digest: about.Digest, Size: int64(len(document.Raw))}
	if _, err := writer.Attach(t.Context(), about.Repository, subject, artifact); err != nil {
		t.Fatal(err)
	}
}

// verify runs the command, without a way out but to this host.
func (c command) verify(t *testing.T, about image.Reference, predicateType string, flags []string) {
	t.Helper()
	arguments := append([]string{"verify-attestation", "--type=" + predicateType}, flags...)
	run := exec.CommandContext(t.Context(), c.path, append(arguments, about.String())...)
	run.Dir = c.folder
	run.Env = []string{"HOME=" + c.folder, "HTTPS_PROXY=http://127.0.0.1:1"}
	if output, err := run.CombinedOutput(); err != nil {
		t.Errorf("cosign: %v: %s", err, output)
	}
}
