// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/fanal/applier"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
)

// hiddenDetail returns the packages that are in the image beside those of its detail, in the same form; nil when there are
// none. layers are the encoded blobs of results, with their digests.
func hiddenDetail(detail types.ArtifactDetail, layers layerCache, results []layerResult) ([]byte, error) {
	if !slices.ContainsFunc(results, layerResult.mayHide) {
		return nil, nil
	}
	known := map[string]bool{}
	eachPackage(detail, func(key string) bool { known[key] = true; return true })
	var rest types.ArtifactDetail
	for _, wanted := range []func(types.Application) bool{ofFile, ofSBOM} {
		blobs := make([]types.BlobInfo, len(layers))
		for i := range layers {
			if err := json.Unmarshal(layers[i], &blobs[i]); err != nil {
				return nil, fmt.Errorf("decode layer %d: %w", i+1, err)
			}
			blobs[i].Applications = ofKind(append(blobs[i].Applications, results[i].Hidden...), wanted)
			blobs[i].PackageInfos = slices.DeleteFunc(blobs[i].PackageInfos, func(info types.PackageInfo) bool {
				return ofSBOM(types.Application{Packages: info.Packages})
			})
		}
		more := applier.ApplyLayers(blobs)
		more = eachPackage(more, func(key string) bool { added := !known[key]; known[key] = true; return added })
		rest.Packages, rest.Applications = append(rest.Packages, more.Packages...), append(rest.Applications, more.Applications...)
	}
	if len(rest.Packages) > 0 {
		rest.OS, rest.Repository = detail.OS, detail.Repository
	}
	if len(rest.Packages) == 0 && len(rest.Applications) == 0 {
		return nil, nil
	}
	return encodeDetail(rest)
}

func ofFile(app types.Application) bool { return !ofSBOM(app) }

func ofKind(apps []types.Application, wanted func(types.Application) bool) []types.Application {
	return slices.DeleteFunc(apps, func(app types.Application) bool { return !wanted(app) })
}

// mayHide says that the layer can hide something: a claimed file of its own, or with its SBOMs a file of another layer.
func (r layerResult) mayHide() bool {
	return len(r.Hidden) > 0 || slices.ContainsFunc(r.Blob.Applications, ofSBOM)
}

// eachPackage returns the detail with the packages for whose keys keep is true.
func eachPackage(detail types.ArtifactDetail, keep func(key string) bool) types.ArtifactDetail {
	kept := func(packages types.Packages, of ...string) types.Packages {
		return slices.DeleteFunc(slices.Clone(packages), func(p types.Package) bool {
			return !keep(strings.Join(append(of, p.FilePath, p.Name, fmt.Sprint(p.Epoch), p.Version, p.Release, p.Arch), "\x00"))
		})
	}
	detail.Packages = kept(detail.Packages)
	var apps []types.Application
	for _, app := range detail.Applications {
		if app.Packages = kept(app.Packages, string(app.Type), app.FilePath); len(app.Packages) > 0 {
			apps = append(apps, app)
		}
	}
	detail.Applications = apps
	return detail
}

// encodeDetail writes a detail without what only the analysis of layers needs, which is half of the bytes, and in the same order
// each time: trivy gives the packages of all Node.js, Python, Ruby and Java applications in any order.
func encodeDetail(detail types.ArtifactDetail) ([]byte, error) {
	for _, app := range detail.Applications {
		slices.SortFunc(app.Packages, func(a, b types.Package) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.FilePath, b.FilePath),
				cmp.Compare(a.Layer.DiffID, b.Layer.DiffID), cmp.Compare(a.AnalyzedBy, b.AnalyzedBy), cmp.Compare(a.Identifier.BOMRef, b.Identifier.BOMRef))
		})
	}
	for i := range detail.Packages {
		detail.Packages[i].InstalledFiles = nil
	}
	encoded, err := json.Marshal(detail)
	if err != nil {
		return nil, fmt.Errorf("encode the inventory: %w", err)
	}
	return encoded, nil
}
