// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package equality holds Assay's findings against those of the separately built trivy command of the same module version, on
// the same images in the same registry and the same database: as sets of (platform, target, package, version, id, fixed
// version, severity) they must be equal. Where Assay says less than trivy's "0 findings" it is on purpose: it is Unknown what
// the database does not cover.
package equality_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/inventory/javadb"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/shareddata"
)

func TestMain(m *testing.M) {
	trivydb.RunIfAsked(os.Args)
	javadb.RunIfAsked(os.Args)
	folder, err := os.MkdirTemp("", "equality-")
	if err != nil {
		panic(err)
	}
	buildFolder = folder
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// finding is what is compared of one.
type finding struct{ Platform, Target, Package, Version, ID, FixedVersion, Severity string }

// comparison is an image that both look at.
type comparison struct {
	image images.Pushable
	// findings by platform that must come out; some says that there must be at least one.
	findings map[string]int
}

// some is a number of findings that need not be known exactly to prove something.
const some = -1

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = v1.Platform{OS: "linux", Architecture: "arm64"}
)

// TestRealImages compares on images and a database that nobody here made.
func TestRealImages(t *testing.T) {
	database := shareddata.Require(t, "trivy-db/db.tar.gz")
	path := func(name string) string { return shareddata.Require(t, name) }
	newWorld(t, database).compare(t, map[string]comparison{
		// The database knows nothing against these versions: no proof by itself, and the only covered Alpine there is.
		"alpine-310":  {archive(t, path("images/alpine-310.tar.gz")), map[string]int{"linux/amd64": 0}},
		"distroless":  {archive(t, path("images/distroless.tar.gz")), map[string]int{"linux/amd64": 20}},
		"slsa-v1.7.0": {saved(t, path("slsa/v1.7.0/container_workflow_dispatch")), map[string]int{"linux/amd64": 76}},
		"slsa-v2.0.0": {saved(t, path("slsa/v2.0.0/container_workflow_dispatch")), map[string]int{"linux/amd64": 61}},
		"two-platforms": {images.Build(t, func() (v1.ImageIndex, error) {
			return images.RealTwoPlatforms(path("images/distroless.tar.gz"), path("slsa/v1.7.0/container_workflow_dispatch"))
		}), map[string]int{"linux/amd64": 20, "linux/arm64": 76}},
		"languages": {languages(t), map[string]int{"linux/amd64": some}},
	})
}

// languages is an image with packages of several ecosystems on a distribution.
func languages(t *testing.T) v1.Image {
	t.Helper()
	files := map[string]string{
		"etc/debian_version":  "9.12\n",
		"usr/lib/os-release":  "ID=debian\nVERSION_ID=\"9\"\n",
		"var/lib/dpkg/status": "Package: openssl\nStatus: install ok installed\nVersion: 1.1.0l-1~deb9u1\nArchitecture: amd64\n\n",
		"usr/lib/python3/dist-packages/Django-2.0.dist-info/METADATA":   "Metadata-Version: 2.1\nName: Django\nVersion: 2.0\n\n",
		"srv/app/lib/python3.9/site-packages/PyYAML-5.1.egg-info":       "Metadata-Version: 1.1\nName: PyYAML\nVersion: 5.1\n\n",
		"srv/app/node_modules/lodash/package.json":                      `{"name":"lodash","version":"4.17.4"}`,
		"srv/app/node_modules/deep/node_modules/lodash/package.json":    `{"name":"lodash","version":"4.17.10"}`,
		"usr/lib/ruby/gems/2.3.0/specifications/rack-1.6.0.gemspec":     gemspec("rack", "1.6.0"),
		"usr/lib/ruby/gems/2.3.0/specifications/nokogiri-1.6.0.gemspec": gemspec("nokogiri", "1.6.0"),
	}
	var entries []images.File
	for _, path := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, images.File{Path: path, Body: []byte(files[path])})
	}
	return images.Build(t, func() (v1.Image, error) {
		layer, err := images.Layer(entries...)
		if err != nil {
			return nil, err
		}
		return images.New(images.Spec{Layers: []v1.Layer{layer}})
	})
}

func gemspec(name, version string) string {
	return fmt.Sprintf("Gem::Specification.new do |s|\n  s.name = %q.freeze\n  s.version = %q\nend\n", name, version)
}

// TestARealImageThatIsNotCovered has trivy say "0 findings" of a release that its database does not know.
func TestARealImageThatIsNotCovered(t *testing.T) {
	database := shareddata.Require(t, "trivy-db/db.tar.gz")
	load := func(architecture string, platform v1.Platform) v1.Image {
		return images.Build(t, func() (v1.Image, error) {
			return images.LoadRootFS(shareddata.Require(t, "images/alpine-minirootfs-3.18.9-"+architecture+".tar.gz"), platform)
		})
	}
	w := newWorld(t, database)
	reference := w.push(t, "alpine-318", images.Build(t, func() (v1.ImageIndex, error) {
		return images.Index(load("x86_64", amd64), load("aarch64", arm64))
	}))
	gathered := w.gather(t, reference)
	if len(gathered.Platforms) != 2 {
		t.Fatalf("%d platforms", len(gathered.Platforms))
	}
	for _, platform := range gathered.Platforms {
		w.wantNotCovered(t, platform, "alpine 3.18.9")
		if found := w.trivy(t, reference, platform.Platform); len(found) != 0 {
			t.Errorf("%s: trivy finds %v", platform.Platform, found)
		}
	}
	t.Log("trivy has 0 findings for either platform, Assay says that neither is covered")
}

