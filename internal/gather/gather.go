// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gather collects all evidence on one digest through the ports. The controller runs it in a pool, `assay verify`
// once. What is in the evidence store is never fetched or made again.
package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/singleflight"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// Gatherer collects evidence. Its fields are set once; it is safe for concurrent use.
type Gatherer struct {
	Store   evidence.Store
	Indexer inventory.Indexer
	SBOMs   inventory.SBOMWriter
	Matcher vulnerability.Matcher
	// Finder finds what was signed about images.
	Finder signature.Finder
	// Catalogue, Scores and Chronicle say more of findings.
	Catalogue vulnerability.Catalogue
	Scores    vulnerability.Scores
	Chronicle vulnerability.Chronicle
	// VEX reads documents of vendors that are attested to images.
	VEX vulnerability.VEXReader
	// Layouts verifies images against in-toto layouts.
	Layouts layout.Verifier
	// Times brings first-seen times back that the chronicle on a lost disk had; nil when nothing does.
	Times Times
	// Earlier is told of vulnerabilities that were first seen earlier than was thought; nil when nobody wants to know.
	Earlier func(ctx context.Context, ids map[string]struct{})
	// Jars names Java archives that do not say what they are; nil when nothing can.
	Jars inventory.Namer

	// indexing has one piece of work per platform's manifest in a repository, however many ask for it. Nobody waits for
	// somebody else's registry, or is told of its errors, because both have an image with the same digest.
	indexing singleflight.Group
}

// Request says which digest is meant and what to find out about it.
type Request struct {
	Reference image.Reference
	// Platforms that an index must have. Every one that can run is looked at, whether it is named here or not: an index that
	// is trusted may be started on any of them.
	Platforms []image.Platform
	// Anchors that the signatures of the image and of statements about it are checked against.
	Anchors []signature.Anchor
	// Believed says whose statements are kept and read; nil for nobody's. Signatures are nobody's secret, and small.
	Believed evidence.Believes
	// PredicateTypes of the attestations that are looked for.
	PredicateTypes []string
	// Layouts by which the image must have been made, of which the links are looked for.
	Layouts []layout.Layout
	// VEX asks for VEX documents that are attested to the image.
	VEX bool
	// Secrets asks to search the image for secrets.
	Secrets bool
	// Reader reads the repository with the credentials of whoever asks.
	Reader registry.Reader
}

// ErrStore says that the evidence store could not be read or written.
var ErrStore = errors.New("the evidence store failed")

// Gather collects what needs the network or a child process; Examine adds the findings. The error is a *registry.Error or an image.Err… when the image itself could not be
// read, and ErrStore when the evidence store failed; what could not be found out about an image that was read is in the facts.
func (g *Gatherer) Gather(ctx context.Context, request Request) (evidence.Evidence, error) {
	result := evidence.Evidence{Image: request.Reference}
	children, err := g.children(ctx, request)
	if err != nil {
		return result, err
	}
	for _, child := range children {
		platform, err := g.platform(ctx, request, child)
		if err != nil {
			return result, err
		}
		result.Platforms = append(result.Platforms, platform)
	}
	slices.SortFunc(result.Platforms, func(a, b evidence.Platform) int {
		return strings.Compare(a.Platform.String()+a.Manifest.String(), b.Platform.String()+b.Manifest.String())
	})
	if err := g.restoreTimes(ctx, request); err != nil {
		return result, err
	}
	return result, g.signed(ctx, request, &result)
}

// child is one platform's manifest. Its platform is what the index states, zero for an image that is no index.
type child struct {
	digest   image.Digest
	platform image.Platform
	manifest image.Manifest
}

// children takes an index apart into the manifests of its runnable platforms; an image that is no index is its own child.
func (g *Gatherer) children(ctx context.Context, request Request) ([]child, error) {
	document, err := g.Document(ctx, request.Reader, request.Reference)
	if err != nil {
		return nil, err
	}
	if document.Manifest != nil {
		return []child{{digest: document.Digest, manifest: *document.Manifest}}, nil
	}
	descriptors, err := runnable(document.Index, request.Platforms)
	if err != nil {
		return nil, err
	}
	children := make([]child, 0, len(descriptors))
	for _, descriptor := range descriptors {
		reference := image.Reference{Repository: request.Reference.Repository, Digest: descriptor.Digest}
		document, err := g.Document(ctx, request.Reader, reference)
		if err != nil {
			return nil, err
		}
		if document.Manifest == nil {
			return nil, fmt.Errorf("%w: the index lists another index; push an index of images", image.ErrUnsupported)
		}
		children = append(children, child{digest: descriptor.Digest, platform: *descriptor.Platform, manifest: *document.Manifest})
	}
	return children, nil
}

