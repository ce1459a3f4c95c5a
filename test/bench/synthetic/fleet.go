// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package synthetic

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

// What the fleet is like. Skews are those of Zipf's law: the n-th most frequent is chosen with a weight of 1/n^skew.
const (
	// derivedBases is how many bases are made from each release that the database covers, beside the real images.
	derivedBases = 4
	// services is how many different applications there are. An image is one build of one of them.
	services = 800
	// drift is how many packages of 1,000 differ in their version between two builds of a service.
	drift = 10
	// clean is how many packages nobody knows anything against for each that advisories speak of.
	clean = 3
	// ownPackages is how many packages of the distribution a service adds to its base, at most.
	ownPackages = 12

	baseSkew    = 1.0
	packageSkew = 1.0
	serviceSkew = 0.7
	versionSkew = 1.5
)

// baseSizes are the numbers of source packages in the bases of a release: slim, common, for compilers, and full.
var baseSizes = [derivedBases]int{35, 70, 130, 220}

// Fleet is a set of images without end, numbered from 0.
type Fleet struct {
	bases    []base
	real     int // of the bases
	services []service
	// against are the packages of the distribution of which most advisories speak.
	worst   ftypes.OS
	against []known
	choose  picker // of services
}

// base is what images are built on: one layer.
type base struct {
	os           ftypes.OS
	repository   *ftypes.Repository
	packages     []ftypes.Package
	applications []ftypes.Application
	layer        image.Digest
}

// service is an application with what it adds to its base.
type service struct {
	number int
	base   *base
	own    []item // packages of the distribution
	kind   ecosystem
	needs  []item // packages of the language
}

// item is a package, some version of which is in an image.
type item struct {
	source   known
	binaries []string // of a distribution's source package
	version  int
}

// NewFleet makes a fleet from what the database in the folder speaks of and from those of the real images whose release it covers.
func NewFleet(folder string, images []ftypes.ArtifactDetail) (*Fleet, error) {
	advisories, err := readCatalogue(folder)
	if err != nil {
		return nil, err
	}
	f := &Fleet{}
	releases := map[*base][]known{}
	for i, detail := range images {
		if distribution(detail.OS, advisories) == nil {
			continue // The database says nothing of its release.
		}
		f.bases = append(f.bases, base{
			os: detail.OS, repository: detail.Repository, packages: detail.Packages, applications: detail.Applications,
			layer: image.DigestOf(fmt.Append(nil, "real base ", i)),
		})
	}
	f.real = len(f.bases)
	for _, bucket := range slices.Sorted(maps.Keys(advisories)) {
		family, release, _ := strings.Cut(bucket, " ")
		if family == string(ftypes.Debian) || family == string(ftypes.Alpine) {
			f.derive(ftypes.OSType(family), release, advisories[bucket])
			if family == string(ftypes.Debian) && len(advisories[bucket]) > len(f.against) {
				f.worst, f.against = ftypes.OS{Family: ftypes.Debian, Name: release}, advisories[bucket]
			}
		}
	}
	rand.New(rand.NewPCG(2, 2)).Shuffle(len(f.bases), func(i, j int) { f.bases[i], f.bases[j] = f.bases[j], f.bases[i] })
	for i := range f.bases {
		b := &f.bases[i]
		releases[b] = distribution(b.os, advisories)
	}
	kinds := languages(advisories)
	if len(f.bases) == 0 || len(kinds) == 0 {
		return nil, fmt.Errorf("the database in %s covers no distribution or no language", folder)
	}
	bases := newPicker(len(f.bases), baseSkew)
	random := rand.New(rand.NewPCG(1, 1))
	for number := range services {
		on := &f.bases[bases.pick(random)]
		f.services = append(f.services, newService(number, on, releases[on], kinds, random))
	}
	f.choose = newPicker(services, serviceSkew)
	return f, nil
}

