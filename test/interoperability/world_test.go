// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package interoperability_test holds what Assay signs against the cosign command, and what the command signs against Assay: with a key, as
// bundles and in tag-based form, on registries with and without the referrers API.
//
// Keyless signatures take services and a cluster, and are tested where those are: what the command makes of them in test/sigstore, what
// Assay makes of them in cmd/internal/signing. Keys of other kinds than cosign's default are in internal/signature/cosign.
package interoperability_test

import (
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
	"github.com/assay-dev/assay/internal/signature/cosign"
	testregistry "github.com/assay-dev/assay/test/registry"
)

const binaries = "../../bin"

// noTrustRoot is a trust root without any log or authority: with a key, and without a log, cosign needs none, but asks for one.
const noTrustRoot = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`

// sbom is the document that is attested.
const sbom = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"<a&b>"}`

// bothKinds of registries: go-containerregistry's, which has the referrers API, and the CNCF's Distribution, where the fallback tag stands in.
func bothKinds(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"with the referrers API":    testregistry.New(t).Host(),
		"without the referrers API": testregistry.Distribution(t, binaries),
	}
}

// command is the real cosign with a folder of its own, in which there are two key pairs: ours and theirs.
type command struct {
	path, folder string
	ours, theirs *cosign.Signer
}

func newCommand(t *testing.T) *command {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(binaries, "clients", "cosign"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: bin/clients/cosign is not built; make test builds it")
	}
	c := &command{path: path, folder: t.TempDir()}
	c.write(t, "trusted-root.json", []byte(noTrustRoot))
	c.write(t, "sbom.json", []byte(sbom))
	c.ours, c.theirs = c.newKey(t, "ours"), c.newKey(t, "theirs")
	return c
}

func (c *command) write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.folder, file), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newKey makes a key pair that the command and Assay can sign with.
func (c *command) newKey(t *testing.T, name string) *cosign.Signer {
	t.Helper()
	private, public, err := cosign.GenerateKeyPair([]byte("password"))
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, name+".key", private)
	c.write(t, name+".pub", public)
	signer, err := cosign.LoadSigner(private, []byte("password"))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// run runs the command, with no way out but to registries on this host.
func (c *command) run(t *testing.T, arguments ...string) (output []byte, err error) {
	t.Helper()
	run := exec.CommandContext(t.Context(), c.path, arguments...)
	run.Dir = c.folder
	run.Env = []string{"HOME=" + c.folder, "COSIGN_PASSWORD=password", "COSIGN_YES=true", "HTTPS_PROXY=http://127.0.0.1:1"}
	return run.CombinedOutput()
}

// must runs the command, which must not fail.
func (c *command) must(t *testing.T, arguments ...string) {
	t.Helper()
	if output, err := c.run(t, arguments...); err != nil {
		t.Fatalf("cosign %v: %v\n%s", arguments, err, output)
	}
}

// verifies demands that the command finds a signature by the key, or with a type an attestation, or that it finds none.
func (c *command) verifies(t *testing.T, want bool, key, predicateType string, about image.Reference) {
	t.Helper()
	arguments := []string{"verify"}
	if predicateType != "" {
		arguments = []string{"verify-attestation", "--type=" + predicateType}
	}
	output, err := c.run(t, append(arguments, "--key="+key+".pub", "--insecure-ignore-tlog=true", "--trusted-root=trusted-root.json", about.String())...)
	if (err == nil) != want {
		t.Errorf("%v by %s: %v, and that it verifies must be %t\n%s", arguments, key, err, want, output)
	}
}

// client speaks to registries on this host.
func client(t *testing.T, host string) (registry.Reader, registry.Writer) {
	t.Helper()
	client, err := oci.New(oci.Options{AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, InsecureHosts: []string{host}})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := client.Reader(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	writer, err := client.Writer(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	return reader, writer
}

// pushed puts an image that nobody has yet into a registry.
func pushed(t *testing.T, host string) image.Reference {
	t.Helper()
	made, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	at, err := name.NewDigest(host + "/shop/checkout@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(at, made, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	about, err := image.ParseReference(at.String())
	if err != nil {
		t.Fatal(err)
	}
	return about
}
