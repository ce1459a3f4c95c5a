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

// apply lays the layers on top of each other.
func (x *indexer) apply(ctx context.Context, blobs []types.BlobInfo) (wire.Contents, error) {
	layers := make(layerCache, len(blobs))
	keys := make([]string, len(blobs))
	for i, blob := range blobs {
		encoded, err := json.Marshal(blob)
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
			x.observations.problem(osRelease, "the packages are of an operating system that cannot be recognized")
		}
	case errors.Is(err, analyzer.ErrNoPkgsDetected):
		if detail.OS.Family.HasOSPackages() {
			x.observations.problem(osRelease, fmt.Sprintf("no packages of %s can be found", detail.OS.Family))
		}
	case err != nil:
		return wire.Contents{}, err
	}
	x.observations.endLayer(nil, nil)

	contents := wire.Contents{Packages: len(detail.Packages)}
	for i := range detail.Packages {
		detail.Packages[i].InstalledFiles = nil // half of the bytes, and only the layers' analysis needs them
	}
	for _, app := range detail.Applications {
		contents.Packages += len(app.Packages)
	}
	contents.Problems, contents.Unidentified = x.observations.all()
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
