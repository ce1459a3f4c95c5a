// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/aquasecurity/trivy/pkg/fanal/types"

	"github.com/assay-dev/assay/internal/inventory"
)

// layerResult is what is in one layer. It is a function of the layer's bytes and of [wire.Settings] and of nothing else: not
// of the image's history, name or other layers, nor of a database that changes (what needs one is looked up when layers are
// applied). So it can be kept, and be laid under the layers of another image.
type layerResult struct {
	// Blob is what trivy's analyzers found, without digests, without who made the layer, and without secrets.
	Blob types.BlobInfo
	// Hidden are applications that Blob leaves out, or of which it leaves out packages, because a package manager's list or an
	// SBOM in the layer claims their files.
	Hidden []types.Application `json:",omitempty"`
	// Observed tells what cannot be parsed or named, sorted; ObservedMore says that there was more than is kept.
	Observed     []layerObservation `json:",omitempty"`
	ObservedMore bool               `json:",omitempty"`
	// Secrets were found if they were sought, without their layer; SecretProblems tell which files could not be searched.
	Secrets        []inventory.Secret  `json:",omitempty"`
	SecretProblems []inventory.Problem `json:",omitempty"`

	// entries are the paths of the layer's entries, whiteouts included, each followed by a zero byte, which no path holds.
	// They are no part of the JSON, which would take two names of invalid text for one.
	entries []byte
}

// layerObservation is an observation on a file of the layer.
type layerObservation struct {
	// File is the path of the entry, in bytes for the same reason.
	File []byte
	// Path is what the observation is about, which may be within the file.
	Path string
	// Problem says what is wrong.
	Problem string `json:",omitempty"`
	// Jar is set instead of Problem when the path is a jar without a name. Its layer is not set.
	Jar *inventory.Jar `json:",omitempty"`
}

const (
	// maxObserved bounds what is remembered of a layer.
	maxObserved = 4096
	// maxObservedPath bounds a path that is remembered, in bytes: one within archives within archives can be very long.
	maxObservedPath = 4096
)

// observe remembers an observation on a file of the layer.
func (r *layerResult) observe(file string, o observation) {
	added := layerObservation{File: []byte(file), Path: o.path[:min(len(o.path), maxObservedPath)], Problem: o.problem, Jar: o.jar}
	if o.jar != nil && len(o.jar.Path) > maxObservedPath {
		jar := *o.jar
		jar.Path = jar.Path[:maxObservedPath]
		added.Jar = &jar
	}
	same := func(other layerObservation) bool { return compareObserved(added, other) == 0 }
	switch {
	case slices.ContainsFunc(r.Observed, same):
	case len(r.Observed) == maxObserved:
		r.ObservedMore = true
	default:
		r.Observed = append(r.Observed, added)
	}
}

// problem remembers that something is wrong with a file of the layer.
func (r *layerResult) problem(file, message string) {
	r.observe(file, observation{path: file, problem: message})
}

func compareObserved(a, b layerObservation) int {
	return cmp.Or(bytes.Compare(a.File, b.File), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Problem, b.Problem))
}
