// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	evidencefake "github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/registry"
	signaturefake "github.com/assay-dev/assay/internal/signature/fake"
	"github.com/assay-dev/assay/internal/vulnerability"
	vulnerabilityfake "github.com/assay-dev/assay/internal/vulnerability/fake"
)

// place is a registry and an indexer in memory that count what is asked of them.
type place struct {
	documents map[image.Digest]image.Document
	blobs     map[image.Digest][]byte
	fetches   atomic.Int32
	indexed   atomic.Int32
	made      inventory.Inventory
	indexErr  error
	blobErr   error
	indexing  func()
}

func newPlace() *place {
	return &place{documents: map[image.Digest]image.Document{}, blobs: map[image.Digest][]byte{}, made: inventory.Inventory{Packages: 1}}
}

// manifest adds an image for the architecture and returns its descriptor in JSON.
func (p *place) manifest(t *testing.T, architecture string) (image.Digest, string) {
	t.Helper()
	config := fmt.Appendf(nil, `{"architecture":%q,"os":"linux","config":{"User":"1000"},"rootfs":{"type":"layers","diff_ids":[]}}`, architecture)
	p.blobs[image.DigestOf(config)] = config
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`,
		image.DigestOf(config), len(config))
	digest := p.document(t, "application/vnd.oci.image.manifest.v1+json", raw)
	return digest, fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":%d,"platform":{"os":"linux","architecture":%q}}`, digest, len(raw), architecture)
}

func (p *place) document(t *testing.T, mediaType string, raw []byte) image.Digest {
	t.Helper()
	document, err := image.ParseDocument(mediaType, raw)
	if err != nil {
		t.Fatal(err)
	}
	p.documents[document.Digest] = document
	return document.Digest
}

func (p *place) Resolve(context.Context, image.Tag) (image.Document, error) {
	return image.Document{}, errors.New("gathering never resolves a tag")
}

func (p *place) Document(_ context.Context, reference image.Reference) (image.Document, error) {
	p.fetches.Add(1)
	document, found := p.documents[reference.Digest]
	if !found {
		return document, registry.NewError(registry.KindNotFound, nil, "%s does not exist", reference)
	}
	return document, nil
}

func (p *place) Blob(_ context.Context, _ image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	p.fetches.Add(1)
	return io.NopCloser(bytes.NewReader(p.blobs[descriptor.Digest])), p.blobErr
}

func (p *place) Referrers(context.Context, image.Reference) ([]image.Descriptor, error) {
	return nil, nil
}

func (p *place) Index(_ context.Context, source inventory.Source) (inventory.Inventory, error) {
	p.indexed.Add(1)
	if p.indexing != nil {
		p.indexing()
	}
	made := p.made
	made.Version, made.Image, made.Platform, made.Detail = inventory.Version, source.Image, source.Platform, []byte(`{}`)
	return made, p.indexErr
}

func (p *place) SPDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte("spdx"), nil
}

func (p *place) CycloneDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte("cyclonedx"), nil
}

// database answers every match alike.
type database struct {
	findings []evidence.Finding
	err      error
}

func (d database) Match(context.Context, inventory.Inventory) ([]evidence.Finding, error) {
	return append([]evidence.Finding(nil), d.findings...), d.err
}
func (database) Version() string          { return "1" }
func (database) Ransomware(string) bool   { return false }
func (database) Exploited(id string) bool { return id == "CVE-2021-44228" }
func (database) Feed() evidence.Fact[evidence.Feed] {
	return evidence.Checked(evidence.Feed{Version: "1"})
}

func newGatherer(p *place, d database) *gather.Gatherer {
	return &gather.Gatherer{
		Store: &evidencefake.Store{}, Indexer: p, SBOMs: p, Matcher: &vulnerabilityfake.Fleet{Detector: d}, Catalogue: d,
		Scores: &vulnerabilityfake.Scores{}, Chronicle: &vulnerabilityfake.Chronicle{}, Finder: &signaturefake.Finder{},
	}
}

// gatherAll gathers and examines.
func gatherAll(t *testing.T, g *gather.Gatherer, request gather.Request) (evidence.Evidence, error) {
	t.Helper()
	collected, err := g.Gather(t.Context(), request)
	if err != nil {
		return collected, err
	}
	return g.Examine(t.Context(), collected, gather.Wanted{}), nil
}

