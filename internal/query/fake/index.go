// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake stands for what knows what is in images, in tests of who asks it.
package fake

import (
	"slices"
	"strings"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query/server"
)

var _ server.Index = (*Index)(nil)

// Index is a [server.Index] that knows what it is given.
type Index struct {
	// Known images.
	Known []image.Digest
	// Carriers of vulnerabilities.
	Carriers []fleet.Carrier
	// Database is what Feed says.
	Database evidence.Fact[evidence.Feed]
}

// Has implements [server.Index].
func (i *Index) Has(manifest image.Digest) bool { return slices.Contains(i.Known, manifest) }

// Affected implements [server.Index].
func (i *Index) Affected(id string, in []image.Digest, limit int) []fleet.Carrier {
	return i.carriers(in, limit, func(c fleet.Carrier) (fleet.Carrier, bool) { return c, strings.EqualFold(c.ID, id) })
}

// Find implements [server.Index].
func (i *Index) Find(pattern fleet.Pattern, in []image.Digest, limit int) []fleet.Carrier {
	return i.carriers(in, limit, func(c fleet.Carrier) (fleet.Carrier, bool) {
		return fleet.Carrier{Manifest: c.Manifest, Package: c.Package}, pattern.Matches(c.Package.PURL)
	})
}

func (i *Index) carriers(in []image.Digest, limit int, choose func(fleet.Carrier) (fleet.Carrier, bool)) []fleet.Carrier {
	var found []fleet.Carrier
	for _, manifest := range in {
		if len(found) >= limit {
			break
		}
		for _, c := range i.Carriers {
			if chosen, is := choose(c); is && c.Manifest == manifest {
				found = append(found, chosen)
			}
		}
	}
	return found
}

// Feed implements [server.Index].
func (i *Index) Feed() evidence.Fact[evidence.Feed] { return i.Database }