// Bases is how many different bases there are, and how many of them are real images.
func (f *Fleet) Bases() (all, ofRealImages int) { return len(f.bases), f.real }

// derive makes the bases of a release.
func (f *Fleet) derive(family ftypes.OSType, release string, packages []known) {
	os := ftypes.OS{Family: family, Name: release}
	if family == ftypes.Alpine {
		os.Name += ".4"
	}
	for variant, size := range baseSizes {
		random := rand.New(rand.NewPCG(uint64(variant), hash(string(family)+release)))
		b := base{os: os, layer: image.DigestOf(fmt.Append(nil, family, release, variant))}
		if family == ftypes.Alpine {
			b.repository = &ftypes.Repository{Family: family, Release: release}
		}
		for _, i := range chosen(withClean(packages), size, random) {
			b.packages = append(b.packages, i.osPackages(os, i.version)...)
		}
		f.bases = append(f.bases, b)
	}
}

// distribution is what advisories speak of in a release.
func distribution(os ftypes.OS, advisories catalogue) []known {
	release := os.Name
	if os.Family == ftypes.Debian {
		release, _, _ = strings.Cut(release, ".")
	} else if parts := strings.Split(release, "."); len(parts) > 2 {
		release = strings.Join(parts[:2], ".")
	}
	if packages := advisories[string(os.Family)+" "+release]; len(packages) > 0 {
		return withClean(packages)
	}
	return nil
}

// languages are the ecosystems that the database covers, with what it speaks of.
func languages(advisories catalogue) map[ftypes.LangType][]known {
	covered := map[ftypes.LangType][]known{}
	for _, e := range ecosystems() {
		for _, bucket := range slices.Sorted(maps.Keys(advisories)) {
			if strings.HasPrefix(bucket, e.prefix) {
				covered[e.kind] = append(covered[e.kind], advisories[bucket]...)
			}
		}
		covered[e.kind] = withClean(covered[e.kind])
		if len(covered[e.kind]) == 0 {
			delete(covered, e.kind)
		}
	}
	return covered
}

// cleanMark is in the names of packages of which no advisory speaks.
const cleanMark = "-clean"

// Clean says that no advisory speaks of a package with this name.
func Clean(name string) bool { return strings.Contains(name, cleanMark) }

