// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"fmt"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/artifact"
	"github.com/aquasecurity/trivy/pkg/fanal/handler"

	// What `trivy image` looks at when it looks for vulnerabilities. Each of these registers itself. A test compares the
	// list with trivy's own; jars have an analyzer in this package.
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/buildinfo"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/conda/meta"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/dotnet/deps"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/dotnet/nuget"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/dotnet/packagesprops"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/golang/binary"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/julia/pkg"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/nodejs/pkg"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/php/composer"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/python/packaging"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/ruby/gemspec"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/rust/binary"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/rust/cargo"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/os/alpine"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/os/amazonlinux"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/os/debian"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/os/redhatbase"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/os/release"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/os/ubuntu"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/pkg/apk"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/pkg/bottlerocket_inventory"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/pkg/dpkg"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/pkg/rpm"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/repo/apk"
	_ "github.com/aquasecurity/trivy/pkg/fanal/analyzer/sbom"
	_ "github.com/aquasecurity/trivy/pkg/fanal/handler/sysfile"
)

// licenseConfidence is trivy's default.
const licenseConfidence = 0.9

// artifactOption makes the analyzers find what `trivy image` finds. What an image's packages are to be built from (lock
// files) says nothing of what is in it. Nobody is asked over the network.
func artifactOption(parallel int) artifact.Option {
	option := artifact.Option{
		DisabledAnalyzers: []analyzer.Type{analyzer.TypeComposer, analyzer.TypeRpmArchive},
		Offline:           true,
		FileChecksum:      true, // SBOMs are made from it
		Parallel:          parallel,
	}
	option.LicenseScannerOption.ClassifierConfidenceLevel = licenseConfidence
	return option
}

// newAnalyzers returns the registered analyzers, and what goes over their results afterwards.
func newAnalyzers(option artifact.Option) (analyzer.AnalyzerGroup, handler.Manager, error) {
	group, err := analyzer.NewAnalyzerGroup(option.AnalyzerOptions())
	if err != nil {
		return analyzer.AnalyzerGroup{}, handler.Manager{}, fmt.Errorf("set up the analyzers: %w", err)
	}
	handlers, err := handler.NewManager(option)
	if err != nil {
		return analyzer.AnalyzerGroup{}, handler.Manager{}, fmt.Errorf("set up the handlers: %w", err)
	}
	return group, handlers, nil
}