func TestFeedsAreAskedForEveryNameOfAVulnerability(t *testing.T) {
	p := newPlace()
	digest, _ := p.manifest(t, "amd64")
	d := database{findings: []evidence.Finding{
		{ID: "GHSA-jfh8-c2jp-5v3q", Aliases: []string{"CVE-2021-44228"}}, {ID: "GHSA-0000", Aliases: []string{"CVE-2000-0001"}},
	}}
	g := newGatherer(p, d)
	g.Scores = &vulnerabilityfake.Scores{Version: "1", ByID: map[string]float64{"CVE-2021-44228": 0.9}}
	collected, err := gatherAll(t, g, requestFor(t, p, digest))
	if err != nil {
		t.Fatal(err)
	}
	found := collected.Platforms[0].Findings.Value
	if len(found) != 2 || !found[0].Exploited || found[0].EPSS != 0.9 || found[1].Exploited || found[1].Scored {
		t.Errorf("got %+v", found)
	}
}

func requestFor(t *testing.T, p *place, digest image.Digest) gather.Request {
	t.Helper()
	repository, err := image.ParseRepository("registry.example.com/shop/checkout")
	if err != nil {
		t.Fatal(err)
	}
	return gather.Request{Reference: image.Reference{Repository: repository, Digest: digest}, Reader: p}
}

