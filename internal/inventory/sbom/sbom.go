// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sbom writes software bills of materials from inventories, with trivy's writers. It links none of trivy's
// analyzers, which an inventory has behind it.
package sbom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sort"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/aquasecurity/trivy/pkg/report/spdx"
	cyclonedxsbom "github.com/aquasecurity/trivy/pkg/sbom/cyclonedx"
	"github.com/aquasecurity/trivy/pkg/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

// Writer implements [inventory.SBOMWriter].
type Writer struct {
	tool string // version of trivy, as the documents name it
}

// NewWriter returns a writer.
func NewWriter() Writer { return Writer{tool: moduleVersion("github.com/aquasecurity/trivy")} }

// SPDX implements [inventory.SBOMWriter].
func (w Writer) SPDX(ctx context.Context, name string, i inventory.Inventory) ([]byte, error) {
	report, err := report(name, i)
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	if err := spdx.NewWriter(&document, w.tool, types.FormatSPDXJSON).Write(ctx, report); err != nil {
		return nil, fmt.Errorf("write the SPDX document: %w", err)
	}
	return document.Bytes(), nil
}

// CycloneDX implements [inventory.SBOMWriter].
func (w Writer) CycloneDX(ctx context.Context, name string, i inventory.Inventory) ([]byte, error) {
	report, err := report(name, i)
	if err != nil {
		return nil, err
	}
	marshaler := cyclonedxsbom.NewMarshaler(w.tool)
	bom, err := marshaler.MarshalReport(ctx, report)
	if err != nil {
		return nil, fmt.Errorf("write the CycloneDX document: %w", err)
	}
	// trivy writes a version that consumers do not read yet.
	var document bytes.Buffer
	encoder := cyclonedx.NewBOMEncoder(&document, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("write the CycloneDX document: %w", err)
	}
	return document.Bytes(), nil
}

// report is what trivy would report of the image if it were not asked for vulnerabilities.
func report(name string, i inventory.Inventory) (types.Report, error) {
	detail, err := merge(i)
	if err != nil {
		return types.Report{}, err
	}
	r := types.Report{
		SchemaVersion: 2,
		ArtifactName:  name,
		ArtifactType:  ftypes.TypeContainerImage,
		Metadata: types.Metadata{
			ImageID:     i.ImageID.String(),
			ImageConfig: v1.ConfigFile{OS: i.Platform.OS, Architecture: i.Platform.Architecture, Variant: i.Platform.Variant},
			Layers:      detail.Layers,
		},
	}
	if _, err := image.ParseReference(name); err == nil {
		r.Metadata.RepoDigests = []string{name}
	}
	for _, diffID := range i.DiffIDs {
		r.Metadata.DiffIDs = append(r.Metadata.DiffIDs, diffID.String())
	}
	if detail.OS.Detected() {
		r.Metadata.OS = &detail.OS
	}
	r.Results = results(detail)
	return r, nil
}

// merge returns all packages of the image but those that comprehensive detection alone gives: what a package manager brought is
// in the document as its package.
func merge(i inventory.Inventory) (ftypes.ArtifactDetail, error) {
	var merged ftypes.ArtifactDetail
	for n, part := range i.Parts() {
		var detail ftypes.ArtifactDetail
		switch err := json.Unmarshal(part.Detail, &detail); {
		case err != nil:
			return merged, fmt.Errorf("read the inventory: %w", err)
		case n == 0:
			merged = detail
		case !part.Comprehensive:
			merged.Applications = append(merged.Applications, detail.Applications...)
		}
	}
	return merged, nil
}

// results puts the packages where trivy's encoder looks for them: one result for the operating system and one for each
// application.
func results(detail ftypes.ArtifactDetail) types.Results {
	var all types.Results
	if detail.OS.Detected() && len(detail.Packages) > 0 {
		all = append(all, types.Result{
			Target: detail.OS.String(), Class: types.ClassOSPkg, Type: detail.OS.Family, Packages: detail.Packages,
		})
	}
	for _, app := range detail.Applications {
		sort.Sort(app.Packages)
		all = append(all, types.Result{
			Target: app.FilePath, Class: types.ClassLangPkg, Type: app.Type, Packages: app.Packages,
		})
	}
	return all
}

// moduleVersion is the version of a module that the program is built with.
func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return module.Version
			}
		}
	}
	return "unknown"
}
