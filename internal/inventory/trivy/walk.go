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
	"strings"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/assay-dev/assay/internal/inventory/packagedb"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

const (
	whiteoutPrefix = ".wh."
	opaqueFolder   = ".wh..wh..opq"
)

// walk goes through one layer. It does what trivy's image artifact does (a test compares them), file by file, so that it is
// known which file an analyzer could not parse, and within limits.
type walk struct {
	*indexer
	name      string // of the layer
	seen      int    // entries
	result    *analyzer.AnalysisResult
	composite *analyzer.CompositeFS      // files that are analyzed together, after the walk
	claims    map[string]packagedb.Claim // by the file of the database
	opaque    []string
	whiteouts []string
}

// inspect finds out what is in a layer.
func (x *indexer) inspect(ctx context.Context, name string, layer wire.Layer, compressed io.Reader) (types.BlobInfo, error) {
	content, err := newContent(name, compressed, x.limits, &x.bytes)
	if err != nil {
		return types.BlobInfo{}, err
	}
	defer content.close()
	composite, err := x.group.PostAnalyzerFS()
	if err != nil {
		return types.BlobInfo{}, fmt.Errorf("make a folder for %s: %w", name, err)
	}
	defer composite.Cleanup() //nolint:errcheck // the parent removes what is left
	w := &walk{indexer: x, name: name, result: analyzer.NewAnalysisResult(), composite: composite, claims: map[string]packagedb.Claim{}}
	if err := w.entries(ctx, tar.NewReader(content)); err != nil {
		return types.BlobInfo{}, err
	}
	if err := content.finish(layer.DiffID); err != nil {
		return types.BlobInfo{}, err
	}
	blob, err := w.blob(ctx, layer, content.layer)
	x.observations.endLayer(w.whiteouts, w.opaque)
	return blob, err
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
	folder, base := path.Split(file)
	if base == opaqueFolder {
		w.opaque = append(w.opaque, folder)
		return nil
	}
	if removed, ok := strings.CutPrefix(base, whiteoutPrefix); ok {
		w.whiteouts = append(w.whiteouts, path.Join(folder, removed))
		return nil
	}
	w.observations.replace(file)
	switch header.Typeflag {
	case tar.TypeReg:
		return w.regular(ctx, file, header, content)
	case tar.TypeSymlink, tar.TypeLink:
		if _, database := packagedb.ReaderOf(file); database {
			w.observations.problem(file, "the package database is a link, which is not followed")
		}
	}
	return nil
}

// admit holds an entry against the limits.
func (w *walk) admit(header *tar.Header) error {
	w.seen++
	w.entriesOfImage++
	switch {
	case w.entriesOfImage > w.limits.Entries:
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
	group, groupCtx := errgroup.WithContext(ctx)
	limit := semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0)))
	err := w.group.AnalyzeFile(groupCtx, group, limit, w.result, "", name, header.FileInfo(), f.open, nil, w.analysis)
	if err := group.Wait(); err != nil {
		return err
	}
	if err != nil {
		return w.unlessDamaged(err)
	}
	if err := w.check(name, f); err != nil {
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
			w.observations.problem(path, problem)
		}
	}
	if packagedb.Unsupported(name) {
		w.observations.problem(name, "package databases of this kind are not supported")
	}
	read, database := packagedb.ReaderOf(name)
	if !database {
		return nil
	}
	if _, twice := w.claims[name]; twice {
		w.observations.problem(name, "the package database is in the layer twice")
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

// blob is what the layer's analysis comes to.
func (w *walk) blob(ctx context.Context, layer wire.Layer, size int64) (types.BlobInfo, error) {
	w.journal.begin("")
	if err := w.group.PostAnalyze(ctx, w.composite, w.result, w.analysis); err != nil {
		return types.BlobInfo{}, err
	}
	w.result.Sort()
	r := w.result
	blob := types.BlobInfo{
		SchemaVersion:   types.BlobJSONSchemaVersion,
		Size:            size,
		Digest:          layer.Digest.String(),
		DiffID:          layer.DiffID.String(),
		OpaqueDirs:      w.opaque,
		WhiteoutFiles:   w.whiteouts,
		OS:              r.OS,
		Repository:      r.Repository,
		PackageInfos:    r.PackageInfos,
		Applications:    r.Applications,
		Licenses:        r.Licenses,
		CustomResources: r.CustomResources,
		BuildInfo:       r.BuildInfo,
	}
	if err := w.handlers.PostHandle(ctx, r, &blob); err != nil {
		return types.BlobInfo{}, err
	}
	w.observe(&blob)
	return blob, nil
}

// observe takes from the layer what its inventory must tell of it.
func (w *walk) observe(blob *types.BlobInfo) {
	for _, path := range w.journal.take() {
		if problem := problemOf(path); problem != "" {
			w.observations.problem(path, problem)
		}
	}
	for _, resource := range blob.CustomResources {
		if o, ok := resource.Data.(observation); ok {
			w.observations.add(resource.FilePath, o)
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
			w.observations.problem(file, problem)
		}
	}
}
