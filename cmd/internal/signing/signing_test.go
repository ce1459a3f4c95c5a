// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package signing_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/cmd/internal/signing"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/signature/cosign"
	"github.com/assay-dev/assay/internal/signature/fake"
	"github.com/assay-dev/assay/internal/signature/keyless"
	"github.com/assay-dev/assay/test/awskms"
	"github.com/assay-dev/assay/test/azurekeys"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/gcpkms"
	"github.com/assay-dev/assay/test/sigstore"
	"github.com/assay-dev/assay/test/vault"
)

const (
	binaries = "../../../bin"
	sbom     = `{"spdxVersion":"SPDX-2.3"}`
)

// kmsProgram is assay-kms itself.
func kmsProgram(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(binaries, "assay-kms"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: bin/assay-kms is not built; make test builds it")
	}
	return path
}

// setUp makes a signer with whatever it needs, and returns how cosign verifies it.
type setUp func(t *testing.T, c command) (signing.Options, []string)

// signers are all that every build has.
var signers = map[string]setUp{
	"the seal key": func(*testing.T, command) (signing.Options, []string) {
		return signing.Options{SealKey: fake.NewSigner("seal")}, byKey
	},
	"a key pair in a Secret": func(t *testing.T, _ command) (signing.Options, []string) {
		private, public, err := cosign.GenerateKeyPair([]byte("password"))
		if err != nil {
			t.Fatal(err)
		}
		secret := map[string][]byte{"cosign.key": private, "cosign.password": []byte("password"), "cosign.pub": public}
		return signing.Options{Reference: "secret:release", Secret: secretOf("release", secret)}, byKey
	},
	"a key in Vault": func(t *testing.T, _ command) (signing.Options, []string) {
		service := vault.ForTest(t, binaries)
		return signing.Options{Reference: service.AddKey(t, "assay", "ecdsa-p256"), Program: kmsProgram(t), Environment: service.Environment()}, byKey
	},
	"an RSA key in Vault": func(t *testing.T, _ command) (signing.Options, []string) {
		service := vault.ForTest(t, binaries)
		return signing.Options{Reference: service.AddKey(t, "assay", "rsa-2048"), Program: kmsProgram(t), Environment: service.Environment()}, byKey
	},
	"a key in AWS": func(t *testing.T, _ command) (signing.Options, []string) {
		service := awskms.New(t)
		service.AddECDSA(t, "assay")
		return signing.Options{Reference: service.URI("assay"), Program: kmsProgram(t), Environment: service.Environment()}, byKey
	},
	"a key in Azure": func(t *testing.T, _ command) (signing.Options, []string) {
		service := azurekeys.New(t)
		return signing.Options{Reference: service.AddECDSA(t, "assay"), Program: kmsProgram(t), Environment: service.Environment()}, byKey
	},
	"a key in Google Cloud": func(t *testing.T, _ command) (signing.Options, []string) {
		service := gcpkms.ForTest(t, binaries)
		return signing.Options{Reference: service.URI(), Program: kmsProgram(t), Environment: service.Environment()}, byKey
	},
	"a service account": func(t *testing.T, c command) (signing.Options, []string) {
		const namespace, account = "test-signing", "assay"
		cluster := controlplane.ForTest(t)
		services := sigstore.ForTest(t, cluster, binaries)
		options := keyless.Options{
			SigningConfig: c.read(t, services.SigningConfig), TrustedRoot: c.read(t, services.TrustedRoot),
			TokenFile: sigstore.TokenFile(t, cluster, namespace, account),
			Subject:   sigstore.Subject(namespace, account), Issuer: cluster.Issuer(), Clock: clock.RealClock{},
		}
		return signing.Options{Reference: "keyless", Keyless: options}, []string{
			"--new-bundle-format", "--trusted-root=" + services.TrustedRoot, "--use-signed-timestamps", "--insecure-ignore-sct", // there is no log of certificates
			"--certificate-identity=" + options.Subject, "--certificate-oidc-issuer=" + options.Issuer,
		}
	},
}

func secretOf(name string, data map[string][]byte) func(context.Context, string) (map[string][]byte, error) {
	return func(_ context.Context, asked string) (map[string][]byte, error) {
		if asked != name {
			return nil, errors.New("not found")
		}
		return data, nil
	}
}

func TestTheCosignCommandVerifiesWhatEverySignerSigns(t *testing.T) {
	all := maps.Clone(signers)
	maps.Copy(all, tokens)
	for name, setUp := range all {
		t.Run(name, func(t *testing.T) {
			c := newCommand(t)
			options, flags := setUp(t, c)
			signer, believed, err := signing.Open(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			if key := signer.Anchor().Key; key != nil {
				c.writeKey(t, *key)
			}
			about := c.push(t)
			bundle, err := attestation.Attest(t.Context(), signer, about, attestation.PredicateSPDX, []byte(sbom))
			if err != nil {
				t.Fatal(err)
			}
			c.attach(t, about, attestation.Artifact(bundle, attestation.PredicateSPDX))
			c.verify(t, about, "spdxjson", flags)
			if predicate, err := attestation.Open(bundle, believed, about.Digest, attestation.PredicateSPDX); err != nil || string(predicate) != sbom {
				t.Errorf("Assay does not believe itself: %s, %v", predicate, err)
			}
			strange, err := attestation.Attest(t.Context(), attestation.ByKey(fake.NewSigner("a stranger")), about, attestation.PredicateSPDX, []byte(sbom))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := attestation.Open(strange, believed, about.Digest, attestation.PredicateSPDX); !errors.Is(err, attestation.ErrInvalid) {
				t.Errorf("a stranger is believed: %v", err)
			}
		})
	}
}

func TestWhatIsNoSignerIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		options   signing.Options
		complaint string
	}{
		"a word":                      {signing.Options{Reference: "seal"}, "is no signer"},
		"a Secret that is not there":  {signing.Options{Reference: "secret:a", Secret: secretOf("b", nil)}, "read Secret a"},
		"a Secret that holds no key":  {signing.Options{Reference: "secret:a", Secret: secretOf("a", nil)}, "the key in Secret a"},
		"no program for the services": {signing.Options{Reference: "awskms:///alias/assay"}, "program"},
		"no files for keyless":        {signing.Options{Reference: "keyless"}, "signing_config.json"},
		"a token without a PIN":       {signing.Options{Reference: "pkcs11:token=a;object=b?module-path=/l"}, "pin-source"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := signing.Open(t.Context(), test.options); err == nil || !strings.Contains(err.Error(), test.complaint) {
				t.Errorf("Open: %v, want one that says %q", err, test.complaint)
			}
		})
	}
}
