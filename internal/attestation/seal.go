// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"context"
	"errors"
	"fmt"
	"time"

	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

// VerifierID is who a seal says verified the image. Consumers accept it together with the seal key only.
const VerifierID = "https://assay.dev/assay-controller"

// maxSealPlatforms bounds the platforms in a seal; a TrustedImage's status holds 16.
const maxSealPlatforms = 64

// Seal says that an environment came to trust a digest. It holds all that a status entry must be refilled with.
type Seal struct {
	Environment evidence.Environment
	Image       image.Reference
	// Platforms of an index that were judged, none for an image that is no index.
	Platforms []SealedPlatform
	// PoliciesHash is the digest of the rules that the digest passed.
	PoliciesHash image.Digest
	// TrustedAt is when the environment came to trust the digest; VerifiedAt is when it passed, which the controller states as the same, so
	// that a seal that is made again is the same seal. Both in whole seconds.
	TrustedAt, VerifiedAt time.Time
	// Version of Assay that judged.
	Version string
	// Inputs are all the attestations that the judgement used.
	Inputs []Input
}

// SealedPlatform is the manifest of one platform of an index.
type SealedPlatform struct {
	Platform image.Platform
	Manifest image.Digest
}

// Input is an attestation that a judgement used.
type Input struct {
	// URI to fetch it from; may be empty.
	URI    string
	Digest image.Digest
}

// SignSeal signs the seal as a SLSA Verification Summary Attestation v1 in a Sigstore bundle. The same seal and the same
// key in a Secret give the same bundle.
func SignSeal(ctx context.Context, signer signature.BundleSigner, seal Seal) ([]byte, error) {
	if err := seal.validate(); err != nil {
		return nil, fmt.Errorf("seal %s: %w", seal.Image, err)
	}
	predicate, err := encode(summaryOf(seal))
	if err != nil {
		return nil, fmt.Errorf("write the seal of %s: %w", seal.Image, err)
	}
	return Attest(ctx, signer, seal.Image, PredicateSeal, predicate)
}

// validate says why the seal cannot be signed.
func (s Seal) validate() error {
	switch {
	case s.Environment.Namespace == "" || s.Environment.Name == "":
		return errors.New("it names no environment")
	case s.Image.Repository.IsZero() || s.Image.Digest.IsZero():
		return errors.New("it names no image")
	case s.PoliciesHash.IsZero():
		return errors.New("it does not say which rules were passed")
	case s.TrustedAt.IsZero() || s.VerifiedAt.IsZero():
		return errors.New("it does not say when the image came to be trusted")
	case len(s.Platforms) > maxSealPlatforms:
		return fmt.Errorf("it has more than %d platforms", maxSealPlatforms)
	}
	return nil
}

// OpenSeal returns a seal that was signed by somebody who is believed, for exactly this environment and this image, repository and digest.
// Every error wraps ErrInvalid.
func OpenSeal(bundle []byte, believed Opener, environment evidence.Environment, about image.Reference) (Seal, error) {
	predicate, err := Open(bundle, believed, about.Digest, PredicateSeal)
	if err != nil {
		return Seal{}, err
	}
	var s summary
	// A later version of Assay may add fields; the specification wants them ignored.
	if err := decode(predicate, &s, strictjson.DisallowDuplicateFields); err != nil {
		return Seal{}, fmt.Errorf("%w: its summary %w", ErrInvalid, err)
	}
	if err := s.check(environment, about); err != nil {
		return Seal{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return s.seal(environment, about), nil
}
