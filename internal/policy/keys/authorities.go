// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/signature"
)

// resolution is a fact about an authority, with what its signatures are checked against.
type resolution = evidence.Fact[resolved]

type resolved struct {
	authority authority.Authority
	anchor    signature.Anchor
}

func unusable(reason, message string) resolution {
	return evidence.Unchecked[resolved](reason, evidence.Printable(message, maxMessage))
}

// authority finds what an authority is made of, or says why it cannot be used. The error says that nobody could look.
func (r *Resolver) authority(ctx context.Context, p policy.Policy, spec v1alpha1.Authority) (resolution, error) {
	switch {
	case spec.Key != nil:
		return r.keyAuthority(ctx, p, *spec.Key)
	case spec.Keyless != nil:
		return r.keylessAuthority(ctx, p, *spec.Keyless)
	case spec.Certificate != nil:
		return r.chainAuthority(ctx, p, *spec.Certificate)
	}
	return unusable(v1alpha1.ReasonInvalidKey, "it says not who it is; set key, keyless or certificate"), nil
}

func (r *Resolver) keyAuthority(ctx context.Context, p policy.Policy, spec v1alpha1.KeySource) (resolution, error) {
	key, err := r.key(ctx, p, spec)
	if err != nil || key.State != evidence.Known {
		return resolution{State: key.State, Reason: key.Reason, Message: key.Message}, err
	}
	anchor := signature.Anchor{
		Key:    &key.Value,
		Logged: spec.TransparencyLog == v1alpha1.LogRequired,
		Timed:  spec.NotBefore != nil || spec.NotAfter != nil,
	}
	// Nobody else is believed where neither a time nor an entry is asked for.
	if anchor.Logged || anchor.Timed {
		if bad, err := r.addTrust(ctx, p, &anchor, "key", spec.TrustRoot, spec.Timestamps); bad != nil || err != nil {
			return orNothing(bad), err
		}
	}
	return r.checked(anchor, authority.OfKey(anchor.ID(), key.Value.Fingerprint, spec)), nil
}

func (r *Resolver) keylessAuthority(ctx context.Context, p policy.Policy, spec v1alpha1.KeylessAuthority) (resolution, error) {
	anchor := signature.Anchor{Logged: spec.TransparencyLog != v1alpha1.LogOptional, Timed: true}
	if bad, err := r.addTrust(ctx, p, &anchor, "keyless", spec.TrustRoot, spec.Timestamps); bad != nil || err != nil {
		return orNothing(bad), err
	}
	believed, err := authority.OfIdentities(anchor.ID(), spec.Identities)
	if err != nil {
		return unusable(v1alpha1.ReasonInvalidIdentity, "keyless.identities: "+err.Error()), nil //nolint:nilerr // That it cannot be used is a fact.
	}
	return r.checked(anchor, believed), nil
}

func (r *Resolver) chainAuthority(ctx context.Context, p policy.Policy, spec v1alpha1.CertificateAuthority) (resolution, error) {
	chain, err := r.read(ctx, p.Namespace, ofText("certificate.chain", spec.Chain), "the chain of certificates")
	switch {
	case err != nil:
		return resolution{}, err
	case chain.missing != "":
		return unusable(chain.reason, chain.missing), nil
	}
	anchor := signature.Anchor{Chain: []byte(chain.content), Logged: spec.TransparencyLog == v1alpha1.LogRequired}
	root := spec.TrustRoot
	if root != nil || anchor.Logged {
		if bad, err := r.addTrust(ctx, p, &anchor, "certificate", root, spec.Timestamps); bad != nil || err != nil {
			return orNothing(bad), err
		}
	} else if bad, err := r.addTimestamps(ctx, p, &anchor, "certificate", spec.Timestamps); bad != nil || err != nil {
		return orNothing(bad), err
	}
	believed, err := authority.OfChain(anchor.ID(), spec)
	if err != nil {
		return unusable(v1alpha1.ReasonInvalidIdentity, "certificate."+err.Error()), nil //nolint:nilerr // That it cannot be used is a fact.
	}
	return r.checked(anchor, believed), nil
}

