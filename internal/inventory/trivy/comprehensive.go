// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
)

// Trivy believes what an image says of its own files: it leaves out the packages of files that a list of apk, dpkg or rpm names,
// does not open jars and the like that an SBOM names, and where an SBOM and a file speak of the same place takes the one that
// comes last. So an image can hide what it likes. What it hides is looked at all the same, and kept apart from what trivy
// gives: see also hidden.go.

// laterFile is a file that is analyzed together with others, after the walk.
type laterFile struct {
	name, copied string
	analyzers    []analyzer.Type
}

// before is what is known of a layer at moments after which trivy takes something away.
type before struct {
	// named are the files of which it is known what is in them, before those are opened that are analyzed together.
	named map[string]bool
	// applications and resources are there before trivy's handlers take those of claimed files away.
	applications []types.Application
	resources    []types.CustomResource
}

// beforeOpening is called when the walk ends.
func (w *walk) beforeOpening() before {
	named := map[string]bool{}
	for _, app := range w.analysis.Applications {
		named[app.FilePath] = true
		for _, p := range app.Packages {
			named[p.FilePath] = true
		}
	}
	return before{named: named}
}

// beforeHandling is called when all is analyzed.
func (b *before) beforeHandling(analysis *analyzer.AnalysisResult) {
	b.applications, b.resources = slices.Clone(analysis.Applications), slices.Clone(analysis.CustomResources)
}

// comprehend adds to the layer what was taken away since.
func (w *walk) comprehend(ctx context.Context, b before) error {
	claimed := b.named
	for _, file := range w.analysis.SystemInstalledFiles {
		claimed[strings.TrimPrefix(file, "/")] = true
	}
	w.layer.Hidden = takenAway(b.applications, w.layer.Blob.Applications)
	for _, resource := range b.resources {
		if claimed[resource.FilePath] {
			w.observeClaimed(resource)
		}
	}
	opened := map[string]bool{}
	for _, app := range b.applications {
		opened[app.FilePath] = opened[app.FilePath] || !ofSBOM(app)
	}
	result, err := w.openClaimed(ctx, func(file string) bool { return claimed[file] && !opened[file] })
	if err != nil {
		return err
	}
	w.layer.Hidden = append(w.layer.Hidden, result.Applications...)
	for _, resource := range result.CustomResources {
		w.observeClaimed(resource)
	}
	return nil
}

// openClaimed analyzes files that may not have been opened for being claimed.
func (w *walk) openClaimed(ctx context.Context, wanted func(file string) bool) (*analyzer.AnalysisResult, error) {
	result := analyzer.NewAnalysisResult()
	composite, err := w.group.PostAnalyzerFS()
	if err != nil {
		return nil, fmt.Errorf("make a folder for %s: %w", w.name, err)
	}
	defer composite.Cleanup() //nolint:errcheck // the parent removes what is left
	for _, file := range w.later {
		if !wanted(file.name) {
			continue
		}
		if err := composite.CreateLink(file.analyzers, "", file.name, file.copied); err != nil {
			return nil, malformed("%s has a file and a folder of one name", w.name)
		}
	}
	if err := w.group.PostAnalyze(ctx, composite, result, w.options); err != nil {
		return nil, err
	}
	result.Sort()
	return result, nil
}

// observeClaimed observes something about a file that is claimed: if nobody can name a jar, the claim does.
func (w *walk) observeClaimed(resource types.CustomResource) {
	o, ok := resource.Data.(observation)
	if !ok {
		return
	}
	if o.jar != nil {
		jar := *o.jar
		jar.Claimed = true
		o.jar = &jar
	}
	w.layer.observe(resource.FilePath, o)
}

// takenAway returns the applications of which packages are missing in what is left, each with all of its packages.
func takenAway(all, left []types.Application) []types.Application {
	var out []types.Application
	for _, app := range all {
		whole := slices.ContainsFunc(left, func(other types.Application) bool {
			return other.FilePath == app.FilePath && other.Type == app.Type && len(other.Packages) == len(app.Packages)
		})
		if !whole {
			out = append(out, app)
		}
	}
	return out
}

// ofSBOM says that an application is what an SBOM in the image says, and not what is in a file.
func ofSBOM(app types.Application) bool {
	return !slices.ContainsFunc(app.Packages, func(p types.Package) bool { return p.AnalyzedBy != analyzer.TypeSBOM })
}
