// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/signature"
)

// maxKept bounds the statements that are kept of one image under one anchor, and maxVEX what VEX documents that are attested to one image
// state together, in pairs of a vulnerability and a product.
const (
	maxKept = 256
	maxVEX  = 50_000
)

// signed finds out what was signed about the image. What was found once is kept, since a digest once signed stays signed. The registry is
// asked when nothing is kept, and for VEX documents, of which a later one matters; otherwise nobody looked whether there is more, which
// Look does.
func (g *Gatherer) signed(ctx context.Context, request Request, result *evidence.Evidence) error {
	if len(request.Anchors)+len(request.Layouts) == 0 {
		return nil
	}
	result.Signed = make(map[string]evidence.Statements, len(request.Anchors))
	known := false
	for range maxRounds {
		added := false
		for _, anchor := range g.anchors(ctx, request, *result) {
			if _, there := result.Signed[anchor.ID()]; there {
				continue
			}
			kept, err := g.keptSigned(ctx, request.Reference, anchor.ID())
			if err != nil {
				return err
			}
			result.Signed[anchor.ID()] = evidence.Statements{Signed: kept}
			known, added = known || len(kept) > 0, true
		}
		if !added || len(request.Layouts) == 0 {
			break
		}
	}
	if known && !request.VEX {
		return nil
	}
	return g.find(ctx, request, result)
}

// anchors are those that are asked for, and those of the functionaries of layouts.
func (g *Gatherer) anchors(ctx context.Context, request Request, result evidence.Evidence) []signature.Anchor {
	anchors := slices.Clone(request.Anchors)
	if len(request.Layouts) == 0 {
		return anchors
	}
	for _, anchor := range g.functionaries(request.Layouts, g.withStatements(ctx, result, isLink)) {
		if !slices.ContainsFunc(anchors, func(a signature.Anchor) bool { return a.ID() == anchor.ID() }) {
			anchors = append(anchors, anchor)
		}
	}
	return anchors
}

// LookedFor says that all that was signed about the image was looked for, whether or not it was found.
func LookedFor(e evidence.Evidence) bool {
	for _, statements := range e.Signed {
		if statements.Rest.State == evidence.NotChecked {
			return false
		}
	}
	return true
}

// Hindered says that what was signed could not be looked for, for a reason that may pass by itself.
func Hindered(e evidence.Evidence) bool {
	for _, statements := range e.Signed {
		rest := statements.Rest
		if rest.State == evidence.CouldNotCheck && (rest.Reason == v1alpha1.ReasonRegistryUnavailable || rest.Reason == v1alpha1.ReasonDeadlineExceeded) {
			return true
		}
	}
	return false
}

// Stated returns the evidence with what attestations state, as far as that is wanted.
func (g *Gatherer) Stated(ctx context.Context, collected evidence.Evidence, wanted Wanted) evidence.Evidence {
	if len(wanted.Statements)+len(wanted.Layouts) > 0 {
		collected.Signed = g.withStatements(ctx, collected, func(anchor string, one evidence.Signed) bool {
			return len(wanted.Layouts) > 0 && isLink(anchor, one) ||
				slices.Contains(wanted.Statements, one.PredicateType) && wanted.Believed != nil && wanted.Believed(anchor, one.Signer)
		})
	}
	collected.Layouts = g.layouts(collected, wanted.Layouts, wanted.Now)
	return collected
}

// Look returns the evidence with all that was signed about the image as its registry has it now. collected is not changed. The error is
// ErrStore; what could not be found out is in the facts.
func (g *Gatherer) Look(ctx context.Context, request Request, collected evidence.Evidence) (evidence.Evidence, error) {
	collected.Signed = maps.Clone(collected.Signed)
	err := g.find(ctx, request, &collected)
	return collected, err
}

// find looks for what was signed. Layouts may name further functionaries by what they signed, whose links are looked for in turn.
func (g *Gatherer) find(ctx context.Context, request Request, result *evidence.Evidence) error {
	search := signature.Search{Reference: request.Reference, Platforms: platformsOf(*result), PredicateTypes: slices.Clone(request.PredicateTypes)}
	if request.VEX {
		search.PredicateTypes = append(search.PredicateTypes, g.VEX.PredicateTypes()...)
	}
	if len(request.Layouts) > 0 {
		search.Links = layout.Types()
		search.PredicateTypes = append(search.PredicateTypes, search.Links...)
	}
	var found signature.Found
	for range maxRounds {
		anchors := g.anchors(ctx, request, *result)
		if len(anchors) == len(search.Anchors) {
			break
		}
		search.Anchors = anchors
		found = g.Finder.Find(ctx, request.Reader, search)
		for id, statements := range found.Statements {
			merged, err := g.keepSigned(ctx, request, id, result.Signed[id].Signed, statements.Signed)
			if err != nil {
				return err
			}
			if len(statements.Signed) > maxKept {
				statements.Rest = evidence.Unchecked[string](v1alpha1.ReasonOverLimit,
					fmt.Sprintf("more than %d signatures and statements are attached to the image; remove those that nobody needs", maxKept))
			}
			result.Signed[id] = evidence.Statements{Signed: merged, Rest: statements.Rest}
		}
		if len(request.Layouts) == 0 {
			break
		}
	}
	if request.VEX {
		g.readVEX(request, found, result)
	}
	return nil
}

// platformsOf are the manifests of an index's platforms; none for an image that is no index.
func platformsOf(e evidence.Evidence) []image.Digest {
	var platforms []image.Digest
	for _, p := range e.Platforms {
		if p.Manifest != e.Image.Digest {
			platforms = append(platforms, p.Manifest)
		}
	}
	return platforms
}

