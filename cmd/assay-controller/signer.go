// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/cmd/internal/signing"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/keyless"
)

// signerOptions say who signs what Assay attaches to images, and which services are asked for keys.
type signerOptions struct {
	// reference is empty for the seal key.
	reference string
	// kmsProgram speaks to key management services, of which policies may name kmsKeys.
	kmsProgram string
	kmsKeys    list
	// What follows is for keyless.
	signingConfig, trustedRoot, tokenFile, subject, issuer string
}

func (o *signerOptions) addFlags(flags *flag.FlagSet) {
	flags.StringVar(&o.reference, "signer", "", "who signs what is attached to images: nothing for the seal key, secret:NAME for a cosign key pair in a Secret of Assay's namespace, "+
		"the URI of a key in a key management service such as awskms:///alias/assay or hashivault://assay, pkcs11:… for a token, or keyless")
	flags.StringVar(&o.kmsProgram, "kms-program", assembly.BesideThisProgram("assay-kms"), "the program assay-kms, which speaks to key management services")
	flags.Var(&o.kmsKeys, "kms-key", "URI of a key in a key management service that policies may name as an authority's, in which * stands for any characters; may be repeated; default is none")
	flags.StringVar(&o.signingConfig, "signing-config", "", "signing_config.json that names Fulcio, Rekor and the timestamp authority; for --signer=keyless")
	flags.StringVar(&o.trustedRoot, "signing-trusted-root", "", "trusted_root.json that what is signed verifies against; for --signer=keyless")
	flags.StringVar(&o.tokenFile, "identity-token-file", "/var/run/secrets/sigstore/token", "projected service account token for Fulcio; for --signer=keyless")
	flags.StringVar(&o.subject, "identity-subject", "", "subject that Fulcio certifies, such as https://kubernetes.io/namespaces/assay-system/serviceaccounts/assay-controller; for --signer=keyless")
	flags.StringVar(&o.issuer, "identity-issuer", "", "issuer that Fulcio certifies: that of the token; for --signer=keyless")
}

// open returns the signer for others, nil for the seal key, and what opens the bundles that it signed.
func (o *signerOptions) open(ctx context.Context, api client.Client, namespace string, sealKey signature.Signer) (signature.BundleSigner, attestation.Opener, error) {
	if o.reference == "" {
		return nil, nil, nil
	}
	options := signing.Options{Reference: o.reference, SealKey: sealKey, Program: o.kmsProgram, Environment: os.Environ()}
	options.Secret = func(ctx context.Context, name string) (map[string][]byte, error) {
		var secret corev1.Secret
		err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &secret)
		return secret.Data, err
	}
	if o.signingConfig != "" || o.trustedRoot != "" {
		var err error
		if options.Keyless, err = o.keyless(); err != nil {
			return nil, nil, err
		}
	}
	signer, believed, err := signing.Open(ctx, options)
	if err != nil {
		return nil, nil, fmt.Errorf("--signer: %w", err)
	}
	return signer, believed, nil
}

func (o *signerOptions) keyless() (keyless.Options, error) {
	read := keyless.Options{TokenFile: o.tokenFile, Subject: o.subject, Issuer: o.issuer, Clock: clock.RealClock{}}
	var err error
	if read.SigningConfig, err = os.ReadFile(o.signingConfig); err != nil {
		return read, fmt.Errorf("--signing-config: %w", err)
	}
	if read.TrustedRoot, err = os.ReadFile(o.trustedRoot); err != nil {
		return read, fmt.Errorf("--signing-trusted-root: %w", err)
	}
	return read, nil
}
