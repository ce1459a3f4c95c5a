// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
	"github.com/assay-dev/assay/internal/signature/publicgood"
)

// verifySignedInChild is the argument with which this program verifies an image as the controller does: verify-signed-in-child FILE.
const verifySignedInChild = "verify-signed-in-child"

// checked is what an image is verified for.
type checked struct {
	Image string
	// Key in PEM form, or Issuer and Subject of a keyless identity.
	Key, Issuer, Subject string
	// Signature asks for a signature, PredicateType for an attestation.
	Signature     bool
	PredicateType string
}

func (c checked) spec() v1alpha1.PolicySpec {
	believed := v1alpha1.Authority{Name: "ci"}
	if c.Key != "" {
		believed.Key = &v1alpha1.KeySource{Inline: c.Key}
	} else {
		believed.Keyless = &v1alpha1.KeylessAuthority{Identities: []v1alpha1.Identity{{
			Issuer: v1alpha1.IdentityString(c.Issuer), Subject: v1alpha1.IdentityString(c.Subject),
		}}}
	}
	spec := v1alpha1.PolicySpec{
		Authorities:  []v1alpha1.Authority{believed},
		Attestations: []v1alpha1.AttestationRule{{Name: "attested", PredicateType: c.PredicateType, SignedBy: []v1alpha1.RuleName{"ci"}}},
	}
	if c.Signature {
		spec.Signatures = []v1alpha1.SignatureRule{{Name: "signed", AnyOf: []v1alpha1.RuleName{"ci"}}}
	}
	return spec
}

// verifySignatures verifies an image by the parts that the controller has, and fails when it does not pass.
func verifySignatures(ctx context.Context, args []string) error {
	content, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var c checked
	if err := json.Unmarshal(content, &c); err != nil {
		return err
	}
	repository, digest, _ := strings.Cut(c.Image, "@")
	reference, host := image.Reference{}, strings.Split(repository, "/")[0]
	if reference.Repository, err = image.ParseRepository(repository); err != nil {
		return err
	}
	if reference.Digest, err = image.ParseDigest(digest); err != nil {
		return err
	}
	client, err := oci.New(oci.Options{AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, InsecureHosts: []string{host}})
	if err != nil {
		return err
	}
	reader, err := client.Reader(registry.Credentials{})
	if err != nil {
		return err
	}
	resolver := &keys.Resolver{PublicRoot: publicgood.Root}
	set, err := resolver.Resolve(ctx, []policy.Policy{{Name: "bench", Spec: c.spec()}})
	if err != nil {
		return err
	}
	found := cosign.Finder{}.Find(ctx, reader, signature.Search{Reference: reference, Anchors: set.Anchors, PredicateTypes: policy.PredicateTypes(set.Policies)})
	if !policy.IsVouchedFor(set.Policies, evidence.Evidence{Image: reference, Signed: found.Statements}, time.Now()) {
		return errors.New(fmt.Sprint("the image does not pass: ", found))
	}
	return nil
}
