// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
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

	"github.com/assay-dev/assay/internal/inventory/wire"
)

const (
	// maxArchiveDepth bounds archives within archives. A web application in an application server's archive has three.
	maxArchiveDepth = 8
	// maxArchiveBytes bounds what the archives within one archive decompress to.
	maxArchiveBytes = 1 << 30
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
// none: what Maven wrote into a jar is believed, and jars without it are observed as unidentified.
type jarAnalyzer struct{ confidence float64 }

// Type implements [analyzer.PostAnalyzer].
func (jarAnalyzer) Type() analyzer.Type { return analyzer.TypeJar }

// Version implements [analyzer.PostAnalyzer].
func (jarAnalyzer) Version() int { return 1 }

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
		observe(observation{path: broken, problem: "the archive cannot be read"})
	}
	if slices.Contains(survey.broken, file) {
		return nil
	}
	parser := jar.NewParser(nobody{}, jar.WithSize(info.Size()), jar.WithFilePath(file), jar.WithLicenseClassifierConfidenceLevel(a.confidence))
	app, err := language.ParsePackage(ctx, types.Jar, file, content, parser, checksum)
	if err != nil {
		observe(observation{path: file, problem: "the archive cannot be read"})
		return nil //nolint:nilerr // it is told as an observation
	}
	named := map[string]bool{}
	if app != nil {
		result.Applications = append(result.Applications, *app)
		for _, p := range app.Packages {
			named[p.FilePath] = true
		}
	}
	for _, archive := range survey.archives {
		if !named[archive] {
			observe(observation{path: archive})
		}
	}
	return nil
}

// nobody is a [jar.Client] that knows no artifacts.
type nobody struct{}

// Exists implements [jar.Client]. Manifests name vendors and products, which no advisory knows; only where both happen to be
// Maven's names are they of use, and nobody here can tell.
func (nobody) Exists(string, string) (bool, error) { return false, nil }

// SearchBySHA1 implements [jar.Client].
func (nobody) SearchBySHA1(string) (jar.Properties, error) {
	return jar.Properties{}, jar.ArtifactNotFoundErr
}

// SearchByArtifactID implements [jar.Client].
func (nobody) SearchByArtifactID(string, string) (string, error) { return "", jar.ArtifactNotFoundErr }

// archiveSurvey looks at an archive and at those within it before the parser does, which follows them to any depth and
// size.
type archiveSurvey struct {
	left     int64 // bytes
	archives []string
	broken   []string
}

func (s *archiveSurvey) visit(name string, content io.ReaderAt, size int64, depth int) error {
	if depth > maxArchiveDepth {
		return overLimit("archives are nested more than %d deep", maxArchiveDepth)
	}
	archive, err := zip.NewReader(content, size)
	if err != nil {
		s.broken = append(s.broken, name)
		return nil //nolint:nilerr // it is remembered
	}
	s.archives = append(s.archives, name)
	for _, entry := range archive.File {
		if !slices.Contains([]string{".jar", ".war", ".ear"}, path.Ext(entry.Name)) {
			continue
		}
		if err := s.visitEntry(path.Join(name, entry.Name), entry, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// visitEntry unpacks an archive within an archive.
func (s *archiveSurvey) visitEntry(name string, entry *zip.File, depth int) error {
	unpacked, err := os.CreateTemp("", "archive-")
	if err != nil {
		return fmt.Errorf("unpack an archive: %w", err)
	}
	defer func() {
		_ = unpacked.Close()
		_ = os.Remove(unpacked.Name()) // the parent removes what is left
	}()
	packed, err := entry.Open()
	if err != nil {
		s.broken = append(s.broken, name)
		return nil
	}
	defer packed.Close()
	size, err := io.Copy(unpacked, io.LimitReader(packed, s.left+1))
	if s.left -= size; s.left < 0 {
		return overLimit("the archives within an archive decompress to more than %s", wire.Size(maxArchiveBytes))
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return fmt.Errorf("unpack an archive: %w", err)
	}
	if err != nil {
		s.broken = append(s.broken, name)
		return nil
	}
	return s.visit(name, unpacked, size, depth)
}
