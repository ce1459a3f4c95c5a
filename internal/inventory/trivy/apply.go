// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/applier"
	"github.com/aquasecurity/trivy/pkg/fanal/types"

	"github.com/assay-dev/assay/internal/inventory/wire"
)

// osRelease is where problems of the operating system as a whole are.
const osRelease = "etc/os-release"

// apply lays the layers on top of each other. What is of this image and no function of a layer comes in here.
func (x *indexer) apply(ctx context.Context, img wire.Image, results []layerResult) (wire.Contents, error) {
	layers := make(layerCache, len(results))
	keys := make([]string, len(results))
	var observed observations
	for i, result := range results {
		observed.lay(result)
		result.Blob.Digest, result.Blob.DiffID = img.Layers[i].Digest.String(), img.Layers[i].DiffID.String()
		encoded, err := json.Marshal(result.Blob)
		if err != nil {
			return wire.Contents{}, fmt.Errorf("encode layer %d: %w", i+1, err)
		}
		keys[i] = strconv.Itoa(i)
		layers[keys[i]] = encoded
	}
	detail, err := applier.NewApplier(layers).ApplyLayers(ctx, "", keys)
	switch {
	case errors.Is(err, analyzer.ErrUnknownOS):
		if len(detail.Packages) > 0 {
			observed.problem(osRelease, "the packages are of an operating system that cannot be recognized")
		}
	case errors.Is(err, analyzer.ErrNoPkgsDetected):
		if detail.OS.Family.HasOSPackages() {
			observed.problem(osRelease, fmt.Sprintf("no packages of %s can be found", detail.OS.Family))
		}
	case err != nil:
		return wire.Contents{}, err
	}

	contents := wire.Contents{Packages: len(detail.Packages)}
	for i := range detail.Packages {
		detail.Packages[i].InstalledFiles = nil // half of the bytes, and only the layers' analysis needs them
	}
	for _, app := range detail.Applications {
		contents.Packages += len(app.Packages)
	}
	contents.Problems, contents.Unidentified = observed.all()
	if contents.Detail, err = json.Marshal(detail); err != nil {
		return wire.Contents{}, fmt.Errorf("encode the inventory: %w", err)
	}
	return contents, nil
}

// layerCache is what trivy's applier takes the layers from. It keeps them encoded: applying changes what it is given, and
// an image may have one layer twice.
type layerCache map[string][]byte

// GetBlob implements [cache.LocalArtifactCache].
func (c layerCache) GetBlob(_ context.Context, key string) (types.BlobInfo, error) {
	var blob types.BlobInfo
	err := json.Unmarshal(c[key], &blob)
	return blob, err
}

// GetArtifact implements [cache.LocalArtifactCache]: of the configuration trivy knows nothing that is wanted here.
func (layerCache) GetArtifact(context.Context, string) (types.ArtifactInfo, error) {
	return types.ArtifactInfo{}, nil
}

// Close implements [cache.LocalArtifactCache].
func (layerCache) Close() error { return nil }

// Clear implements [cache.LocalArtifactCache].
func (layerCache) Clear(context.Context) error { return nil }