// withClean adds packages of which no advisory speaks, and mixes all up, so that how frequent one is says nothing of it.
func withClean(packages []known) []known {
	all := slices.Clone(packages)
	for i, p := range packages {
		for n := range clean {
			all = append(all, known{p.name + cleanMark + fmt.Sprint(n), []string{fmt.Sprintf("1.%d.%d", i%20, n), fmt.Sprintf("2.%d.0", i%9)}})
		}
	}
	slices.SortFunc(all, func(a, b known) int {
		if x, y := hash(a.name), hash(b.name); x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return all
}

func newService(number int, on *base, distribution []known, kinds map[ftypes.LangType][]known, random *rand.Rand) service {
	s := service{number: number, base: on}
	if len(distribution) > 0 {
		s.own = chosen(distribution, random.IntN(ownPackages+1), random)
	}
	for draw := random.IntN(100); ; draw = random.IntN(100) {
		for _, e := range ecosystems() {
			if draw -= e.share; draw < 0 {
				s.kind = e
				break
			}
		}
		if kinds[s.kind.kind] != nil {
			break
		}
	}
	size := int(float64(s.kind.typical) * math.Exp(random.NormFloat64()*0.6))
	s.needs = chosen(kinds[s.kind.kind], max(1, min(size, 1000)), random)
	return s
}

// chosen draws different packages, frequent ones more often, each in a version.
func chosen(from []known, number int, random *rand.Rand) []item {
	draw := newPicker(len(from), packageSkew)
	taken := map[int]bool{}
	var items []item
	for tries := 0; len(items) < number && tries < 20*number; tries++ {
		at := draw.pick(random)
		if taken[at] {
			continue
		}
		taken[at] = true
		p := from[at]
		i := item{source: p, version: newest(p, random)}
		if i.binaries = []string{p.name}; hash(p.name)%3 == 0 { // of one source package come one or two others
			i.binaries = append(i.binaries, "lib"+p.name, p.name+"-data")
		}
		items = append(items, i)
	}
	return items
}

// newest draws a version, new ones more often.
func newest(p known, random *rand.Rand) int {
	return len(p.versions) - 1 - newPicker(len(p.versions), versionSkew).pick(random)
}

func (i item) osPackages(os ftypes.OS, version int) []ftypes.Package {
	var packages []ftypes.Package
	for _, name := range i.binaries {
		packages = append(packages, osPackage(os, name, i.source.name, i.source.versions[version]))
	}
	return packages
}

// Image is one of the fleet.
type Image struct {
	Number int
	// Service is the number of the application that it is a build of.
	Service int
	Detail  ftypes.ArtifactDetail
}

// Image makes the image with the number.
func (f *Fleet) Image(number int) Image {
	random := rand.New(rand.NewPCG(7, uint64(number)))
	s := &f.services[f.choose.pick(random)]
	layers := [...]image.Digest{s.base.layer, image.DigestOf(fmt.Append(nil, "service ", s.number)), image.DigestOf(fmt.Append(nil, "build ", number))}
	detail := ftypes.ArtifactDetail{OS: s.base.os, Repository: s.base.repository}
	detail.Packages = onLayer(s.base.packages, layers[0])
	for _, i := range s.own {
		detail.Packages = append(detail.Packages, onLayer(i.osPackages(s.base.os, i.drifted(random)), layers[1])...)
	}
	for _, a := range s.base.applications {
		a.Packages = onLayer(a.Packages, layers[0])
		detail.Applications = append(detail.Applications, a)
	}
	app := ftypes.Application{Type: s.kind.kind, FilePath: s.kind.application}
	for _, i := range s.needs {
		app.Packages = append(app.Packages, s.kind.languagePackage(i.source.name, i.source.versions[i.drifted(random)]))
	}
	app.Packages = onLayer(app.Packages, layers[2])
	detail.Applications = append(detail.Applications, app)
	return Image{number, s.number, detail}
}

// Vulnerable makes an image, one of several by its number, with so many source packages of the distribution of which most
// advisories speak, as old as these know them.
func (f *Fleet) Vulnerable(number, packages int) Image {
	layer := image.DigestOf(fmt.Append(nil, "vulnerable ", number))
	detail := ftypes.ArtifactDetail{OS: f.worst}
	for _, p := range f.against[:min(packages, len(f.against))] {
		detail.Packages = append(detail.Packages, onLayer(item{source: p, binaries: []string{p.name}}.osPackages(f.worst, 0), layer)...)
	}
	return Image{Number: number, Detail: detail}
}

// drifted is the version in one build.
func (i item) drifted(random *rand.Rand) int {
	if random.IntN(1000) < drift {
		return newest(i.source, random)
	}
	return i.version
}

func onLayer(packages []ftypes.Package, layer image.Digest) []ftypes.Package {
	placed := slices.Clone(packages)
	for i := range placed {
		placed[i].Layer = ftypes.Layer{DiffID: layer.String()}
	}
	return placed
}

// Inventory is the image's, as assay-index makes it.
func (i Image) Inventory(manifest image.Digest) (inventory.Inventory, error) {
	detail, err := json.Marshal(i.Detail)
	if err != nil {
		return inventory.Inventory{}, err
	}
	packages := len(i.Detail.Packages)
	for _, a := range i.Detail.Applications {
		packages += len(a.Packages)
	}
	return inventory.Inventory{
		Version: inventory.Version, Image: manifest, Platform: image.Platform{OS: "linux", Architecture: "amd64"},
		ImageID: image.DigestOf(fmt.Append(nil, "config ", i.Number)), Detail: detail, Packages: packages,
	}, nil
}
