// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/signature/kms"
	"github.com/assay-dev/assay/test/awskms"
)

// program is assay-kms itself.
func program(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../bin/assay-kms")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: bin/assay-kms is not built; make test builds it")
	}
	return path
}

func TestKeysOfAWSSign(t *testing.T) {
	service := awskms.New(t)
	for name, add := range map[string]func(t *testing.T, alias string){
		"ecdsa": service.AddECDSA,
		"rsa":   service.AddRSA,
	} {
		t.Run(name, func(t *testing.T) {
			add(t, name)
			options := kms.Options{Program: program(t), URI: service.URI(name), Environment: service.Environment()}
			signer, err := kms.Open(t.Context(), options)
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
			key, err := kms.PublicKey(t.Context(), options)
			if err != nil || key.Fingerprint != signer.Key().Fingerprint {
				t.Errorf("PublicKey: %s, %v", key.Fingerprint, err)
			}
		})
	}
}

func TestARotatedKeyDoesNotSign(t *testing.T) {
	service := awskms.New(t)
	service.AddECDSA(t, "assay")
	signer, err := kms.Open(t.Context(), kms.Options{Program: program(t), URI: service.URI("assay"), Environment: service.Environment()})
	if err != nil {
		t.Fatal(err)
	}
	service.AddECDSA(t, "assay")
	if _, err := signer.Sign(t.Context(), []byte("a statement")); !errors.Is(err, kms.ErrRefused) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("Sign: %v", err)
	}
}

func TestFailuresOfTheServiceAreToldApart(t *testing.T) {
	service := awskms.New(t)
	service.AddECDSA(t, "assay")
	gone := "awskms://127.0.0.1:1/alias/assay"
	for name, test := range map[string]struct {
		uri     string
		refusal *awskms.Refusal
		want    error
		says    string
	}{
		"access denied":       {"", &awskms.Refusal{Status: http.StatusBadRequest, Type: "AccessDeniedException"}, kms.ErrRefused, "AccessDeniedException"},
		"a disabled key":      {"", &awskms.Refusal{Status: http.StatusBadRequest, Type: "DisabledException"}, kms.ErrRefused, "DisabledException"},
		"too many requests":   {"", &awskms.Refusal{Status: http.StatusBadRequest, Type: "ThrottlingException"}, kms.ErrUnreachable, "ThrottlingException"},
		"trouble inside":      {"", &awskms.Refusal{Status: http.StatusInternalServerError, Type: "KMSInternalException"}, kms.ErrUnreachable, "KMSInternalException"},
		"nobody listens":      {gone, nil, kms.ErrUnreachable, "no connection"},
		"no such key":         {service.URI("another"), nil, kms.ErrRefused, "NotFoundException"},
		"a malformed name":    {"awskms://" + "nonsense", nil, kms.ErrRefused, "awskms://[ENDPOINT]"},
		"a service not there": {"gopher://key", nil, kms.ErrRefused, "no service"},
	} {
		t.Run(name, func(t *testing.T) {
			service.Refuse(test.refusal)
			options := kms.Options{Program: program(t), URI: test.uri, Environment: service.Environment()}
			if options.URI == "" {
				options.URI = service.URI("assay")
			}
			var texts [2]string
			for i := range texts {
				_, err := kms.Open(t.Context(), options)
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("Open: %v, want %v that says %q", err, test.want, test.says)
				}
				texts[i] = err.Error()
			}
			if texts[0] != texts[1] {
				t.Errorf("the error is another the second time: %q and %q", texts[0], texts[1])
			}
			if strings.Contains(texts[0], awskms.SecretKey) || strings.Contains(texts[0], awskms.AccessKey) {
				t.Errorf("the error tells a secret: %s", texts[0])
			}
		})
	}
}

func TestARefusalIsNotTriedAgain(t *testing.T) {
	service := awskms.New(t)
	service.AddECDSA(t, "assay")
	signer, err := kms.Open(t.Context(), kms.Options{Program: program(t), URI: service.URI("assay"), Environment: service.Environment()})
	if err != nil {
		t.Fatal(err)
	}
	service.Refuse(&awskms.Refusal{Status: http.StatusBadRequest, Type: "AccessDeniedException"})
	before := service.Calls("GetPublicKey")
	if _, err := signer.Sign(t.Context(), []byte("a statement")); !errors.Is(err, kms.ErrRefused) {
		t.Errorf("Sign: %v", err)
	}
	if asked := service.Calls("GetPublicKey") - before; asked != 1 {
		t.Errorf("the service was asked %d times", asked)
	}
}