func TestEveryRunnablePlatformOfAnIndexIsLookedAt(t *testing.T) {
	p := newPlace()
	arm, armChild := p.manifest(t, "arm64")
	amd, amdChild := p.manifest(t, "amd64")
	_, attestation := p.manifest(t, "unknown")
	index := p.document(t, "application/vnd.oci.image.index.v1+json", fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s,%s,%s]}`, armChild, amdChild,
		bytes.Replace([]byte(attestation), []byte(`"os":"linux"`), []byte(`"os":"unknown"`), 1)))
	collected, err := gatherAll(t, newGatherer(p, database{}), requestFor(t, p, index))
	if err != nil {
		t.Fatal(err)
	}
	if len(collected.Platforms) != 2 || collected.Platforms[0].Manifest != amd || collected.Platforms[1].Manifest != arm {
		t.Errorf("platforms %+v, want amd64 and arm64, sorted", collected.Platforms)
	}
}

func TestAnImageIsIndexedOnceHoweverManyAsk(t *testing.T) {
	p := newPlace()
	digest, _ := p.manifest(t, "amd64")
	const askers = 20
	var asking sync.WaitGroup
	g, request := newGatherer(p, database{}), requestFor(t, p, digest)
	for range askers {
		asking.Go(func() {
			if _, err := g.Gather(t.Context(), request); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if got := p.indexed.Load(); got != 1 {
		t.Errorf("indexed %d times", got)
	}
	fetched := p.fetches.Load()
	if _, err := g.Gather(t.Context(), request); err != nil || p.fetches.Load() != fetched {
		t.Errorf("what is stored was fetched again: %v", err)
	}
}

// A kill between the inventory and its outline must not have the image indexed again.
func TestAnOutlineThatIsMissingIsMadeFromTheInventory(t *testing.T) {
	p := newPlace()
	digest, _ := p.manifest(t, "amd64")
	g, request := newGatherer(p, database{}), requestFor(t, p, digest)
	if _, err := g.Gather(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	store, ok := g.Store.(*evidencefake.Store)
	if !ok {
		t.Fatal("the store is no fake")
	}
	store.Forget(digest, evidence.KindOutline)
	if _, err := g.Gather(t.Context(), request); err != nil || p.indexed.Load() != 1 {
		t.Errorf("%v, indexed %d times", err, p.indexed.Load())
	}
}

// TestNobodyWaitsForSomebodyElsesRegistry has another repository with the same image hang.
func TestNobodyWaitsForSomebodyElsesRegistry(t *testing.T) {
	p := newPlace()
	digest, _ := p.manifest(t, "amd64")
	begun, release := make(chan struct{}), make(chan struct{})
	p.indexing = func() {
		if p.indexed.Load() == 1 {
			close(begun)
			<-release
		}
	}
	g, request := newGatherer(p, database{}), requestFor(t, p, digest)
	elsewhere := request
	var err error
	if elsewhere.Reference.Repository, err = image.ParseRepository("slow.example.com/copy"); err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	asking.Go(func() { _, _ = g.Gather(t.Context(), elsewhere) })
	<-begun
	finished := make(chan error, 1)
	asking.Go(func() {
		_, err := g.Gather(t.Context(), request)
		finished <- err
	})
	select {
	case err := <-finished:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for another registry")
	}
	close(release)
	asking.Wait()
}

func TestWhatIsWrongWithAnImageIsAFact(t *testing.T) {
	for name, test := range map[string]struct {
		place     func(*place)
		database  database
		inventory string
		findings  string
	}{
		"a truncated layer": {
			place:     func(p *place) { p.indexErr = fmt.Errorf("%w: layer 1 is truncated", inventory.ErrMalformedLayer) },
			inventory: v1alpha1.ReasonMalformedLayer, findings: v1alpha1.ReasonMalformedLayer,
		},
		"a bomb": {
			place:     func(p *place) { p.indexErr = fmt.Errorf("%w: layer 1 unpacks to too much", inventory.ErrOverLimit) },
			inventory: v1alpha1.ReasonOverLimit, findings: v1alpha1.ReasonOverLimit,
		},
		"work without an end": {
			place:     func(p *place) { p.indexErr = inventory.ErrDeadline },
			inventory: v1alpha1.ReasonDeadlineExceeded, findings: v1alpha1.ReasonDeadlineExceeded,
		},
		"a crash of the indexer": {
			place:     func(p *place) { p.indexErr = inventory.ErrFailed },
			inventory: v1alpha1.ReasonIndexingFailed, findings: v1alpha1.ReasonIndexingFailed,
		},
		"a package database that cannot be parsed": {
			place: func(p *place) {
				p.made.Problems = []inventory.Problem{{Path: "var/lib/dpkg/status", Message: "malformed"}}
			},
			inventory: v1alpha1.ReasonInventoryIncomplete,
		},
		"nothing that anybody recognises": {
			place:     func(p *place) { p.made.Packages = 0 },
			inventory: v1alpha1.ReasonInventoryIncomplete,
		},
		"a release that the database does not cover": {
			database: database{err: fmt.Errorf("alpine 3.18: %w", vulnerability.ErrNotCovered)},
			findings: v1alpha1.ReasonNotCovered,
		},
		"no database":       {database: database{err: vulnerability.ErrNoDatabase}, findings: v1alpha1.ReasonDatabaseUnavailable},
		"a detector panics": {database: database{err: vulnerability.ErrMatchingFailed}, findings: v1alpha1.ReasonMatchingFailed},
		"nothing":           {},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace()
			if test.place != nil {
				test.place(p)
			}
			digest, _ := p.manifest(t, "amd64")
			collected, err := gatherAll(t, newGatherer(p, test.database), requestFor(t, p, digest))
			if err != nil {
				t.Fatal(err)
			}
			got := collected.Platforms[0]
			if got.Inventory.Reason != test.inventory || got.Findings.Reason != test.findings {
				t.Errorf("inventory %q, findings %q", got.Inventory.Reason, got.Findings.Reason)
			}
		})
	}
}

func TestAnOutageOfTheRegistryIsAnErrorAndNothingIsKeptOfIt(t *testing.T) {
	p := newPlace()
	digest, _ := p.manifest(t, "amd64")
	p.blobErr = registry.NewError(registry.KindUnavailable, nil, "down")
	g, request := newGatherer(p, database{}), requestFor(t, p, digest)
	if _, err := g.Gather(t.Context(), request); !registry.IsKind(err, registry.KindUnavailable) {
		t.Fatalf("got %v", err)
	}
	p.blobErr = nil
	if _, err := g.Gather(t.Context(), request); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestAFullStoreIsAnErrorAndNotAFact(t *testing.T) {
	p := newPlace()
	digest, _ := p.manifest(t, "amd64")
	g := newGatherer(p, database{})
	full := errors.New("no space left")
	g.Store.(*evidencefake.Store).Fail(full)
	if _, err := g.Gather(t.Context(), requestFor(t, p, digest)); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestExploitedFindingsAreMarked(t *testing.T) {
	p := newPlace()
	digest, _ := p.manifest(t, "amd64")
	found := database{findings: []evidence.Finding{{ID: "CVE-2021-44228"}, {ID: "CVE-2021-45046"}}}
	collected, err := gatherAll(t, newGatherer(p, found), requestFor(t, p, digest))
	if err != nil {
		t.Fatal(err)
	}
	if got := collected.Platforms[0].Findings.Value; !got[0].Exploited || got[1].Exploited {
		t.Errorf("findings %+v", got)
	}
}
