// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
)

// verified is what the store keeps of a signature that verified. A digest once signed by a key stays signed by it.
const verified = "verified"

// signatures finds out which keys signed the digest. The registry is asked only for keys that no stored proof speaks of.
func (g *Gatherer) signatures(ctx context.Context, request Request) (map[string]evidence.Fact[evidence.Signature], error) {
	result := make(map[string]evidence.Fact[evidence.Signature], len(request.Keys))
	var open []signature.Key
	for _, key := range request.Keys {
		_, err := g.Store.Get(ctx, request.Reference.Digest, evidence.SignatureKind(key.Fingerprint))
		switch {
		case err == nil:
			result[key.Fingerprint] = evidence.Checked(evidence.Signature{Verified: true})
		case errors.Is(err, evidence.ErrNotFound):
			open = append(open, key)
		default:
			return nil, fmt.Errorf("%w: read: %w", ErrStore, err)
		}
	}
	if len(open) == 0 {
		return result, nil
	}
	found := g.Verifier.Verify(ctx, request.Reader, request.Reference, open)
	for fingerprint, fact := range found {
		if fact.State == evidence.Known && fact.Value.Verified {
			if err := g.put(ctx, request.Reference.Digest, evidence.SignatureKind(fingerprint), []byte(verified)); err != nil {
				return nil, err
			}
		}
	}
	maps.Copy(result, found)
	return result, nil
}
