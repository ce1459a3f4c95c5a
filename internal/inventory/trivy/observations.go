// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"path"
	"slices"

	"github.com/assay-dev/assay/internal/inventory"
)

// observation is something about a file of the image that its inventory must tell: that it cannot be parsed, or that what it
// holds has no name.
type observation struct {
	// path of what it is about, which may be within the file.
	path string
	// problem says what is wrong; "" means that the path cannot be identified.
	problem string
}

// maxObservations bounds what is remembered at once.
const maxObservations = 4096

// observations of an image, layer by layer: what an upper layer replaces or removes is no longer in the image, and a lower
// layer's database that cannot be parsed does no harm when the upper one's can.
type observations struct {
	lower, layer map[string][]observation // by file
	count        int
	lost         bool // more than could be remembered
}

func newObservations() *observations {
	return &observations{lower: map[string][]observation{}, layer: map[string][]observation{}}
}

// add remembers an observation on a file of the current layer.
func (o *observations) add(file string, added observation) {
	if slices.Contains(o.layer[file], added) {
		return
	}
	if o.count == maxObservations {
		o.lost = true
		return
	}
	o.count++
	o.layer[file] = append(o.layer[file], added)
}

func (o *observations) problem(file, message string) {
	o.add(file, observation{path: file, problem: message})
}

// replace says that the current layer has an entry of the path.
func (o *observations) replace(file string) { o.forget(file) }

// endLayer makes the current layer a lower one, after what it removes is gone from those below.
func (o *observations) endLayer(whiteouts, opaqueFolders []string) {
	removed := map[string]bool{}
	for _, file := range whiteouts {
		removed[file] = true
	}
	opaque := map[string]bool{}
	for _, folder := range opaqueFolders {
		opaque[path.Clean(folder)] = true
	}
	for file := range o.lower {
		if removed[file] {
			o.forget(file)
		}
		for folder := file; folder != "."; {
			folder = path.Dir(folder)
			if removed[folder] || opaque[folder] {
				o.forget(file)
			}
		}
	}
	for file, observed := range o.layer {
		o.lower[file] = append(o.lower[file], observed...)
	}
	clear(o.layer)
}

func (o *observations) forget(file string) {
	o.count -= len(o.lower[file])
	delete(o.lower, file)
}

// all returns what is left after the last layer.
func (o *observations) all() (problems []inventory.Problem, unidentified []string) {
	for _, observed := range o.lower {
		for _, each := range observed {
			if each.problem == "" {
				unidentified = append(unidentified, each.path)
			} else {
				problems = append(problems, inventory.Problem{Path: each.path, Message: each.problem})
			}
		}
	}
	if o.lost {
		problems = append(problems, inventory.Problem{Message: "more files than can be listed cannot be parsed"})
	}
	return problems, unidentified
}
