// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/dependency/parser/java/jar"
	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/analyzer/language"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
	xio "github.com/aquasecurity/trivy/pkg/x/io"
)

// observed is the type of the custom resources by which the jar analyzer tells its observations: analyzers can say
// something about a file in no other way. The data is an [observation].
const observed = "assay/observation"

func init() { // as trivy's own analyzers do
	analyzer.RegisterPostAnalyzer(analyzer.TypeJar, func(options analyzer.AnalyzerOptions) (analyzer.PostAnalyzer, error) {
		return jarAnalyzer{confidence: options.LicenseScannerOption.ClassifierConfidenceLevel}, nil
	})
}

// jarAnalyzer finds Java packages without the database of trivy's own analyzer, which fails any image with a jar if there is
// none: what Maven wrote into a jar is believed, and of other jars it is observed what one needs to look them up later.
type jarAnalyzer struct{ confidence float64 }

// Type implements [analyzer.PostAnalyzer].
func (jarAnalyzer) Type() analyzer.Type { return analyzer.TypeJar }

// Version implements [analyzer.PostAnalyzer].
func (jarAnalyzer) Version() int { return 2 }

// Required implements [analyzer.PostAnalyzer].
func (jarAnalyzer) Required(filePath string, _ os.FileInfo) bool {
	return slices.Contains([]string{".jar", ".war", ".ear", ".par"}, strings.ToLower(path.Ext(filePath)))
}

// PostAnalyze implements [analyzer.PostAnalyzer].
func (a jarAnalyzer) PostAnalyze(ctx context.Context, input analyzer.PostAnalysisInput) (*analyzer.AnalysisResult, error) {
	var result analyzer.AnalysisResult
	err := fs.WalkDir(input.FS, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		opened, err := input.FS.Open(file)
		if err != nil {
			return err
		}
		err = a.analyze(ctx, &result, file, opened, input.Options.FileChecksum)
		_ = opened.Close()
		return err
	})
	return &result, err
}

func (a jarAnalyzer) analyze(ctx context.Context, result *analyzer.AnalysisResult, file string, opened fs.File, checksum bool) error {
	info, err := opened.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	content, ok := opened.(xio.ReadSeekerAt)
	if !ok {
		return fmt.Errorf("%s cannot be read at an offset", file)
	}
	observe := func(o observation) {
		result.CustomResources = append(result.CustomResources, types.CustomResource{Type: observed, FilePath: file, Data: o})
	}
	survey := archiveSurvey{left: maxArchiveBytes}
	if err := survey.visit(file, content, info.Size(), 0); err != nil {
		return err
	}
	for _, broken := range survey.broken {
		observe(observation{path: broken, problem: brokenArchive})
	}
	if slices.Contains(survey.broken, file) {
		return nil
	}
	asked := asked{}
	parser := jar.NewParser(asked, jar.WithSize(info.Size()), jar.WithFilePath(file), jar.WithLicenseClassifierConfidenceLevel(a.confidence))
	app, err := language.ParsePackage(ctx, types.Jar, file, content, parser, checksum)
	if err != nil {
		observe(observation{path: file, problem: brokenArchive})
		return nil //nolint:nilerr // it is told as an observation
	}
	named := map[string]bool{}
	if app != nil {
		result.Applications = append(result.Applications, *app)
		for _, p := range app.Packages {
			named[p.FilePath] = true
		}
	}
	for _, found := range survey.archives {
		if found.Named = named[found.Path]; !found.Named || asked[found.SHA1] {
			observe(observation{path: found.Path, jar: &found})
		}
	}
	return nil
}

const brokenArchive = "the archive cannot be read"

// asked is a [jar.Client] that knows no artifacts and remembers the digests that it was asked for: those of archives that do
// not say what their files' names say.
type asked map[string]bool

// Exists implements [jar.Client]. Manifests name vendors and products, which no advisory knows; only where both happen to be
// Maven's names are they of use, and nobody here can tell.
func (asked) Exists(string, string) (bool, error) { return false, nil }

// SearchBySHA1 implements [jar.Client].
func (a asked) SearchBySHA1(sum string) (jar.Properties, error) {
	a[sum] = true
	return jar.Properties{}, jar.ArtifactNotFoundErr
}

// SearchByArtifactID implements [jar.Client].
func (asked) SearchByArtifactID(string, string) (string, error) { return "", jar.ArtifactNotFoundErr }
