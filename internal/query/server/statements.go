// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
)

// holding is what the store has about one digest of a TrustedImage: what others signed, which is the same for everybody who has the
// digest, and what Assay signed for this environment and this repository.
type holding struct {
	query.Image
	store       Store
	environment evidence.Environment
	about       image.Reference
	platforms   []platform
	// predicateType restricts what is told; empty for everything. contents says that what was signed is told, too.
	predicateType string
	contents      bool
}

// errCut says that there is more than an answer holds.
var errCut = errors.New("there is more")

// counted writes as many statements as an answer holds.
type counted struct {
	out        query.EvidenceWriter
	statements int
	bytes      int64
	told       map[string]bool // what was signed, by digest
}

// room is errCut when there is none for so many bytes.
func (c *counted) room(size int64) error {
	if c.statements == 0 || size > c.bytes {
		return errCut
	}
	return nil
}

func (c *counted) tell(s query.Statement, signed []byte) error {
	if err := c.room(int64(len(signed))); err != nil {
		return err
	}
	if c.told == nil {
		c.told = map[string]bool{}
	}
	c.told[s.Digest] = true
	c.statements--
	c.bytes -= int64(len(signed))
	return c.out.Statement(s, signed)
}

// documents that Assay attests, of each platform's image.
var documents = [...]struct {
	kind          evidence.Kind
	predicateType string
}{
	{evidence.KindSPDX, attestation.PredicateSPDX},
	{evidence.KindCycloneDX, attestation.PredicateCycloneDX},
	{evidence.KindVulnerabilities, attestation.PredicateVulnerabilities},
}

// each tells all statements, each once: Assay's seal and signature, what others signed, and the documents that Assay attested.
func (h *holding) each(ctx context.Context, to *counted) error {
	repository := h.about.Repository
	if err := h.own(ctx, to, h.about.Digest, evidence.SealKind(h.environment), attestation.PredicateSeal); err != nil {
		return err
	}
	if err := h.own(ctx, to, h.about.Digest, evidence.AttestationKind(evidence.KindSignature, repository), evidence.SignaturePredicate); err != nil {
		return err
	}
	if err := h.others(ctx, to); err != nil {
		return err
	}
	for _, p := range h.platforms {
		for _, d := range documents {
			if err := h.own(ctx, to, p.manifest, evidence.AttestationKind(d.kind, repository), d.predicateType); err != nil {
				return err
			}
		}
	}
	return nil
}

// own tells what Assay signed and keeps as a piece of the kind, if there is such a piece.
func (h *holding) own(ctx context.Context, to *counted, subject image.Digest, kind evidence.Kind, predicateType string) error {
	if !h.wants(predicateType) {
		return nil
	}
	content, err := h.store.Get(ctx, subject, kind)
	if errors.Is(err, evidence.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	signed, signer, err := readBundle(content)
	if err != nil {
		return fmt.Errorf("%s about %s: %w", kind, subject, err)
	}
	if !names(signed, h.about.Repository) || to.told[image.DigestOf(signed).String()] {
		return nil
	}
	statement := query.Statement{
		PredicateType: predicateType, Own: true, Digest: image.DigestOf(signed).String(), Size: int64(len(signed)), Signers: []query.Signer{signer},
	}
	if subject != h.about.Digest {
		statement.Manifests = []string{subject.String()}
	}
	if !h.contents {
		signed = nil
	}
	return to.tell(statement, signed)
}

// names says that a statement of Assay's is about an image in the repository. A seal may be left from when the TrustedImage had another.
func names(signed []byte, repository image.Repository) bool {
	var s struct {
		Subject []struct {
			Name string `json:"name"`
		} `json:"subject"`
	}
	err := json.Unmarshal(signed, &s)
	return err == nil && len(s.Subject) == 1 && s.Subject[0].Name == repository.String()
}

// others tells what others signed.
func (h *holding) others(ctx context.Context, to *counted) error {
	kinds, err := h.store.Kinds(ctx, h.about.Digest)
	if err != nil {
		return err
	}
	found := map[string]*query.Statement{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if strings.HasPrefix(string(kind), string(evidence.SignedKind(""))) {
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
	kind := evidence.StatementKind(digest)
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

func (h *holding) wants(predicateType string) bool {
	return h.predicateType == "" || h.predicateType == predicateType
}
