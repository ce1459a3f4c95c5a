// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/story"
)

// userAgent is by which the registry's journal tells the controller from who pushes and signs.
const userAgent = "assay"

// requests counts what the controller asked the registry for on the way of an image through three environments.
func requests(ctx context.Context, b *bench) ([]result, error) {
	tag, err := name.NewTag(b.registry.Host() + "/" + story.CheckoutImage)
	if err != nil {
		return nil, err
	}
	asked := b.registry.Requests() // before this benchmark asks
	image, err := remote.Image(tag, remote.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	sizes, err := contents(image)
	if err != nil {
		return nil, err
	}
	var whole int64
	for _, size := range sizes {
		whole += size
	}
	pulled, resolved := pulls(asked, tag, sizes)
	if pulled == 0 || resolved == 0 {
		return nil, fmt.Errorf("the controller never asked for %s", tag)
	}
	return []result{
		compare("bytes pulled of an image on its way to prod, of its size", "bytes", float64(pulled), float64(whole), 1),
		compare("requests that resolve a tag, of looks at it", "requests", float64(resolved), 1, 1),
	}, nil
}

// pulls adds up the bytes of the image that the controller got, and counts its requests for the tag.
func pulls(asked []registry.Request, tag name.Tag, contents map[string]int64) (pulled int64, resolved int) {
	for _, r := range asked {
		if r.UserAgent != userAgent || r.Repository != tag.RepositoryStr() {
			continue
		}
		_, ofImage := contents[r.Reference]
		isTag := r.Kind == registry.ManifestByTag && r.Reference == tag.TagStr()
		isContent := ofImage && (r.Kind == registry.ManifestByDigest || r.Kind == registry.Blob)
		if r.Method == http.MethodGet && (isTag || isContent) {
			pulled += r.Sent
		}
		if isTag {
			resolved++
		}
	}
	return pulled, resolved
}

// contents are the sizes of the manifest, the configuration and the layers, by digest.
func contents(image v1.Image) (map[string]int64, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	size, err := image.Size()
	if err != nil {
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{digest.String(): size, manifest.Config.Digest.String(): manifest.Config.Size}
	for _, layer := range manifest.Layers {
		sizes[layer.Digest.String()] = layer.Size
	}
	return sizes, nil
}
