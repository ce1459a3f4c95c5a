// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
	"github.com/assay-dev/assay/test/bench/synthetic"
)

// content is an image of the fleet as a registry has it, but for its layers, which nobody asks for.
type content struct {
	synthetic.Image
	// host and port of the registry.
	host, repository, tag string
	manifest, config      []byte
}

// contentOf makes the manifest and the configuration of an image.
func contentOf(made synthetic.Image, host, repository, tag string) (content, error) {
	c := content{Image: made, host: host, repository: repository, tag: tag}
	type descriptor struct {
		MediaType types.MediaType `json:"mediaType"`
		Digest    string          `json:"digest"`
		Size      int             `json:"size"`
	}
	var layers []descriptor
	var diffIDs []string
	for i := range 5 {
		layer := image.DigestOf(fmt.Append(nil, repository, tag, i)).String()
		diffIDs = append(diffIDs, layer)
		layers = append(layers, descriptor{types.OCILayer, layer, 1 << 20})
	}
	var err error
	c.config, err = json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"User": "65532", "Cmd": []string{"/" + repository}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	if err != nil {
		return c, err
	}
	c.manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "layers": layers,
		"config": descriptor{types.OCIConfigJSON, image.DigestOf(c.config).String(), len(c.config)},
	})
	return c, err
}

func (c content) digest() image.Digest { return image.DigestOf(c.manifest) }

// fleetContent is image number of the fleet.
func (c *cluster) fleetContent(number int) (content, error) {
	one := c.fleet.Image(number)
	return contentOf(one, c.registries[one.Service%len(c.registries)].Host(), fmt.Sprintf("fleet/service-%03d", one.Service), fmt.Sprint(number))
}

// store fills an evidence store by the parts that the controller has, as if all the images had been indexed, and closes it.
func store(ctx context.Context, dataDir string, images func(yield func(content) error) error) error {
	kept, err := disk.Open(filepath.Join(dataDir, "evidence"))
	if err != nil {
		return err
	}
	// There is no database yet, and so nothing is matched.
	matcher := fleet.New(trivydb.New(filepath.Join(dataDir, "unused"), trivydb.FromPath("unused"), clock.RealClock{}), kept)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4 * runtime.NumCPU())
	err = images(func(c content) error {
		group.Go(func() error { return storeOne(ctx, kept, matcher, c) })
		return ctx.Err()
	})
	return errors.Join(err, group.Wait(), kept.Close())
}

func storeOne(ctx context.Context, kept *disk.Store, matcher *fleet.Fleet, c content) error {
	repository, err := image.ParseRepository(c.host + "/" + c.repository)
	if err != nil {
		return err
	}
	gatherer := &gather.Gatherer{Store: kept, Indexer: c, SBOMs: c, Matcher: matcher}
	gathered, err := gatherer.Gather(ctx, gather.Request{Reference: image.Reference{Repository: repository, Digest: c.digest()}, Reader: c})
	if err == nil && len(gathered.Platforms) != 1 {
		err = errors.New("it was not gathered")
	}
	if err != nil {
		return fmt.Errorf("store what is in image %d: %w", c.Number, err)
	}
	return nil
}

// Index implements inventory.Indexer: what is in the image is known already.
func (c content) Index(_ context.Context, source inventory.Source) (inventory.Inventory, error) {
	return c.Inventory(source.Image)
}

// SPDX implements inventory.SBOMWriter. Nobody reads the document here.
func (c content) SPDX(_ context.Context, name string, _ inventory.Inventory) ([]byte, error) {
	return fmt.Appendf(nil, `{"spdx":%q}`, name), nil
}

// CycloneDX implements inventory.SBOMWriter likewise.
func (c content) CycloneDX(_ context.Context, name string, _ inventory.Inventory) ([]byte, error) {
	return fmt.Appendf(nil, `{"cyclonedx":%q}`, name), nil
}

// Document implements registry.Fetcher.
func (c content) Document(context.Context, image.Reference) (image.Document, error) {
	return image.ParseDocument(string(types.OCIManifestSchema1), c.manifest)
}

// Blob implements registry.Fetcher; only the configuration is asked for.
func (c content) Blob(context.Context, image.Repository, image.Descriptor) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(c.config)), nil
}

// Resolve implements registry.Resolver.
func (c content) Resolve(ctx context.Context, _ image.Tag) (image.Document, error) {
	return c.Document(ctx, image.Reference{})
}

// Referrers implements registry.ReferrerLister.
func (c content) Referrers(context.Context, image.Reference) ([]image.Descriptor, error) {
	return nil, nil
}

var _ registry.Reader = content{}
