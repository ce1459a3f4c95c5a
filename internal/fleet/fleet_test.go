// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	fanal "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/google/go-cmp/cmp"
	"github.com/package-url/packageurl-go"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/evidence"
	evidencefake "github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
	"github.com/assay-dev/assay/test/worlds"
)

// counting is a detector that counts what it is asked, and can be stopped in the middle of it.
type counting struct {
	vulnerability.Detector
	detected, excerpts, rated atomic.Int64
	// during is called before each Detect.
	during func(vulnerability.View)
	// failing makes excerpts fail, afterwards is called after each.
	failing    error
	afterwards func()
}

type countingView struct {
	vulnerability.View
	counting *counting
}

func (c *counting) View(ctx context.Context, use func(vulnerability.View) error) error {
	return c.Detector.View(ctx, func(view vulnerability.View) error { return use(countingView{view, c}) })
}

func (v countingView) Detect(tuple vulnerability.Tuple) ([]vulnerability.Detection, error) {
	v.counting.detected.Add(1)
	if v.counting.during != nil {
		v.counting.during(v.View)
	}
	return v.View.Detect(tuple)
}

func (v countingView) Excerpt(keys map[string][]uint64, use func(func(vulnerability.Tuple) ([]vulnerability.Detection, error)) error) error {
	v.counting.excerpts.Add(1)
	if v.counting.failing != nil {
		return v.counting.failing
	}
	err := v.View.Excerpt(keys, use)
	if v.counting.afterwards != nil {
		v.counting.afterwards()
	}
	return err
}

func (v countingView) Rate(bases []vulnerability.Basis) ([]vulnerability.Rating, error) {
	v.counting.rated.Add(int64(len(bases)))
	return v.View.Rate(bases)
}

// forget sets the counts to zero.
func (c *counting) forget() {
	c.detected.Store(0)
	c.excerpts.Store(0)
	c.rated.Store(0)
}

// debian is an image with packages of Debian, each from a source of its own name.
func debian(names ...string) fanal.ArtifactDetail {
	detail := fanal.ArtifactDetail{OS: fanal.OS{Family: fanal.Debian, Name: "12.5"}}
	for _, name := range names {
		detail.Packages = append(detail.Packages, fanal.Package{
			ID: name + "@1.0", Name: name, Version: "1.0", SrcName: name, SrcVersion: "1.0", Licenses: []string{"GPL-2.0-only", "MIT"},
			Identifier: fanal.PkgIdentifier{PURL: &packageurl.PackageURL{Type: "deb", Namespace: "debian", Name: name, Version: "1.0"}},
		})
	}
	return detail
}

func fixed(version string) string {
	return `{"FixedVersion":"` + version + `","VendorIDs":["DSA-1-1"]}`
}

// many are advisories on a package, so many that a change of one is looked at alone.
func many() map[string]string {
	return map[string]string{
		"CVE-2020-0001": fixed("2.0"), "CVE-2020-0002": fixed("2.0"), "CVE-2020-0003": fixed("0.9"), "CVE-2020-0004": fixed("2.0"),
		"CVE-2020-0005": fixed("2.0"), "CVE-2020-0006": fixed("2.0"), "CVE-2020-0007": fixed("2.0"), "CVE-2020-0008": fixed("2.0"),
		"CVE-2020-0009": fixed("2.0"),
	}
}

func base() worlds.Advisories {
	return worlds.Advisories{
		"debian 12":   {"openssl": {"CVE-2020-1001": fixed("1.1")}, "zlib": {"CVE-2020-1002": fixed("1.1")}, "linux": many()},
		"go::Public":  {"example.com/m": {"CVE-2020-2001": `{"PatchedVersions":["2.0.0"],"VulnerableVersions":["<2.0.0"]}`}},
		"data-source": {"": {"debian 12": `{"ID":"debian","Name":"Debian"}`}},
		worlds.Described: {"": {
			"CVE-2020-1001": `{"Severity":"LOW","PublishedDate":"2020-02-03T04:05:06Z"}`, "CVE-2020-1002": `{"VendorSeverity":{"nvd":2,"ubuntu":4}}`,
		}},
	}
}

