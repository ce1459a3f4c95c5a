// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/signature/kms"
	"github.com/assay-dev/assay/test/vault"
)

func TestKeysOfVaultSign(t *testing.T) {
	service := vault.ForTest(t, "../../../bin")
	open := func(t *testing.T, uri string, environment ...string) (*kms.Signer, error) {
		t.Helper()
		return kms.Open(t.Context(), kms.Options{Program: program(t), URI: uri, Environment: append(service.Environment(), environment...)})
	}
	for _, kind := range []string{"ecdsa-p256", "rsa-2048", "rsa-4096"} {
		t.Run(kind, func(t *testing.T) {
			signer, err := open(t, service.AddKey(t, kind, kind))
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
	for _, kind := range []string{"ecdsa-p384", "ed25519"} {
		t.Run(kind+", about whose hash clients disagree", func(t *testing.T) {
			if _, err := open(t, service.AddKey(t, kind, kind)); !errors.Is(err, kms.ErrRefused) || !strings.Contains(err.Error(), "neither ECDSA on P-256 nor RSA") {
				t.Errorf("Open: %v", err)
			}
		})
	}
	t.Run("a rotated key", func(t *testing.T) {
		signer, err := open(t, service.AddKey(t, "rotated", "ecdsa-p256"))
		if err != nil {
			t.Fatal(err)
		}
		service.Do(t, http.MethodPost, "transit/keys/rotated/rotate", "")
		if _, err := signer.Sign(t.Context(), []byte("a statement")); !errors.Is(err, kms.ErrRefused) || !strings.Contains(err.Error(), "another key") {
			t.Errorf("Sign: %v", err)
		}
	})
	t.Run("a token that is not good", func(t *testing.T) {
		_, err := open(t, "hashivault://rotated", "VAULT_TOKEN=hvs.canary-of-another")
		if !errors.Is(err, kms.ErrRefused) || !strings.Contains(err.Error(), "status 403 from Vault") {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("no such key", func(t *testing.T) {
		if _, err := open(t, "hashivault://nothing"); !errors.Is(err, kms.ErrRefused) || strings.Contains(err.Error(), service.Token()) {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("a Vault that is sealed, and one that is gone", func(t *testing.T) {
		signer, err := open(t, service.AddKey(t, "sealed", "ecdsa-p256"))
		if err != nil {
			t.Fatal(err)
		}
		service.Do(t, http.MethodPut, "sys/seal", "")
		if _, err := signer.Sign(t.Context(), []byte("a statement")); !errors.Is(err, kms.ErrUnreachable) {
			t.Errorf("Sign: %v", err)
		}
		service.Stop()
		if _, err := signer.Sign(t.Context(), []byte("a statement")); !errors.Is(err, kms.ErrUnreachable) {
			t.Errorf("Sign: %v", err)
		}
	})
}
