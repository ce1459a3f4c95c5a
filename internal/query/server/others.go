// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
)

// others tells what others signed.
func (h *holding) others(ctx context.Context, to *counted) error {
	kinds, err := h.store.Kinds(ctx, h.about.Digest)
	if err != nil {
		return err
	}
	found := map[string]*query.Statement{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if strings.HasPrefix(string(kind), string(evidence.SignedKinds(h.about.Repository))) {
			if err := h.list(ctx, kind, found); err != nil {
				return err
			}
		}
	}
	all := slices.SortedFunc(maps.Values(found), func(a, b *query.Statement) int {
		return cmp.Or(strings.Compare(a.PredicateType, b.PredicateType), strings.Compare(a.Digest, b.Digest))
	})
	for _, s := range all {
		if err := h.other(ctx, to, kinds, *s); err != nil {
			return err
		}
	}
	return nil
}

// list adds the statements in one list of what was signed, each once however many signed it.
func (h *holding) list(ctx context.Context, kind evidence.Kind, found map[string]*query.Statement) error {
	content, err := h.store.Get(ctx, h.about.Digest, kind)
	if errors.Is(err, evidence.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var list []evidence.Signed
	if err := json.Unmarshal(content, &list); err != nil {
		return nil //nolint:nilerr // It is of another version, and will be gathered anew.
	}
	for _, signed := range list {
		if !h.wants(signed.PredicateType) {
			continue
		}
		key := signed.PredicateType + " " + signed.Payload.String()
		if found[key] == nil {
			found[key] = h.statementOf(signed)
		}
		if signer := signerOf(signed.Signer); !slices.Contains(found[key].Signers, signer) && len(found[key].Signers) < maxSigners {
			found[key].Signers = append(found[key].Signers, signer)
		}
	}
	return nil
}

// other tells one statement of others, with what was signed if that is wanted and kept.
func (h *holding) other(ctx context.Context, to *counted, kinds map[evidence.Kind]int64, s query.Statement) error {
	digest, err := image.ParseDigest(s.Digest)
	if err != nil || to.told[s.Digest] {
		return nil //nolint:nilerr // A list has no other digests.
	}
	kind := evidence.StatementKind(digest, h.about.Repository)
	s.Size = kinds[kind]
	if !h.contents || s.Size == 0 {
		return to.tell(s, nil)
	}
	if err := to.room(s.Size); err != nil {
		return err
	}
	signed, err := h.store.Get(ctx, h.about.Digest, kind)
	if err != nil && !errors.Is(err, evidence.ErrNotFound) {
		return err
	}
	if image.DigestOf(signed) != digest {
		s.Size, signed = 0, nil // It is damaged, and will be gathered anew.
	}
	return to.tell(s, signed)
}
