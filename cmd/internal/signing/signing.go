// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package signing opens what signs Assay's statements for others, by the words of a flag.
package signing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
	"github.com/assay-dev/assay/internal/signature/keyless"
	"github.com/assay-dev/assay/internal/signature/kms"
	"github.com/assay-dev/assay/internal/signature/pkcs11"
)

// The words of the flag beside URIs: a key pair that cosign generate-key-pair wrote into a Secret, and a certificate for each few minutes.
const (
	secretPrefix = "secret:"
	keylessName  = "keyless"
)

// The entries of a Secret with a key pair.
const (
	privateKeyEntry = "cosign.key"
	passwordEntry   = "cosign.password"
)

// Options say who signs.
type Options struct {
	// Reference is empty for the seal key, secret:NAME, a URI SCHEME://KEY of a key management service, a URI pkcs11:…, or keyless.
	Reference string
	// SealKey is the key with which Assay signs for itself.
	SealKey signature.Signer
	// Secret returns a Secret of Assay's own namespace.
	Secret func(ctx context.Context, name string) (map[string][]byte, error)
	// Program speaks to key management services, and is given what it needs of Environment ("NAME=value").
	Program     string
	Environment []string
	// Keyless is for keyless.
	Keyless keyless.Options
}

// Open returns the signer, and what opens the bundles that it signed.
func Open(ctx context.Context, options Options) (signature.BundleSigner, attestation.Opener, error) {
	signer, err := open(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	believed, err := openerOf(signer)
	return signer, believed, err
}

func open(ctx context.Context, options Options) (signature.BundleSigner, error) {
	if options.Reference == keylessName {
		return keyless.Open(options.Keyless)
	}
	key, err := openKey(ctx, options)
	if err != nil {
		return nil, err
	}
	return attestation.ByKey(key), nil
}

func openKey(ctx context.Context, options Options) (signature.Signer, error) {
	name, isSecret := strings.CutPrefix(options.Reference, secretPrefix)
	switch {
	case options.Reference == "":
		return options.SealKey, nil
	case isSecret:
		data, err := options.Secret(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("read Secret %s: %w", name, err)
		}
		signer, err := cosign.LoadSigner(data[privateKeyEntry], data[passwordEntry])
		if err != nil {
			return nil, fmt.Errorf("the key in Secret %s: %w", name, err)
		}
		return signer, nil
	case strings.HasPrefix(options.Reference, pkcs11.Scheme):
		return pkcs11.Open(ctx, options.Reference)
	case strings.Contains(options.Reference, "://"):
		return kms.Open(ctx, kms.Options{Program: options.Program, URI: options.Reference, Environment: options.Environment})
	}
	return nil, fmt.Errorf("%.80q is no signer: want nothing for the seal key, secret:NAME, the URI of a key management service, pkcs11:… or keyless", options.Reference)
}

// openerOf returns what opens the bundles of the signer.
func openerOf(signer signature.BundleSigner) (attestation.Opener, error) {
	anchor := signer.Anchor()
	if anchor.Key != nil {
		return attestation.Keys{*anchor.Key}, nil
	}
	checker, err := entity.NewChecker(anchor)
	if err != nil {
		return nil, fmt.Errorf("the signer's trust root: %w", err)
	}
	return attestation.Certified(signer, func(bundle []byte) ([]byte, []evidence.Signer, error) {
		signed, err := entity.FromBundle(bundle)
		if err != nil {
			return nil, nil, err
		}
		if !signed.IsStatement() {
			return nil, nil, errors.New("it holds no statement")
		}
		signers, err := checker.Check(signed)
		return signed.Payload(), signers, err
	}), nil
}
