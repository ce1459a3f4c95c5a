// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/packagedb"
	"github.com/assay-dev/assay/internal/inventory/trivy/secrets"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// walk goes through one layer. It does what trivy's image artifact does (a test compares them), file by file, so that it is
// known which file an analyzer could not parse, and within limits.
type walk struct {
	*indexer
	name      string // of the layer
	seen      int    // entries
	analysis  *analyzer.AnalysisResult
	composite *analyzer.CompositeFS      // files that are analyzed together, after the walk
	claims    map[string]packagedb.Claim // by the file of the database
	later     []laterFile                // in composite
	secrets   *secrets.Search            // nil when nobody looks for them
	opaque    []string
	whiteouts []string
	layer     layerResult
}

// inspect finds out what is in a layer.
func (x *indexer) inspect(ctx context.Context, name string, diffID image.Digest, compressed io.Reader) (layerResult, wire.Measures, error) {
	x.journal.take() // whatever else was said is not of this layer
	content, err := newContent(name, compressed, x.limits)
	if err != nil {
		return layerResult{}, wire.Measures{}, err
	}
	defer content.close()
	composite, err := x.group.PostAnalyzerFS()
	if err != nil {
		return layerResult{}, wire.Measures{}, fmt.Errorf("make a folder for %s: %w", name, err)
	}
	defer composite.Cleanup() //nolint:errcheck // the parent removes what is left
	w := &walk{indexer: x, name: name, analysis: analyzer.NewAnalysisResult(), composite: composite, claims: map[string]packagedb.Claim{}}
	if x.searcher != nil {
		w.secrets = x.searcher.NewSearch()
	}
	if err := w.entries(ctx, tar.NewReader(content)); err != nil {
		return layerResult{}, wire.Measures{}, err
	}
	if err := content.finish(diffID); err != nil {
		return layerResult{}, wire.Measures{}, err
	}
	result, err := w.end(ctx, content.size)
	return result, wire.Measures{Bytes: content.size, Entries: w.seen}, err
}

func (w *walk) entries(ctx context.Context, archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return w.unreadable(err)
		}
		if err := w.entry(ctx, header, archive); err != nil {
			return err
		}
	}
}

// unreadable is the failure that an error of the archive means.
func (w *walk) unreadable(err error) error {
	var failure *wire.Failure
	switch {
	case errors.As(err, &failure), errors.Is(err, wire.ErrBroken):
		return err
	case errors.Is(err, tar.ErrHeader) && w.seen == 0:
		return malformed("%s is not a tar archive", w.name)
	default:
		return malformed("%s is truncated or damaged", w.name)
	}
}

// entry is called with what stands at the reader.
func (w *walk) entry(ctx context.Context, header *tar.Header, content io.Reader) error {
	if err := w.admit(header); err != nil {
		return err
	}
	file := strings.TrimLeft(path.Clean(header.Name), "/")
	if file == ".." || strings.HasPrefix(file, "../") {
		return malformed("%s has an entry outside of the image", w.name)
	}
	w.layer.entries = append(append(w.layer.entries, file...), 0)
	switch removed, kind := whiteoutOf(file); kind {
	case removesFolder:
		w.opaque = append(w.opaque, removed)
		return nil
	case removesOne:
		w.whiteouts = append(w.whiteouts, removed)
		return nil
	}
	switch header.Typeflag {
	case tar.TypeReg:
		return w.regular(ctx, file, header, content)
	case tar.TypeSymlink, tar.TypeLink:
		if _, database := packagedb.ReaderOf(file); database {
			w.layer.problem(file, "the package database is a link, which is not followed")
		}
	}
	return nil
}

// admit holds an entry against the limits.
func (w *walk) admit(header *tar.Header) error {
	w.seen++
	switch {
	case w.seen > w.limits.Entries:
		return overLimit("the layers have more than %d files, folders and links", w.limits.Entries)
	case len(header.Name) > w.limits.PathLength:
		return overLimit("%s has a path of more than %d bytes", w.name, w.limits.PathLength)
	case header.Size > w.limits.LayerBytes: // a sparse file is larger than what it takes in the archive
		return overLimit("%s has a file of more than %s", w.name, wire.Size(w.limits.LayerBytes))
	}
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeXGlobalHeader:
		return nil
	default: // container runtimes refuse it, and trivy passes over it
		return malformed("%s has an entry of the unknown type %q", w.name, header.Typeflag)
	}
}

