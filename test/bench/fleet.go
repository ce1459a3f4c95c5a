// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	dbtypes "github.com/aquasecurity/trivy-db/pkg/types"
	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/bench/synthetic"
)

const (
	// fleetSize is how many images there are.
	fleetSize = 10_000
	// databaseAdvisories is how many advisories a database of real size has at least. Smaller ones are multiplied.
	databaseAdvisories = 500_000
	// changedOf10000 is how many advisories of 10,000 an update changes.
	changedOf10000 = 100
	// sharedFolder holds real images and a real database where it is there.
	sharedFolder = "../shared/data"
)

// What flips verdicts: an advisory of the second edition, and an entry of the catalogue's second edition, which is the one that
// CISA's of 2026-08-07 has and that of the day before has not.
const (
	flippingID    = "CVE-2026-99999"
	exploitedID   = "CVE-2026-8037"
	markersBucket = "npm::Node.js Ecosystem Security Working Group"
)

// marker is a package of npm of which no advisory spoke before, and the images that contain it.
type marker struct {
	Package, Version string
	Images           []int
	services         map[int]bool // that the images are of
}

// advisory is one about the marker.
func (m marker) advisory(id string, severity dbtypes.Severity, fixed bool) synthetic.Advisory {
	a := synthetic.Advisory{Bucket: markersBucket, Package: m.Package, ID: id, Severity: severity, Vulnerable: []string{"<=" + m.Version}}
	if fixed {
		a.Patched = []string{">" + m.Version}
	}
	return a
}

// plan is a fleet and the editions of a database, in files, so that other processes of the benchmark can make the same.
type plan struct {
	Folder string
	// Real are the contents of real images, on which images of the fleet are built.
	Real []ftypes.ArtifactDetail
	// Flipping is what an advisory of the second edition is about, Exploited what the catalogue's new entry is about.
	Flipping, Exploited marker
	// Of says what the fleet was made of.
	Of string
}

// The editions of the database, one day after the other: as multiplied, with some changed and one advisory more, and the
// same once more under a new date.
func (p plan) base() string    { return filepath.Join(p.Folder, "base") }
func (p plan) first() string   { return filepath.Join(p.Folder, "first") }
func (p plan) changed() string { return filepath.Join(p.Folder, "changed") }
func (p plan) same() string    { return filepath.Join(p.Folder, "same") }
func (p plan) path() string    { return filepath.Join(p.Folder, "plan.json") }

// day is when an edition was published.
func day(number int) time.Time { return time.Date(2026, 8, number, 0, 0, 0, 0, time.UTC) }

// fleet makes the fleet's images.
func (p plan) fleet() (*synthetic.Fleet, error) { return synthetic.NewFleet(p.base(), p.Real) }

// manifest is the digest under which an image is known where none is pushed.
func manifest(number int) image.Digest { return image.DigestOf(fmt.Append(nil, "image ", number)) }

// planFleet makes the plan in a folder.
func planFleet(ctx context.Context, folder string) (plan, error) {
	p := plan{Folder: folder}
	size, err := p.writeBase()
	if err != nil {
		return p, err
	}
	all, err := synthetic.RealImages(shared())
	if err != nil {
		return p, err
	}
	indexer, err := filepath.Abs("bin/assay-index")
	if err != nil {
		return p, err
	}
	if p.Real, err = synthetic.Index(ctx, indexer, all); err != nil {
		return p, err
	}
	made, err := p.fleet()
	if err != nil {
		return p, err
	}
	if err := p.mark(made); err != nil {
		return p, err
	}
	changed, err := p.writeEditions()
	if err != nil {
		return p, err
	}
	bases, ofReal := made.Bases()
	p.Of += fmt.Sprintf(", %d advisories on %d vulnerabilities, %d MiB; %d bases, %d of them real images; %d advisories change, and %s in %s %s is new",
		size.Advisories, size.Vulnerabilities, size.Bytes>>20, bases, ofReal, changed, flippingID, p.Flipping.Package, p.Flipping.Version)
	fmt.Println("    " + p.Of)
	content, err := json.Marshal(p)
	if err != nil {
		return p, err
	}
	return p, os.WriteFile(p.path(), content, 0o600)
}

