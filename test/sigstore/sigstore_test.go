// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sigstore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/sigstore"
)

const (
	binaries  = "../../bin"
	namespace = "test-sigstore"
	builder   = "builder"
	identity  = "https://kubernetes.io/namespaces/" + namespace + "/serviceaccounts/"
)

// TestKeylessSignaturesAreMadeAndVerifiedOffline signs as a service account, with the cosign command.
func TestKeylessSignaturesAreMadeAndVerifiedOffline(t *testing.T) {
	cluster := controlplane.ForTest(t)
	services := sigstore.ForTest(t, cluster, binaries)
	image := push(t)
	token := sigstore.TokenFile(t, cluster, namespace, builder)

	runCosign(t, "", "sign", "--yes", "--new-bundle-format", "--identity-token="+token,
		"--signing-config="+services.SigningConfig, "--trusted-root="+services.TrustedRoot, image)
	runCosign(t, "", "attest", "--yes", "--new-bundle-format", "--identity-token="+token, "--type="+attested, "--predicate="+predicate(t),
		"--signing-config="+services.SigningConfig, "--trusted-root="+services.TrustedRoot, image)
	for name, test := range map[string]struct{ account, issuer, complaint string }{
		"the one who signed":                          {builder, cluster.Issuer(), ""},
		"another account":                             {"somebody", cluster.Issuer(), "no matching CertificateIdentity"},
		"an account of the same name by a stranger's": {builder, "https://issuer.example.com", "no matching CertificateIdentity"},
	} {
		t.Run(name, func(t *testing.T) {
			runCosign(t, test.complaint, "verify", "--new-bundle-format", "--trusted-root="+services.TrustedRoot, "--use-signed-timestamps",
				"--insecure-ignore-sct", // there is no log of certificates
				"--certificate-identity="+identity+test.account, "--certificate-oidc-issuer="+test.issuer, image)
		})
	}
	t.Run("Assay finds who signed, when, and where it is logged", func(t *testing.T) {
		root, err := os.ReadFile(services.TrustedRoot)
		if err != nil {
			t.Fatal(err)
		}
		if err := services.Stop(t.Context()); err != nil { // nobody is asked any more
			t.Fatal(err)
		}
		findKeyless(t, image, root, identity+builder, cluster.Issuer())
	})
}

// push returns an image in a registry by its digest.
func push(t *testing.T) string {
	t.Helper()
	r, err := registry.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	repository := r.Host() + "/shop/checkout"
	digest, err := images.Push(t.Context(), repository+":1", images.Build(t, images.PatchedDebian))
	if err != nil {
		t.Fatal(err)
	}
	return repository + "@" + digest
}

// runCosign runs the command, which must succeed, or fail with the complaint if there is one.
func runCosign(t *testing.T, complaint string, args ...string) {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(binaries, "clients", "cosign"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = []string{"HOME=" + t.TempDir()}
	output, err := command.CombinedOutput()
	if (err == nil) != (complaint == "") || !strings.Contains(string(output), complaint) {
		t.Fatalf("cosign %s: %v, want %q:\n%s", args[0], err, complaint, output)
	}
}