// runnable returns every child of the index that can run, each once, also when the index lists it for several platforms.
func runnable(index *image.Index, wanted []image.Platform) ([]image.Descriptor, error) {
	if _, err := index.Runnable(wanted); err != nil {
		return nil, err
	}
	all, err := index.Runnable(nil)
	if err != nil {
		return nil, err
	}
	var children []image.Descriptor
	for _, descriptor := range all {
		if !slices.ContainsFunc(children, func(c image.Descriptor) bool { return c.Digest == descriptor.Digest }) {
			children = append(children, descriptor)
		}
	}
	return children, nil
}

func (g *Gatherer) platform(ctx context.Context, request Request, c child) (evidence.Platform, error) {
	raw, config, err := g.config(ctx, request, c)
	if err != nil {
		return evidence.Platform{}, err
	}
	result := evidence.Platform{Platform: config.Platform, Manifest: c.digest, Config: slim(config)}
	if c.platform.Runnable() {
		result.Platform = c.platform
	}
	made, err := g.inventory(ctx, request, c, raw, config)
	if err != nil {
		reason, known := indexingReason(err)
		if !known {
			return evidence.Platform{}, err
		}
		result.Inventory = evidence.Unchecked[evidence.Inventory](reason, err.Error())
		return result, nil
	}
	result.Inventory, result.SBOMs, result.Naming = inventoryFact(made.Inventory), made.sboms(), namingOf(made)
	if request.Secrets {
		result.Secrets = secretsFact(made.Inventory)
	}
	return result, nil
}

// slim leaves out what no rule reads, since the evidence on thousands of images is held in memory.
func slim(config image.Config) image.Config {
	config.DiffIDs, config.Labels = nil, nil
	return config
}

// Incomplete says that a platform of the image could not be indexed, which is worth another try after a while.
func Incomplete(collected evidence.Evidence) bool {
	return slices.ContainsFunc(collected.Platforms, func(p evidence.Platform) bool {
		return p.Inventory.State == evidence.CouldNotCheck && p.Inventory.Reason != v1alpha1.ReasonInventoryIncomplete
	})
}

// indexingReason tells the errors that say something of the image from those that say something of the registry or the store.
func indexingReason(err error) (string, bool) {
	switch {
	case errors.Is(err, inventory.ErrOverLimit):
		return v1alpha1.ReasonOverLimit, true
	case errors.Is(err, inventory.ErrDeadline):
		return v1alpha1.ReasonDeadlineExceeded, true
	case errors.Is(err, inventory.ErrMalformedLayer):
		return v1alpha1.ReasonMalformedLayer, true
	case errors.Is(err, inventory.ErrFailed):
		return v1alpha1.ReasonIndexingFailed, true
	}
	return "", false
}

// inventoryFact says what is in an image; an inventory with a problem is incomplete, and Unknown. So is an empty one: an image
// in which nothing was recognised may hold anything.
func inventoryFact(made inventory.Inventory) evidence.Fact[evidence.Inventory] {
	if len(made.Problems) == 0 && made.Packages == 0 {
		return evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete,
			"no package was recognised in the image, so that nothing is known of what is in it; add an SBOM to the image, or judge it by a policy without vulnerabilities")
	}
	if len(made.Problems) == 0 {
		return evidence.Checked(evidence.Inventory{Packages: made.Packages, Unidentified: made.Unidentified})
	}
	return evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, describeProblems(made.Problems))
}

// describeProblems tells of the first problem and counts the others.
func describeProblems(problems []inventory.Problem) string {
	message := fmt.Sprintf("%s: %s", problems[0].Path, problems[0].Message)
	if more := len(problems) - 1; more > 0 {
		message += fmt.Sprintf(" (and %d more)", more)
	}
	return message
}