func readPlan(path string) (p plan, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(content, &p)
}

// shared is the folder of shared data, empty when it is not there.
func shared() string {
	if _, err := os.Stat(sharedFolder); err != nil {
		return ""
	}
	return sharedFolder
}

// writeBase writes what all editions have in common, from the real database where it is there.
func (p *plan) writeBase() (synthetic.Size, error) {
	source := filepath.Join(p.Folder, "source")
	if err := os.MkdirAll(source, 0o700); err != nil {
		return synthetic.Size{}, err
	}
	if archive := filepath.Join(sharedFolder, "trivy-db", "db.tar.gz"); shared() != "" {
		p.Of = "the database of shared/data"
		if err := unpack(archive, source); err != nil {
			return synthetic.Size{}, err
		}
	} else {
		p.Of = "the database of test/advisories"
		database, err := advisories.Load()
		if err != nil {
			return synthetic.Size{}, err
		}
		if err := database.Write(source); err != nil {
			return synthetic.Size{}, err
		}
	}
	once, err := synthetic.Multiply(filepath.Join(source, "trivy.db"), p.base(), 1, day(1))
	if err != nil || once.Advisories >= databaseAdvisories {
		return once, err
	}
	if err := os.RemoveAll(p.base()); err != nil {
		return synthetic.Size{}, err
	}
	times := (databaseAdvisories + once.Advisories - 1) / max(1, once.Advisories)
	p.Of += fmt.Sprintf(" %d times", times)
	return synthetic.Multiply(filepath.Join(source, "trivy.db"), p.base(), times, day(1))
}

func (p plan) writeEditions() (changed int, err error) {
	known := p.Exploited.advisory(exploitedID, dbtypes.SeverityLow, false)
	first := synthetic.Edit{UpdatedAt: day(1), Add: []synthetic.Advisory{known}}
	if _, err := first.Write(p.base(), p.first()); err != nil {
		return 0, err
	}
	flipping := p.Flipping.advisory(flippingID, dbtypes.SeverityCritical, true)
	second := synthetic.Edit{Change: changedOf10000, UpdatedAt: day(2), Add: []synthetic.Advisory{flipping}}
	if changed, err = second.Write(p.first(), p.changed()); err != nil {
		return 0, err
	}
	_, err = synthetic.Edit{UpdatedAt: day(3)}.Write(p.changed(), p.same())
	return changed, err
}

// A marker is in as many images as this.
const (
	fewestMarked = 20
	mostMarked   = 60
)

// mark picks the two markers: of the packages that fit those of the most services, since all images of one may be rejected anyway.
func (p *plan) mark(made *synthetic.Fleet) error {
	var fit []marker
	for _, m := range cleanPackages(made) {
		if len(m.Images) >= fewestMarked && len(m.Images) <= mostMarked {
			fit = append(fit, m)
		}
	}
	if len(fit) < 2 {
		return errors.New("too few packages are in the right number of images to flip their verdicts")
	}
	slices.SortFunc(fit, func(a, b marker) int {
		return cmp.Or(cmp.Compare(len(b.services), len(a.services)), strings.Compare(a.Package, b.Package))
	})
	p.Flipping, p.Exploited = fit[0], fit[1]
	return nil
}

// cleanPackages are those of npm of which no advisory speaks, and which are in one version only.
func cleanPackages(made *synthetic.Fleet) map[string]marker {
	found := map[string]marker{}
	for number := range fleetSize {
		one := made.Image(number)
		for _, application := range one.Detail.Applications {
			if application.Type != ftypes.NodePkg {
				continue
			}
			for _, pkg := range application.Packages {
				m, seen := found[pkg.Name]
				if !seen {
					m = marker{Package: pkg.Name, Version: pkg.Version, services: map[int]bool{}}
				}
				if !synthetic.Clean(pkg.Name) || m.Version != pkg.Version {
					m.Images = make([]int, mostMarked+1) // too many
				}
				m.Images = append(m.Images, number)
				m.services[one.Service] = true
				found[pkg.Name] = m
			}
		}
	}
	return found
}
