// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// noServices is a signing configuration without any, which is how cosign 3 signs where there are no logs.
const noServices = `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}`

// cosignCommand returns the path of the real cosign command, which make test builds.
func cosignCommand(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../bin/clients/cosign")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: bin/clients/cosign is not built; make test builds it")
	}
	return path
}

// runCosign runs the command in a folder of its own, with no way out but to registries on this host.
func runCosign(t *testing.T, folder string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), cosignCommand(t), args...)
	command.Dir = folder
	command.Env = []string{"HOME=" + folder, "COSIGN_PASSWORD=" + string(password), "COSIGN_YES=true", "HTTPS_PROXY=http://127.0.0.1:1", "COSIGN_EXPERIMENTAL=0"}
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("cosign %v: %v\n%s", args, err, output)
	}
}

// TestSignaturesOfTheCosignCommand: whatever the command makes of a key, in both forms and on both kinds of registries.
func TestSignaturesOfTheCosignCommand(t *testing.T) {
	cosignCommand(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{
		"ECDSA P-256": ecdsaPrivate(t, elliptic.P256()),
		"Ed25519":     edwards,
		"RSA":         rsaKey,
	}
	const withSigningConfiguration = "as a bundle, with a signing configuration"
	forms := map[string][]string{
		"under the tag":          {"--tlog-upload=false"},
		"as a bundle":            {"--tlog-upload=false", "--new-bundle-format"},
		withSigningConfiguration: {"--new-bundle-format", "--signing-config=signing-config.json"},
	}
	registries := realKinds(t)
	for kind, private := range keys {
		folder := t.TempDir()
		write := func(file string, content []byte) {
			if err := os.WriteFile(filepath.Join(folder, file), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("cosign.key", encryptedKey(t, private))
		write("signing-config.json", []byte(noServices))
		key, err := signature.NewKey(private.Public())
		if err != nil {
			t.Fatal(err)
		}
		for form, flags := range forms {
			for registryName, host := range registries {
				t.Run(kind+" "+form+", "+registryName, func(t *testing.T) {
					if kind == "Ed25519" && form == withSigningConfiguration {
						t.Skip("cosign v2.6.5 cannot: it signs pre-hashed and then checks its own signature as a pure one")
					}
					digest := pushed(t, host)
					runCosign(t, folder, append(append([]string{"sign", "--key=cosign.key"}, flags...), digest.String())...)
					wantSigned(t, digest, key)
				})
			}
		}
	}
}

// realKinds of registries: go-containerregistry's, which has the referrers API, and the CNCF's Distribution, where the fallback tag stands in.
func realKinds(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"with the referrers API":    testregistry.New(t).Host(),
		"without the referrers API": testregistry.Distribution(t, "../../../bin"),
	}
}

// TestAttestationsOfTheCosignCommand are found, by their type, in both forms and on both kinds of registries. They are no signatures
// (CVE-2022-35929).
func TestAttestationsOfTheCosignCommand(t *testing.T) {
	cosignCommand(t)
	private := ecdsaPrivate(t, elliptic.P256())
	key, err := signature.NewKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for file, content := range map[string][]byte{
		"cosign.key": encryptedKey(t, private), "predicate.json": []byte(`{}`), "signing-config.json": []byte(noServices),
	} {
		if err := os.WriteFile(filepath.Join(folder, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	forms := map[string][]string{
		"under the tag": {"--tlog-upload=false"},
		"as a bundle":   {"--tlog-upload=false", "--new-bundle-format"},
		"as a bundle, with a signing configuration": {"--new-bundle-format", "--signing-config=signing-config.json"},
	}
	anchor := signature.Anchor{Key: &key}
	for registryName, host := range realKinds(t) {
		for form, flags := range forms {
			t.Run(form+", "+registryName, func(t *testing.T) {
				digest := pushed(t, host)
				args := append([]string{"attest", "--key=cosign.key", "--type=spdxjson", "--predicate=predicate.json"}, flags...)
				runCosign(t, folder, append(args, digest.String())...)
				for wanted, want := range map[string]int{spdx: 1, slsa: 0, signPredicate: 0} {
					found := find(t, digest, signature.Search{Anchors: []signature.Anchor{anchor}, PredicateTypes: []string{wanted}})
					got := found.Statements[anchor.ID()]
					if len(got.Signed) != want || got.Rest != evidence.Checked("") && want > 0 || got.Rest.State != evidence.Known {
						t.Errorf("for %s: %+v", wanted, got)
					}
					for _, signed := range got.Signed {
						if signed.PredicateType != spdx || signed.Signer.Key != key.Fingerprint || !slices.Equal(signed.Manifests, []image.Digest{referenceOf(t, digest).Digest}) {
							t.Errorf("got %+v", signed)
						}
					}
				}
			})
		}
	}
}
