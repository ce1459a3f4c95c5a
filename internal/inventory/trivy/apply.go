// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/applier"
	"github.com/aquasecurity/trivy/pkg/fanal/types"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// osRelease is where problems of the operating system as a whole are.
const osRelease = "etc/os-release"

// apply lays the layers on top of each other. What is of this image and no function of a layer comes in here.
func (x *indexer) apply(ctx context.Context, img wire.Image, config []byte, results []layerResult) (wire.Contents, wire.Details, error) {
	layers, keys := make(layerCache, len(results)), make([]string, len(results))
	var observed observations
	for i, result := range results {
		observed.lay(result, img.Layers[i].DiffID)
		result.Blob.Digest, result.Blob.DiffID = img.Layers[i].Digest.String(), img.Layers[i].DiffID.String()
		var err error
		if layers[i], err = json.Marshal(result.Blob); err != nil {
			return wire.Contents{}, wire.Details{}, fmt.Errorf("encode layer %d: %w", i+1, err)
		}
		keys[i] = strconv.Itoa(i)
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
		return wire.Contents{}, wire.Details{}, err
	}
	contents := x.secretsOf(img, config, results)
	contents.Packages = len(detail.Packages)
	for _, app := range detail.Applications {
		contents.Packages += len(app.Packages)
	}
	problems, jars := observed.all()
	if slices.SortFunc(jars, compareJars); len(jars) > wire.MaxJars {
		problems = append(problems, inventory.Problem{Path: jars[wire.MaxJars].Path, Message: "more jars than can be listed have no name"})
		jars = jars[:wire.MaxJars]
	}
	contents.Problems = firstOf(problems, compareProblems)
	details := wire.Details{Jars: jars}
	if details.Hidden, err = hiddenDetail(detail, layers, results); err != nil {
		return wire.Contents{}, wire.Details{}, err
	}
	details.Detail, err = encodeDetail(detail)
	return contents, details, err
}

// firstOf returns what is listed of a list.
func firstOf[T any](list []T, compare func(a, b T) int) wire.List[T] {
	slices.SortFunc(list, compare)
	return list[:min(len(list), wire.MaxListed)]
}

func compareProblems(a, b inventory.Problem) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
}

func compareJars(a, b inventory.Jar) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.SHA1, b.SHA1))
}

// layerCache is what trivy's applier takes the layers from, by their indexes. It keeps them encoded: applying changes what it is given,
// and an image may have one layer twice.
type layerCache [][]byte

// GetBlob implements [cache.LocalArtifactCache].
func (c layerCache) GetBlob(_ context.Context, key string) (types.BlobInfo, error) {
	var blob types.BlobInfo
	index, err := strconv.Atoi(key)
	if err == nil {
		err = json.Unmarshal(c[index], &blob)
	}
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
