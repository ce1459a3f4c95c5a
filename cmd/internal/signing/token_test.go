// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build pkcs11

package signing_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/assay-dev/assay/cmd/internal/signing"
)

// tokens are signers of this build.
var tokens = map[string]setUp{
	"a key in a PKCS #11 token": func(t *testing.T, c command) (signing.Options, []string) {
		const module = "/usr/lib/softhsm/libsofthsm2.so"
		if _, err := os.Stat(module); err != nil {
			t.Skip("SKIPPED: SoftHSM 2 is not installed (Debian: softhsm2)")
		}
		folder, pin := t.TempDir(), "1234-canary"
		t.Setenv("SOFTHSM2_CONF", filepath.Join(folder, "softhsm2.conf"))
		c.write(t, "key.pem", newKey(t))
		for file, content := range map[string]string{"softhsm2.conf": "directories.tokendir = " + folder + "\n", "pin": pin} {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, arguments := range [][]string{
			{"--init-token", "--free", "--label=assay", "--pin=" + pin, "--so-pin=so-" + pin},
			{"--import=" + filepath.Join(c.folder, "key.pem"), "--token=assay", "--label=seal", "--id=01", "--pin=" + pin},
		} {
			if output, err := exec.CommandContext(t.Context(), "softhsm2-util", arguments...).CombinedOutput(); err != nil {
				t.Fatalf("softhsm2-util: %v: %s", err, output)
			}
		}
		uri := "pkcs11:token=assay;object=seal?module-path=" + module + "&pin-source=" + filepath.Join(folder, "pin")
		return signing.Options{Reference: uri}, byKey
	},
}

// newKey is a private key in the form that SoftHSM takes in.
func newKey(t *testing.T) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}