// regular lets all analyzers that want the file have it.
func (w *walk) regular(ctx context.Context, name string, header *tar.Header, content io.Reader) error {
	f := &file{size: header.Size, reader: content}
	defer f.remove()
	w.journal.begin(name)
	var group errgroup.Group
	limit := semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0)))
	err := w.group.AnalyzeFile(ctx, &group, limit, w.analysis, "", name, header.FileInfo(), f.open, nil, w.options)
	if err := group.Wait(); err != nil {
		return err
	}
	if err != nil {
		return w.unlessDamaged(err)
	}
	if err := w.check(name, f); err != nil {
		return err
	}
	if err := w.searchSecrets(name, f); err != nil {
		return err
	}
	later := w.group.RequiredPostAnalyzers(name, header.FileInfo())
	if len(later) == 0 {
		return nil
	}
	copied, err := w.composite.CopyFileToTemp(f.open, header.FileInfo())
	if err != nil {
		return w.unlessDamaged(err)
	}
	if err := w.composite.CreateLink(later, "", name, copied); err != nil {
		return malformed("%s has a file and a folder of one name", w.name)
	}
	w.later = append(w.later, laterFile{name: name, copied: copied, analyzers: later})
	return nil
}

// unlessDamaged is the failure of an archive that breaks off in the middle of a file, or else the error itself.
func (w *walk) unlessDamaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return malformed("%s is truncated or damaged", w.name)
	}
	return err
}

// check reads package databases for themselves and notes which files could not be parsed.
func (w *walk) check(name string, f *file) error {
	for _, path := range w.journal.take() {
		if problem := problemOf(path); problem != "" {
			w.layer.problem(path, problem)
		}
	}
	if packagedb.Unsupported(name) {
		w.layer.problem(name, "package databases of this kind are not supported")
	}
	read, database := packagedb.ReaderOf(name)
	if !database {
		return nil
	}
	if _, twice := w.claims[name]; twice {
		w.layer.problem(name, "the package database is in the layer twice")
	}
	opened, err := f.open()
	if err != nil {
		return w.unlessDamaged(err)
	}
	defer opened.Close()
	if w.claims[name], err = read(opened); err != nil {
		return fmt.Errorf("read a package database: %w", err)
	}
	return nil
}

// end analyzes what several files tell together, and returns what all of it comes to.
func (w *walk) end(ctx context.Context, size int64) (layerResult, error) {
	w.journal.begin("")
	b := w.beforeOpening()
	if err := w.group.PostAnalyze(ctx, w.composite, w.analysis, w.options); err != nil {
		return layerResult{}, err
	}
	w.analysis.Sort()
	a := w.analysis
	b.beforeHandling(a)
	w.layer.Blob = types.BlobInfo{
		SchemaVersion:   types.BlobJSONSchemaVersion,
		Size:            size,
		OpaqueDirs:      w.opaque,
		WhiteoutFiles:   w.whiteouts,
		OS:              a.OS,
		Repository:      a.Repository,
		PackageInfos:    a.PackageInfos,
		Applications:    a.Applications,
		Licenses:        a.Licenses,
		CustomResources: a.CustomResources,
		BuildInfo:       a.BuildInfo,
	}
	if err := w.handlers.PostHandle(ctx, a, &w.layer.Blob); err != nil {
		return layerResult{}, err
	}
	if err := w.comprehend(ctx, b); err != nil {
		return layerResult{}, err
	}
	w.observe()
	if w.secrets != nil {
		w.layer.Secrets, w.layer.SecretProblems = w.secrets.Secrets, w.secrets.Unsearched
	}
	return w.layer, nil
}

// observe takes from the analysis what the inventory must tell of it.
func (w *walk) observe() {
	for _, path := range w.journal.take() {
		if problem := problemOf(path); problem != "" {
			w.layer.problem(path, problem)
		}
	}
	blob := &w.layer.Blob
	for _, resource := range blob.CustomResources {
		if o, ok := resource.Data.(observation); ok {
			w.layer.observe(resource.FilePath, o)
		}
	}
	blob.CustomResources = nil
	found := map[string][]string{}
	for _, info := range blob.PackageInfos {
		for _, p := range info.Packages {
			found[info.FilePath] = append(found[info.FilePath], cmp.Or(p.ID, p.Name))
		}
	}
	for file, c := range w.claims {
		if problem := c.Compare(found[file]); problem != "" {
			w.layer.problem(file, problem)
		}
	}
	slices.SortFunc(w.layer.Observed, compareObserved)
}
