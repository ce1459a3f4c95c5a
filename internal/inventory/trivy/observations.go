// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bytes"
	"path"
	"strings"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

// observation is something about a file of the image that its inventory must tell: that it cannot be parsed, or that what it
// holds has no name.
type observation struct {
	// path of what it is about, which may be within the file.
	path string
	// problem says what is wrong.
	problem string
	// jar is set instead of problem when the path is a jar without a name.
	jar *inventory.Jar
}

// observations of an image: what an upper layer replaces or removes is no longer in the image, and a lower layer's database
// that cannot be parsed does no harm when the upper one's can.
type observations struct {
	byFile map[string][]observation
	more   bool // than could be remembered
}

// lay lays a layer on those below.
func (o *observations) lay(layer layerResult, diffID image.Digest) {
	o.cover(layer.entries)
	for _, each := range layer.Observed {
		added := observation{path: each.Path, problem: each.Problem}
		if each.Jar != nil {
			jar := *each.Jar
			jar.Layer = diffID
			added.jar = &jar
		}
		o.add(string(each.File), added)
	}
	o.more = o.more || layer.ObservedMore
}

func (o *observations) add(file string, added observation) {
	if o.byFile == nil {
		o.byFile = map[string][]observation{}
	}
	o.byFile[file] = append(o.byFile[file], added)
}

// problem remembers that something is wrong with the image as a whole, which shows in the file.
func (o *observations) problem(file, message string) {
	o.add(file, observation{path: file, problem: message})
}

// cover forgets what entries replace or remove.
func (o *observations) cover(entries []byte) {
	for file := range covered(entries, o.byFile) {
		delete(o.byFile, file)
	}
}

// covered says which of the files in the layers below the entries of a layer replace (removesNothing) or remove.
func covered[T any](entries []byte, files map[string]T) map[string]whiteout {
	if len(files) == 0 {
		return nil
	}
	fates := map[string]whiteout{}
	removed, opaque := map[string]bool{}, map[string]bool{}
	for entry := range bytes.SplitSeq(entries, []byte{0}) {
		file, kind := whiteoutOf(string(entry))
		switch kind {
		case removesNothing:
			if _, below := files[file]; below {
				fates[file] = removesNothing
			}
		case removesOne:
			removed[file] = true
		case removesFolder:
			opaque[path.Clean(file)] = true
		}
	}
	for file := range files {
		gone := removed[file]
		for folder := file; folder != "." && !gone; {
			folder = path.Dir(folder)
			gone = removed[folder] || opaque[folder]
		}
		if _, replaced := fates[file]; gone && !replaced {
			fates[file] = removesOne
		}
	}
	return fates
}

// all returns what is left after the last layer.
func (o *observations) all() (problems []inventory.Problem, jars []inventory.Jar) {
	for _, observed := range o.byFile {
		for _, each := range observed {
			if each.jar != nil {
				jars = append(jars, *each.jar)
			} else {
				problems = append(problems, inventory.Problem{Path: each.path, Message: each.problem})
			}
		}
	}
	if o.more {
		problems = append(problems, inventory.Problem{Message: "more files than can be listed cannot be parsed"})
	}
	return problems, jars
}

const (
	whiteoutPrefix = ".wh."
	opaqueFolder   = ".wh..wh..opq"
)

// whiteout says what an entry of a layer removes from the layers below.
type whiteout uint8

const (
	removesNothing whiteout = iota
	removesOne
	removesFolder
)

// whiteoutOf tells an entry's kind, and the file or, with a slash at its end, the folder that it is about.
func whiteoutOf(entry string) (string, whiteout) {
	folder, base := path.Split(entry)
	if base == opaqueFolder {
		return folder, removesFolder
	}
	if removed, ok := strings.CutPrefix(base, whiteoutPrefix); ok {
		return path.Join(folder, removed), removesOne
	}
	return entry, removesNothing
}
