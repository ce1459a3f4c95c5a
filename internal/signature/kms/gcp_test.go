// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/internal/signature/kms"
	"github.com/assay-dev/assay/test/gcpkms"
)

func TestKeysOfGoogleSign(t *testing.T) {
	service := gcpkms.ForTest(t, "../../../bin")
	for name, version := range map[string]string{"its newest version": "", "a version that is named": "/cryptoKeyVersions/1"} {
		t.Run(name, func(t *testing.T) {
			signer, err := kms.Open(t.Context(), kms.Options{Program: program(t), URI: service.URI() + version, Environment: service.Environment()})
			if err != nil {
				t.Fatal(err)
			}
			sig, err := signer.Sign(t.Context(), []byte("a statement"))
			if err != nil || !signer.Key().Signed([]byte("a statement"), sig) {
				t.Errorf("Sign: %v", err)
			}
		})
	}
	for name, test := range map[string]struct {
		uri  string
		want error
		says string
	}{
		"no such key":     {service.URI() + "2", kms.ErrRefused, "NotFound"},
		"no such version": {service.URI() + "/cryptoKeyVersions/7", kms.ErrRefused, "NotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := kms.Open(t.Context(), kms.Options{Program: program(t), URI: test.uri, Environment: service.Environment()})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "canary") {
				t.Errorf("Open: %v, want %v that says %q", err, test.want, test.says)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		service.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // gRPC tries until there is none left
		defer cancel()
		_, err := kms.Open(ctx, kms.Options{Program: program(t), URI: service.URI(), Environment: service.Environment()})
		if !errors.Is(err, kms.ErrUnreachable) || strings.Contains(err.Error(), "canary") {
			t.Errorf("Open: %v", err)
		}
	})
}
