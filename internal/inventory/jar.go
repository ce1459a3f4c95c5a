// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/assay-dev/assay/internal/image"
)

// Jar is a Java archive that Maven wrote no name into, or another name than its file has.
type Jar struct {
	// Path of the archive; of an archive within another the path of that, a slash, and the path within it. Bounded and printable.
	Path string `json:"path"`
	// Layer is the diff ID of the layer with the file.
	Layer image.Digest `json:"layer"`
	// SHA1 is the SHA-1 digest of the archive, in hexadecimal.
	SHA1 string `json:"sha1"`
	// Group, Artifact and Version are what the manifest calls it; all three or none. Vendors' names are often not Maven's.
	Group    string `json:"group,omitempty"`
	Artifact string `json:"artifact,omitempty"`
	Version  string `json:"version,omitempty"`
	// Named says that something within the archive has a name all the same.
	Named bool `json:"named,omitempty"`
	// Claimed says that a package manager's list or an SBOM within the image claims the file, so that it is not unidentified.
	Claimed bool `json:"claimed,omitempty"`
}

// Naming is what a Java database says of the jars of an inventory.
type Naming struct {
	// Database is the version of the database.
	Database string `json:"database"`
	// Jars are the indexes in Inventory.Jars of those that it names, sorted.
	Jars []int `json:"jars,omitempty"`
	// Detail and Hidden are in the form of Inventory.Detail and hold the packages that it names: those of files that are claimed
	// are in Hidden. Empty when there are none.
	Detail json.RawMessage `json:"detail,omitempty"`
	Hidden json.RawMessage `json:"hidden,omitempty"`
}

// Namer names jars by what they contain. It asks no registry, and is quick.
type Namer interface {
	// Name looks the jars up in one version of the database. While no database is loaded the result is the zero Naming.
	Name(ctx context.Context, jars []Jar) (Naming, error)
	// Version names the database that Name uses now, and is "" while none is loaded. Equal versions give equal names.
	Version() string
}

// maxUnidentified bounds Inventory.Unidentified.
const maxUnidentified = 20

// Identify takes up what a database says of the jars, in place of what one said before, and lists those that stay unidentified.
func (i *Inventory) Identify(naming Naming) {
	i.Naming, i.Unidentified = naming, nil
	for index, jar := range i.Jars {
		_, found := slices.BinarySearch(naming.Jars, index)
		if !jar.Named && !jar.Claimed && !found && len(i.Unidentified) < maxUnidentified {
			i.Unidentified = append(i.Unidentified, jar.Path)
		}
	}
}
