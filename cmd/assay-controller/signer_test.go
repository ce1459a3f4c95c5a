// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature/cosign"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
)

func TestSignersAreOpenedByWhatTheFlagSays(t *testing.T) {
	private, public, err := cosign.GenerateKeyPair([]byte("a password"))
	if err != nil {
		t.Fatal(err)
	}
	pair := func(namespace, password string) *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "release"},
			Data:       map[string][]byte{"cosign.key": private, "cosign.password": []byte(password), "cosign.pub": public},
		}
	}
	sealKey := signerfake.NewSigner("seal")
	for name, test := range map[string]struct {
		options signerOptions
		secret  *corev1.Secret
		signs   bool
		err     string
	}{
		"nothing is the seal key":               {signerOptions{}, nil, false, ""},
		"a key pair in Assay's namespace":       {signerOptions{reference: "secret:release"}, pair("assay-system", "a password"), true, ""},
		"one in another namespace is not there": {signerOptions{reference: "secret:release"}, pair("shop", "a password"), false, "--signer: read Secret release"},
		"one with another password":             {signerOptions{reference: "secret:release"}, pair("assay-system", "another"), false, "--signer: the key in Secret release"},
		"a word that is none":                   {signerOptions{reference: "release"}, nil, false, "is no signer"},
		"keyless without services":              {signerOptions{reference: "keyless"}, nil, false, "--signer"},
		"keyless with files that are not there": {signerOptions{reference: "keyless", signingConfig: "/nowhere"}, nil, false, "--signing-config"},
		"a service without its program":         {signerOptions{reference: "hashivault://release", kmsProgram: "assay-kms"}, nil, false, "--signer"},
	} {
		t.Run(name, func(t *testing.T) {
			builder := fake.NewClientBuilder()
			if test.secret != nil {
				builder = builder.WithObjects(test.secret)
			}
			signer, believed, err := test.options.open(t.Context(), builder.Build(), "assay-system", sealKey)
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("got %v, want %q", err, test.err)
			}
			if (signer != nil) != test.signs || (believed != nil) != test.signs {
				t.Fatalf("got %v, opened by %v", signer, believed)
			}
			if !test.signs {
				return
			}
			about, err := image.ParseReference("registry.example.com/shop/checkout@sha256:" + strings.Repeat("5", 64))
			if err != nil {
				t.Fatal(err)
			}
			bundle, err := attestation.Attest(t.Context(), signer, about, "https://example.com/reviewed/v1", []byte(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := attestation.Open(bundle, believed, about.Digest, "https://example.com/reviewed/v1"); err != nil {
				t.Error(err)
			}
		})
	}
}