// TestOwnImages compares on the images that tests and the demo run on, with the database that is made for them.
func TestOwnImages(t *testing.T) {
	w := newWorld(t, ownDatabase(t))
	w.compare(t, map[string]comparison{
		"vulnerable-debian": {images.Build(t, images.VulnerableDebian), map[string]int{"linux/amd64": some}},
		"patched-debian":    {images.Build(t, images.PatchedDebian), map[string]int{"linux/amd64": 0}},
		"distroless-debian": {images.Build(t, images.DistrolessDebian), map[string]int{"linux/amd64": some}},
		"two-platforms":     {images.Build(t, images.TwoPlatforms), map[string]int{"linux/amd64": 0, "linux/arm64": some}},
		"alpine":            {images.Build(t, images.Alpine), map[string]int{"linux/amd64": some}},
		"node-modules":      {images.Build(t, images.NodeModules), map[string]int{"linux/amd64": some}},
		"operator": {images.Build(t, func() (v1.Image, error) {
			return images.Operator(w.indexProgram, amd64)
		}), map[string]int{"linux/amd64": some}},
	})
	reference := w.push(t, "uncovered-debian", images.Build(t, images.UncoveredDebian))
	for _, platform := range w.gather(t, reference).Platforms {
		w.wantNotCovered(t, platform, "debian 13.1")
	}
}

func archive(t *testing.T, path string) v1.Image {
	t.Helper()
	return images.Build(t, func() (v1.Image, error) { return images.LoadArchive(path) })
}

func saved(t *testing.T, folder string) v1.ImageIndex {
	t.Helper()
	return images.Build(t, func() (v1.ImageIndex, error) { return images.LoadSaved(folder) })
}

func ownDatabase(t *testing.T) string {
	t.Helper()
	content, err := advisories.Load()
	if err != nil {
		t.Fatal(err)
	}
	// golang/vulndb holds the supply-chain attack on trivy of March 2026 against every later version, and so against Assay.
	content.Set("go::The Go Vulnerability Database", "github.com/aquasecurity/trivy", "CVE-2026-33634",
		advisories.Advisory{Vulnerable: []string{">=0.69.4"}, IDs: []string{"GO-2026-4919"}})
	content.Describe("CVE-2026-33634", advisories.Vulnerability{Severity: map[string]string{"nvd": "CRITICAL"}})
	packed, err := content.Archive()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "db.tar.gz")
	if err := os.WriteFile(path, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// compare has both look at each image, and counts.
func (w *world) compare(t *testing.T, comparisons map[string]comparison) {
	t.Helper()
	for name, comparison := range comparisons {
		t.Run(name, func(t *testing.T) {
			reference := w.push(t, name, comparison.image)
			counted := map[string]int{}
			for _, platform := range w.gather(t, reference).Platforms {
				ours, theirs := findingsOf(t, platform), w.trivy(t, reference, platform.Platform)
				if diff := cmp.Diff(theirs, ours, cmpopts.SortSlices(func(a, b finding) bool { return less(a, b) })); diff != "" {
					t.Errorf("%s: - trivy, + Assay:\n%s", platform.Platform, diff)
				}
				counted[platform.Platform.String()] = len(theirs)
				proof := ""
				if len(theirs) == 0 {
					proof = ", which proves nothing"
				}
				t.Logf("%s: %d findings of trivy, %d of Assay%s", platform.Platform, len(theirs), len(ours), proof)
			}
			for platform, want := range comparison.findings {
				if got, looked := counted[platform]; !looked || got != want && (want != some || got == 0) {
					t.Errorf("%s: %d findings (looked at: %t), want %d", platform, got, looked, want)
				}
			}
			if len(counted) != len(comparison.findings) {
				t.Errorf("looked at %v", counted)
			}
		})
	}
}

func less(a, b finding) bool {
	return strings.Join([]string{a.Target, a.Package, a.Version, a.ID, a.FixedVersion, a.Severity}, "\x00") <
		strings.Join([]string{b.Target, b.Package, b.Version, b.ID, b.FixedVersion, b.Severity}, "\x00")
}

func (w *world) wantNotCovered(t *testing.T, platform evidence.Platform, what string) {
	t.Helper()
	if fact := platform.Findings; fact.State != evidence.CouldNotCheck || fact.Reason != v1alpha1.ReasonNotCovered || !strings.Contains(fact.Message, what) {
		t.Errorf("%s: findings are %+v, want that %s is not covered", platform.Platform, fact, what)
	}
}

// push puts an image into the registry and returns repository@digest.
func (w *world) push(t *testing.T, name string, what images.Pushable) string {
	t.Helper()
	repository := w.server.Host() + "/" + name
	digest, err := images.Push(t.Context(), repository+":latest", what)
	if err != nil {
		t.Fatal(err)
	}
	return repository + "@" + digest
}

// root is the project's root.
const root = "../.."

// world is a registry, and both scanners with one database.
type world struct {
	server       *registry.Registry
	indexProgram string
	trivyProgram string
	trivyCache   string
	assay        assay
}
