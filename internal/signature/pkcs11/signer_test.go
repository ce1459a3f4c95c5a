// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"
)

const pin = "canary-1234"

// softHSM is a token of SoftHSM 2 with keys in it.
type softHSM struct{ module, folder string }

// newSoftHSM makes a token. The library reads its configuration once per process, so that all tests share one folder of tokens.
func newSoftHSM(t *testing.T) softHSM {
	t.Helper()
	for _, module := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so"} {
		if _, err := os.Stat(module); err == nil {
			return softHSM{module, t.TempDir()}
		}
	}
	t.Skip("SKIPPED: SoftHSM 2 is not installed (Debian: softhsm2)")
	return softHSM{}
}

func TestMain(m *testing.M) {
	os.Exit(inFolder(m))
}

func inFolder(m *testing.M) int {
	folder, err := os.MkdirTemp("", "softhsm")
	if err != nil {
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	configuration := filepath.Join(folder, "softhsm2.conf")
	content := "directories.tokendir = " + folder + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	if os.WriteFile(configuration, []byte(content), 0o600) != nil || os.Setenv("SOFTHSM2_CONF", configuration) != nil {
		return 1
	}
	// The library knows the tokens that are there when it is loaded, so that all are made before.
	for _, label := range []string{"keys", "wrong-pin", "lost"} {
		if output, err := exec.CommandContext(context.Background(), "softhsm2-util", "--init-token", "--free", "--label="+label, "--pin="+pin, "--so-pin=so-"+pin).CombinedOutput(); err != nil {
			_, _ = os.Stderr.Write(output)
			break // not installed; the tests say so
		}
	}
	return m.Run()
}

// uri names a key, with the PIN in a file.
func (s softHSM) uri(t *testing.T, token, attributes, pin string) string {
	t.Helper()
	file := filepath.Join(s.folder, rand.Text())
	if err := os.WriteFile(file, []byte(pin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "pkcs11:token=" + token + ";" + attributes + "?module-path=" + s.module + "&pin-source=file:" + file
}

// generate makes a key pair in the token, as an administrator's tool does.
func (s softHSM) generate(t *testing.T, label, object, id string, mechanism uint, public ...*pkcs11.Attribute) {
	t.Helper()
	admin := &token{at: locator{token: label, module: s.module, pinFile: strings.TrimPrefix(s.pinFile(t), "file:"), object: object}}
	if err := admin.open(); err != nil && !strings.Contains(err.Error(), "no such key pair") {
		t.Fatal(err)
	}
	defer func() { _ = admin.library.CloseSession(admin.session) }()
	slot, _, err := admin.slot()
	if err != nil {
		t.Fatal(err)
	}
	writable, err := admin.library.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.library.CloseSession(writable) }()
	both := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, object), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
	}
	private := append([]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true)}, both...)
	_, _, err = admin.library.GenerateKeyPair(writable, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, append(public, both...), private)
	if err != nil {
		t.Fatal(err)
	}
}

func (s softHSM) pinFile(t *testing.T) string {
	t.Helper()
	_, file, _ := strings.Cut(s.uri(t, "", "", pin), "pin-source=")
	return file
}

func (s softHSM) generateECDSA(t *testing.T, label, object, id, curve string) {
	t.Helper()
	parameters, err := hex.DecodeString(curve)
	if err != nil {
		t.Fatal(err)
	}
	s.generate(t, label, object, id, pkcs11.CKM_EC_KEY_PAIR_GEN, pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, parameters))
}

// Object identifiers of curves in DER.
const (
	curveP256 = "06082a8648ce3d030107"
	curveP384 = "06052b81040022"
)

func TestKeysInATokenSign(t *testing.T) {
	s := newSoftHSM(t)
	s.generateECDSA(t, "keys", "p256", "1", curveP256)
	s.generateECDSA(t, "keys", "p384", "2", curveP384)
	s.generate(t, "keys", "rsa", "3", pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN,
		pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, 2048), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}))
	s.generateECDSA(t, "keys", "twice", "4", curveP256)
	s.generateECDSA(t, "keys", "twice", "5", curveP256)
	for name, test := range map[string]struct{ attributes, complaint string }{
		"P-256":                      {"object=p256", ""},
		"P-384":                      {"object=p384", "neither ECDSA on P-256 nor RSA"},
		"RSA":                        {"object=rsa", ""},
		"a key by its number":        {"id=1", ""},
		"one of two, by its number":  {"object=twice;id=5", ""},
		"two keys of the same label": {"object=twice", "several"},
		"no such key":                {"object=another", "no such key pair"},
	} {
		t.Run(name, func(t *testing.T) {
			signer, err := Open(t.Context(), s.uri(t, "keys", test.attributes, pin))
			if test.complaint != "" {
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.complaint) {
					t.Errorf("Open: %v, want one that says %q", err, test.complaint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sig, err := signer.Sign(t.Context(), []byte("a statement"))
			if err != nil {
				t.Fatal(err)
			}
			if !signer.Key().Signed([]byte("a statement"), sig) || signer.Key().Signed([]byte("another"), sig) {
				t.Error("the signature is not the key's over the message")
			}
		})
	}
}

func TestAWrongPINIsTriedOnce(t *testing.T) {
	s := newSoftHSM(t)
	at, err := parse(s.uri(t, "wrong-pin", "object=seal", "wrong-"+pin))
	if err != nil {
		t.Fatal(err)
	}
	asked := &token{at: at}
	first := asked.open()
	if !errors.Is(first, ErrRefused) || !strings.Contains(first.Error(), "CKR_PIN_INCORRECT") || strings.Contains(first.Error(), pin) {
		t.Fatalf("open: %v", first)
	}
	// The right one does not matter any more.
	if err := os.WriteFile(at.pinFile, []byte(pin), 0o600); err != nil {
		t.Fatal(err)
	}
	if second := asked.open(); second == nil || second.Error() != first.Error() {
		t.Errorf("open: %v, want %v", second, first)
	}
}

func TestATokenIsNotLockedByTrying(t *testing.T) {
	for name, test := range map[string]struct {
		flags uint
		may   bool
	}{
		"nothing happened":    {pkcs11.CKF_LOGIN_REQUIRED, true},
		"one was wrong":       {pkcs11.CKF_USER_PIN_COUNT_LOW, true},
		"the last is left":    {pkcs11.CKF_USER_PIN_COUNT_LOW | pkcs11.CKF_USER_PIN_FINAL_TRY, false},
		"it is locked":        {pkcs11.CKF_USER_PIN_LOCKED, false},
		"it needs no log-in ": {0, true},
	} {
		if err := mayTry(test.flags); (err == nil) != test.may {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALostSessionIsOpenedAgainOnce(t *testing.T) {
	s := newSoftHSM(t)
	s.generateECDSA(t, "lost", "seal", "1", curveP256)
	opened, err := Open(t.Context(), s.uri(t, "lost", "object=seal", pin))
	if err != nil {
		t.Fatal(err)
	}
	signer, isSigner := opened.(*Signer)
	if !isSigner {
		t.Fatalf("%T", opened)
	}
	lose := func() {
		slot, _, err := signer.token.slot()
		if err == nil {
			err = signer.token.library.CloseAllSessions(slot)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	lose()
	if _, err := signer.Sign(t.Context(), []byte("a statement")); err != nil {
		t.Errorf("after the session was lost: %v", err)
	}
	lose()
	if err := os.WriteFile(signer.token.at.pinFile, []byte("changed-"+pin), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := signer.Sign(t.Context(), []byte("a statement")); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "CKR_PIN_INCORRECT") {
			t.Errorf("with another PIN: %v", err)
		}
	}
}
