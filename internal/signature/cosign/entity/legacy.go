// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sigstore/cosign/v2/pkg/cosign"
	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	sigstore "github.com/sigstore/sigstore/pkg/signature"
)

// legacyKind is the kind of log entry that cosign made of attestations until v2.2. It names the digest of the envelope as it lies in the
// registry. Sigstore-go does not verify it; cosign does.
const legacyKind = "intoto 0.0.1"

// legacyEntry is such an entry.
type legacyEntry struct {
	// annotation is the entry as it was found, and envelope what it is about.
	annotation, envelope []byte
	entry                *tlog.Entry
}

// verify says that the entry is about the envelope and the signer, and that a log of the material promised to take it. The signer is the
// certificate of the proofs, or the key where that is not nil.
func (l legacyEntry) verify(p proofs, key sigstore.Verifier, material root.TrustedMaterial) error {
	var promised cosignbundle.RekorBundle
	if err := json.Unmarshal(l.annotation, &promised); err != nil {
		return fmt.Errorf("read the log entry: %w", err)
	}
	options := []static.Option{static.WithBundle(&promised)}
	if key == nil {
		certificate, err := cryptoutils.MarshalCertificateToPEM(p.leaf)
		if err != nil {
			return fmt.Errorf("write the certificate: %w", err)
		}
		options = append(options, static.WithCertChain(certificate, nil))
	}
	attestation, err := static.NewAttestation(l.envelope, options...)
	if err != nil {
		return fmt.Errorf("prepare the attestation: %w", err)
	}
	verified, err := cosign.VerifyBundle(attestation, &cosign.CheckOpts{Offline: true, TrustedMaterial: material, SigVerifier: key})
	if err == nil && !verified {
		err = errors.New("there is no log entry")
	}
	return err
}