// addTrust gives the anchor its trust root, the public one where none is named, and its timestamp authorities. bad says what of
// them cannot be used.
func (r *Resolver) addTrust(ctx context.Context, p policy.Policy, anchor *signature.Anchor, field string, root *v1alpha1.DocumentSource, timestamps *v1alpha1.TextSource) (bad *resolution, err error) {
	if root == nil {
		if r.PublicRoot == nil {
			unset := unusable(v1alpha1.ReasonInvalidTrustRoot, "no public trust root is configured; set "+field+".trustRoot")
			return &unset, nil
		}
		anchor.Root = r.PublicRoot()
	} else {
		read, err := r.read(ctx, p.Namespace, ofDocument(field+".trustRoot", *root), "the trust root")
		switch {
		case err != nil:
			return nil, err
		case read.missing != "":
			missing := unusable(read.reason, read.missing)
			return &missing, nil
		}
		anchor.Root = []byte(read.content)
	}
	return r.addTimestamps(ctx, p, anchor, field, timestamps)
}

func (r *Resolver) addTimestamps(ctx context.Context, p policy.Policy, anchor *signature.Anchor, field string, timestamps *v1alpha1.TextSource) (bad *resolution, err error) {
	if timestamps == nil {
		return nil, nil //nolint:nilnil // Nothing is bad.
	}
	read, err := r.read(ctx, p.Namespace, ofText(field+".timestamps", *timestamps), "the timestamp authorities' certificates")
	switch {
	case err != nil:
		return nil, err
	case read.missing != "":
		missing := unusable(read.reason, read.missing)
		return &missing, nil
	}
	anchor.Timestamps = []byte(read.content)
	return nil, nil //nolint:nilnil // Nothing is bad.
}

// checked says whether signatures can be checked against the anchor at all.
func (r *Resolver) checked(anchor signature.Anchor, believed authority.Authority) resolution {
	if err := r.anchorsChecked.check(anchor, r.CheckAnchor); err != nil {
		return unusable(v1alpha1.ReasonInvalidTrustRoot, err.Error())
	}
	return evidence.Checked(resolved{believed, anchor})
}

func orNothing(bad *resolution) resolution {
	if bad == nil {
		return resolution{}
	}
	return *bad
}

// key returns the key of an authority, or why it cannot be used.
func (r *Resolver) key(ctx context.Context, p policy.Policy, spec v1alpha1.KeySource) (evidence.Fact[signature.Key], error) {
	if spec.KMS != "" {
		return r.serviceKey(ctx, spec.KMS)
	}
	return r.readKey(ctx, p, ofKey("key", spec))
}

func (r *Resolver) readKey(ctx context.Context, p policy.Policy, from source) (evidence.Fact[signature.Key], error) {
	read, err := r.read(ctx, p.Namespace, from, "the public key")
	switch {
	case err != nil:
		return evidence.Fact[signature.Key]{}, err
	case read.missing != "":
		return evidence.Unchecked[signature.Key](read.reason, read.missing), nil
	}
	key, err := signature.ParseKey([]byte(read.content))
	if err != nil {
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonInvalidKey, fmt.Sprintf("%s: %s", read.at, err)), nil
	}
	return evidence.Checked(key), nil
}

// serviceKey asks a key management service for a public key.
func (r *Resolver) serviceKey(ctx context.Context, uri string) (evidence.Fact[signature.Key], error) {
	if r.Services == nil {
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonInvalidKey,
			"key.kms: no program for key management services is configured; set --kms-program of assay-controller, or give the public key itself"), nil
	}
	key, err := r.Services.PublicKey(ctx, uri)
	if errors.Is(err, ErrServiceUnavailable) {
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonSignatureUnchecked, evidence.Printable("key.kms: "+err.Error(), maxMessage)), nil
	}
	if err != nil {
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonInvalidKey, evidence.Printable("key.kms: "+err.Error(), maxMessage)), nil //nolint:nilerr // That it cannot be used is a fact.
	}
	return evidence.Checked(key), nil
}