// keptSigned returns what is kept under an anchor of what was found in the repository.
func (g *Gatherer) keptSigned(ctx context.Context, about image.Reference, anchor string) ([]evidence.Signed, error) {
	content, err := g.Store.Get(ctx, about.Digest, evidence.SignedKind(anchor, about.Repository))
	switch {
	case errors.Is(err, evidence.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: read: %w", ErrStore, err)
	}
	var kept []evidence.Signed
	if json.Unmarshal(content, &kept) != nil {
		return nil, nil //nolint:nilerr // It is of another version, which is as if there were none.
	}
	return kept, nil
}

// keepSigned adds what was kept to what was found, each statement once for each signer, and keeps it, with what those state who are
// believed. What was found comes first, and is bounded by the finder: what strangers attached before leaves no less room for it.
func (g *Gatherer) keepSigned(ctx context.Context, request Request, anchor string, kept, found []evidence.Signed) ([]evidence.Signed, error) {
	var merged []evidence.Signed
	add := func(one evidence.Signed) {
		there := slices.ContainsFunc(merged, func(other evidence.Signed) bool { return sameSigned(other, one) })
		if !there && len(merged) < maxKept {
			one.Statement = nil
			merged = append(merged, one)
		}
	}
	believed := func(one evidence.Signed) bool {
		return isLink(anchor, one) || request.Believed != nil && request.Believed(anchor, one.Signer)
	}
	for _, one := range found {
		if believed(one) {
			if err := g.keepStatement(ctx, request.Reference, one); err != nil {
				return nil, err
			}
		}
		add(one)
	}
	// Of what was kept those who are believed come first, too.
	for _, wanted := range []bool{true, false} {
		for _, one := range kept {
			if believed(one) == wanted {
				add(one)
			}
		}
	}
	slices.SortStableFunc(merged, func(a, b evidence.Signed) int {
		return cmp.Or(cmp.Compare(a.Payload.Hex(), b.Payload.Hex()), cmp.Compare(a.Signer.Key, b.Signer.Key))
	})
	if slices.EqualFunc(merged, kept, sameSigned) {
		return merged, nil
	}
	return merged, g.putJSON(ctx, request.Reference.Digest, evidence.SignedKind(anchor, request.Reference.Repository), merged)
}

// isLink says that it is a link of an in-toto layout by a key, which its functionaries alone make.
func isLink(_ string, one evidence.Signed) bool {
	return one.Signer.Key != "" && slices.Contains(layout.Types(), one.PredicateType)
}

// keepStatement keeps what is stated, also where it was kept before and the store lost it.
func (g *Gatherer) keepStatement(ctx context.Context, about image.Reference, signed evidence.Signed) error {
	if signed.Statement == nil {
		return nil
	}
	kind := evidence.StatementKind(signed.Payload, about.Repository)
	kept, err := g.Store.Get(ctx, about.Digest, kind)
	switch {
	case err != nil && !errors.Is(err, evidence.ErrNotFound):
		return fmt.Errorf("%w: read: %w", ErrStore, err)
	case err == nil && image.DigestOf(kept) == signed.Payload:
		return nil
	}
	return g.put(ctx, about.Digest, kind, signed.Statement)
}

// sameSigned says that two are the same statement with the same proof of who signed it.
func sameSigned(a, b evidence.Signed) bool {
	if a.Payload != b.Payload || a.PredicateType != b.PredicateType {
		return false
	}
	a.Statement, b.Statement = nil, nil
	b.Attached = a.Attached // in another form it is the same
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// withStatements returns what was signed with what is stated, from the store, as far as it is wanted. A statement that the store lost stays
// unread.
func (g *Gatherer) withStatements(ctx context.Context, e evidence.Evidence, wanted func(anchor string, one evidence.Signed) bool) map[string]evidence.Statements {
	signed := maps.Clone(e.Signed)
	for id, statements := range signed {
		statements.Signed = slices.Clone(statements.Signed)
		for i := range statements.Signed {
			one := &statements.Signed[i]
			if one.PredicateType == evidence.SignaturePredicate || one.Statement != nil || !wanted(id, *one) {
				continue
			}
			if content, err := g.Store.Get(ctx, e.Image.Digest, evidence.StatementKind(one.Payload, e.Image.Repository)); err == nil && image.DigestOf(content) == one.Payload {
				one.Statement = content
			}
		}
		signed[id] = statements
	}
	return signed
}

// readVEX reads the VEX documents of those who are believed, and counts the others. What is no longer attached is withdrawn.
func (g *Gatherer) readVEX(request Request, found signature.Found, result *evidence.Evidence) {
	types, pairs := g.VEX.PredicateTypes(), 0
	result.VEX, result.IgnoredVEX = nil, 0
	for _, predicateType := range types {
		result.IgnoredVEX += found.Strangers[predicateType]
	}
	for _, anchor := range slices.Sorted(maps.Keys(found.Statements)) {
		for _, signed := range found.Statements[anchor].Signed {
			switch {
			case !slices.Contains(types, signed.PredicateType) || len(signed.Manifests) == 0:
				continue
			case request.Believed == nil || !request.Believed(anchor, signed.Signer):
				result.IgnoredVEX++
				continue
			}
			document := evidence.VEXDocument{Anchor: anchor, Signer: signed.Signer, Statements: g.VEX.Read(request.Reference, signed)}
			if pairs += len(document.Statements.Value); pairs > maxVEX {
				document.Statements = evidence.Unchecked[[]evidence.VEXStatement](v1alpha1.ReasonVEXUnavailable,
					fmt.Sprintf("the VEX documents attested to the image state more than %d pairs of a vulnerability and a product", maxVEX))
			}
			result.VEX = append(result.VEX, document)
		}
	}
}
