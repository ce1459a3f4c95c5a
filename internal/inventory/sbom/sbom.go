// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sbom writes software bills of materials from inventories, with trivy's own writers.
package sbom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	cdx "github.com/CycloneDX/cyclonedx-go"
	fanal "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/aquasecurity/trivy/pkg/report/spdx"
	"github.com/aquasecurity/trivy/pkg/sbom/cyclonedx"
	"github.com/aquasecurity/trivy/pkg/scan/langpkg"
	"github.com/aquasecurity/trivy/pkg/types"

	"github.com/assay-dev/assay/internal/inventory"
)

// cycloneDXVersion is what readers of today understand; trivy's own default is newer.
const cycloneDXVersion = cdx.SpecVersion1_6

// reportVersion of trivy's reports.
const reportVersion = 2

// Writer implements inventory.SBOMWriter.
type Writer struct{ version string }

var _ inventory.SBOMWriter = Writer{}

// New returns a writer; version is what the documents say of the tool that made them.
func New(version string) Writer { return Writer{version: version} }

// SPDX writes an SPDX 2.3 document in JSON.
func (w Writer) SPDX(ctx context.Context, name string, made inventory.Inventory) ([]byte, error) {
	report, err := reportOf(name, made)
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	if err := spdx.NewWriter(&document, w.version, types.FormatSPDXJSON).Write(ctx, report); err != nil {
		return nil, fmt.Errorf("write SPDX: %w", err)
	}
	return document.Bytes(), nil
}

// CycloneDX writes a CycloneDX 1.6 document in JSON.
func (w Writer) CycloneDX(ctx context.Context, name string, made inventory.Inventory) ([]byte, error) {
	report, err := reportOf(name, made)
	if err != nil {
		return nil, err
	}
	marshaler := cyclonedx.NewMarshaler(w.version)
	bom, err := marshaler.MarshalReport(ctx, report)
	if err != nil {
		return nil, fmt.Errorf("write CycloneDX: %w", err)
	}
	var document bytes.Buffer
	if err := cdx.NewBOMEncoder(&document, cdx.BOMFileFormatJSON).EncodeVersion(bom, cycloneDXVersion); err != nil {
		return nil, fmt.Errorf("write CycloneDX %s: %w", cycloneDXVersion, err)
	}
	return document.Bytes(), nil
}

// reportOf is the report that trivy's writers take: the packages of the image and no vulnerabilities.
func reportOf(name string, made inventory.Inventory) (types.Report, error) {
	var detail fanal.ArtifactDetail
	if err := json.Unmarshal(made.Detail, &detail); err != nil {
		return types.Report{}, fmt.Errorf("read the inventory: %w", err)
	}
	report := types.Report{
		SchemaVersion: reportVersion,
		ArtifactName:  name,
		ArtifactType:  fanal.TypeContainerImage,
		Metadata: types.Metadata{
			ImageID:     made.ImageID.String(),
			RepoDigests: []string{name},
		},
	}
	for _, diffID := range made.DiffIDs {
		report.Metadata.DiffIDs = append(report.Metadata.DiffIDs, diffID.String())
	}
	if detail.OS.Detected() {
		report.Metadata.OS = &detail.OS
	}
	if len(detail.Packages) > 0 {
		report.Results = append(report.Results, types.Result{
			Target:   fmt.Sprintf("%s (%s %s)", name, detail.OS.Family, detail.OS.Name),
			Class:    types.ClassOSPkg,
			Type:     fanal.TargetType(detail.OS.Family),
			Packages: detail.Packages,
		})
	}
	for _, application := range detail.Applications {
		report.Results = append(report.Results, types.Result{
			Target:   targetOf(application),
			Class:    types.ClassLangPkg,
			Type:     application.Type,
			Packages: application.Packages,
		})
	}
	return report, nil
}

// targetOf names an application as trivy's reports do: by its file, or by its language when packages lie in many files.
func targetOf(application fanal.Application) string {
	if application.FilePath == "" {
		return langpkg.PkgTargets[application.Type]
	}
	return application.FilePath
}
