// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/signature/kms"
	"github.com/assay-dev/assay/test/azurekeys"
)

func TestKeysOfAzureSign(t *testing.T) {
	service := azurekeys.New(t)
	options := kms.Options{Program: program(t), URI: service.AddECDSA(t, "assay"), Environment: service.Environment()}
	signer, err := kms.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	sign := func() error {
		sig, err := signer.Sign(t.Context(), []byte("a statement"))
		if err == nil && !signer.Key().Signed([]byte("a statement"), sig) {
			t.Error("the signature is not the key's over the message")
		}
		return err
	}
	if err := sign(); err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]error{http.StatusForbidden: kms.ErrRefused, http.StatusNotFound: kms.ErrRefused} {
		service.Refuse(status)
		if err := sign(); !errors.Is(err, want) || !strings.Contains(err.Error(), "from Azure Key Vault") || strings.Contains(err.Error(), "canary") {
			t.Errorf("status %d: %v, want %v", status, err, want)
		}
	}
	service.Refuse(0)
	service.AddECDSA(t, "assay")
	if err := sign(); !errors.Is(err, kms.ErrRefused) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("a new version of the key: %v", err)
	}
	service.Stop()
	if err := sign(); !errors.Is(err, kms.ErrUnreachable) || strings.Contains(err.Error(), "canary") {
		t.Errorf("nobody there: %v", err)
	}
}