// added returns a fleet of the images, numbered from 0.
func added(t *testing.T, detector vulnerability.Detector, images ...fanal.ArtifactDetail) *Fleet {
	t.Helper()
	f := New(detector, &evidencefake.Store{})
	for number, detail := range images {
		if err := f.Add(t.Context(), numbered(number), has(t, detail)); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func update(t *testing.T, f *Fleet) []image.Digest {
	t.Helper()
	changed, err := f.Update(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// ids are the vulnerabilities in an image.
func ids(t *testing.T, f *Fleet, number int) []string {
	t.Helper()
	matched, err := f.Match(t.Context(), numbered(number))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, finding := range matched.Findings {
		found = append(found, finding.ID)
	}
	return found
}

func TestMatch(t *testing.T) {
	f := added(t, publish(t, base()), debian("zlib", "openssl"))
	matched, err := f.Match(t.Context(), numbered(0))
	if err != nil {
		t.Fatal(err)
	}
	want := vulnerability.Matched{Distribution: evidence.Distribution{Name: "debian 12.5"}, Findings: []evidence.Finding{
		{ID: "CVE-2020-1001", Aliases: []string{"DSA-1-1"}, Target: "debian 12.5", Package: "openssl", Version: "1.0",
			PURL: "pkg:deb/debian/openssl@1.0", FixedVersion: "1.1", Severity: evidence.SeverityLow, Published: time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)},
		{ID: "CVE-2020-1002", Aliases: []string{"DSA-1-1"}, Target: "debian 12.5", Package: "zlib", Version: "1.0",
			PURL: "pkg:deb/debian/zlib@1.0", FixedVersion: "1.1", Severity: evidence.SeverityMedium},
	}}
	if diff := cmp.Diff(want, matched); diff != "" {
		t.Error(diff)
	}
	packages, err := f.Packages(t.Context(), numbered(0))
	if err != nil {
		t.Fatal(err)
	}
	wantPackages := []evidence.Package{
		{PURL: "pkg:deb/debian/openssl@1.0", Name: "openssl", Version: "1.0", Licenses: []string{"GPL-2.0-only", "MIT"}},
		{PURL: "pkg:deb/debian/zlib@1.0", Name: "zlib", Version: "1.0", Licenses: []string{"GPL-2.0-only", "MIT"}},
	}
	if diff := cmp.Diff(wantPackages, packages); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	f := added(t, publish(t, base()), debian("openssl"), fanal.ArtifactDetail{OS: fanal.OS{Family: fanal.Alpine, Name: "3.18.9"}, Packages: debian("musl").Packages})
	if err := f.Replace(t.Context(), numbered(2), inventory.Inventory{Detail: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		number   int
		err      error
		packages error
	}{
		"an image that was added":                   {0, nil, nil},
		"an image that the database does not cover": {1, vulnerability.ErrNotCovered, nil},
		"an image whose inventory is damaged":       {2, vulnerability.ErrMatchingFailed, vulnerability.ErrMatchingFailed},
		"an image that was not added":               {3, vulnerability.ErrNotAdded, vulnerability.ErrNotAdded},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			matched, err := f.Match(t.Context(), numbered(test.number))
			if !errors.Is(err, test.err) || test.err != nil && matched.Findings != nil {
				t.Errorf("matched %v, error %v", matched, err)
			}
			if _, err := f.Packages(t.Context(), numbered(test.number)); !errors.Is(err, test.packages) {
				t.Errorf("error for packages is %v", err)
			}
		})
	}
}

// TestNoImageConcernsAnother adds images with what would change how trivy looks at the others, were they looked at together.
func TestNoImageConcernsAnother(t *testing.T) {
	sealed, rebuilt, broken, other := debian("seal-agent", "openssl"), debian("openssl"), debian("openssl"), debian("openssl")
	rebuilt.Packages[0].Version, rebuilt.Packages[0].SrcVersion = "1.0.root.io.1", "1.0.root.io.1"
	broken.OS = fanal.OS{Family: fanal.Amazon} // breaks trivy's detector down
	other.OS.Name = "11.1"                     // is not covered
	content := base()
	content["amazon linux 1"] = content["debian 12"]
	content["seal debian"] = map[string]map[string]string{}
	content["root.io debian 12"] = map[string]map[string]string{"openssl": {"CVE-2020-1001": `{"PatchedVersions":["0.1"],"VulnerableVersions":["<0.1"]}`}}
	database := publish(t, content)
	alone := added(t, database, debian("openssl", "zlib"))
	want, err := alone.Match(t.Context(), numbered(0))
	if err != nil {
		t.Fatal(err)
	}
	together := added(t, database, debian("openssl", "zlib"), sealed, rebuilt, broken, other)
	found, err := together.Match(t.Context(), numbered(0))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("- alone, + together:\n%s", diff)
	}
	if got := ids(t, together, 1); !slices.Equal(got, []string{"CVE-2020-1001"}) {
		t.Errorf("in the image with a package of Seal Security are %v", got)
	}
	if got := ids(t, together, 2); len(got) != 0 {
		t.Errorf("in the image that Root.io rebuilt are %v", got)
	}
	if _, err := together.Match(t.Context(), numbered(3)); !errors.Is(err, vulnerability.ErrMatchingFailed) {
		t.Errorf("the image that breaks the detector down has error %v", err)
	}
	if _, err := together.Match(t.Context(), numbered(4)); !errors.Is(err, vulnerability.ErrNotCovered) {
		t.Errorf("the image that is not covered has error %v", err)
	}
}

func TestATupleThatFailsConcernsTheImagesThatHoldIt(t *testing.T) {
	content := base()
	content["debian 12"]["broken"] = map[string]string{"CVE-2020-3001": "no JSON"}
	database := publish(t, content)
	f := added(t, database, debian("openssl"), debian("broken", "openssl"))
	if got := ids(t, f, 0); len(got) != 1 {
		t.Errorf("found %v", got)
	}
	want := "matching failed: the detector for debian packages does not take what this image holds"
	if _, err := f.Match(t.Context(), numbered(1)); !errors.Is(err, vulnerability.ErrMatchingFailed) || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	content["debian 12"]["broken"]["CVE-2020-3001"] = fixed("3.0")
	database.publish(t, content)
	if changed := update(t, f); !slices.Equal(changed, []image.Digest{numbered(1)}) {
		t.Errorf("changed are %v", changed)
	}
	if got := ids(t, f, 1); !slices.Equal(got, []string{"CVE-2020-3001", "CVE-2020-1001"}) {
		t.Errorf("found %v", got)
	}
}

func TestWithoutADatabase(t *testing.T) {
	folder := t.TempDir()
	database := trivydb.New(t.TempDir(), trivydb.FromPath(folder), clocktesting.NewFakeClock(time.Now()))
	defer func() { _ = database.Close() }()
	f := added(t, database, debian("openssl"))
	if _, err := f.Match(t.Context(), numbered(0)); !errors.Is(err, vulnerability.ErrNoDatabase) {
		t.Errorf("error is %v", err)
	}
	if _, err := f.Update(t.Context()); !errors.Is(err, vulnerability.ErrNoDatabase) {
		t.Errorf("error is %v", err)
	}
	if feed := f.Feed(); feed.State != evidence.CouldNotCheck || !strings.HasPrefix(feed.Message, vulnerability.ErrNoDatabase.Error()) {
		t.Errorf("feed is %v", feed)
	}
	if packages, err := f.Packages(t.Context(), numbered(0)); err != nil || len(packages) != 1 {
		t.Errorf("packages are %v, error %v", packages, err)
	}
	base().Write(t, folder, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if _, err := database.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if changed := update(t, f); !slices.Equal(changed, []image.Digest{numbered(0)}) {
		t.Errorf("changed are %v", changed)
	}
	feed := f.Feed()
	if feed.State != evidence.Known || feed.Value.Version != database.Version() || !feed.Value.UpdatedAt.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("feed is %v", feed)
	}

	// Of the same content there is a newer edition; findings are as old as that.
	base().Write(t, folder, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	if _, err := database.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if feed := f.Feed(); !feed.Value.UpdatedAt.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("feed is %v", feed)
	}

	// What was found outlives the database.
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, f, 0); len(got) != 1 || f.Feed().State != evidence.Known {
		t.Errorf("found %v", got)
	}
}

func TestErrorsOfLoadComeBackUnchanged(t *testing.T) {
	f := added(t, publish(t, base()))
	broken := errors.New("the disk is broken")
	err := f.Add(t.Context(), numbered(0), func(context.Context) (inventory.Inventory, error) { return inventory.Inventory{}, broken })
	if err != broken { //nolint:errorlint // the same error is promised
		t.Errorf("error is %v", err)
	}
	if f.Has(numbered(0)) {
		t.Error("it has the image")
	}
}
