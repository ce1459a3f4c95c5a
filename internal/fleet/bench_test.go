// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	fanal "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/package-url/packageurl-go"
	bolt "go.etcd.io/bbolt"
	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/evidence"
	evidencefake "github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
)

// The synthetic world: bases of three distributions with the packages of one in common as far as their point releases allow,
// and programs on them. Advisories are as unevenly spread as real ones: most packages have a few, some have hundreds.
const (
	benchBases       = 48
	benchBaseSources = 90
	benchLibraries   = 12_000
	benchOwn         = 80 // packages in an image that are not its base's
	benchSubjects    = 4_000
)

// releases of the world with the buckets of their advisories.
var benchReleases = []struct {
	os     fanal.OS
	bucket string
}{
	{fanal.OS{Family: fanal.Debian, Name: "12.5"}, "debian 12"}, {fanal.OS{Family: fanal.Debian, Name: "11.9"}, "debian 11"},
	{fanal.OS{Family: fanal.Ubuntu, Name: "22.04"}, "ubuntu 22.04"}, {fanal.OS{Family: fanal.Alpine, Name: "3.19.1"}, "alpine 3.19"},
}

var benchEcosystems = []struct {
	language fanal.LangType
	bucket   string
}{{fanal.GoBinary, "go::Public"}, {fanal.NodePkg, "npm::Public"}, {fanal.PythonPkg, "pip::Public"}}

func benchName(subject int) string { return "package-" + strconv.Itoa(subject) }

// writeBenchDatabase writes a database; generation 0 and another differ in one advisory or details of a hundred, as many as
// share says.
func writeBenchDatabase(tb testing.TB, folder string, changed func(random *rand.Rand) bool, day int) {
	tb.Helper()
	database, err := bolt.Open(filepath.Join(folder, "trivy.db"), 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	changes := rand.New(rand.NewPCG(3, 4))
	ids := map[string]bool{}
	fill := func(tx *bolt.Tx, name string, library bool) error {
		root, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		for subject := range benchSubjects {
			if random.IntN(10) < 6 { // has no advisory
				continue
			}
			bucket, err := root.CreateBucket([]byte(benchName(subject)))
			if err != nil {
				return err
			}
			for range 1 + int(math.Min(400, 0.8/math.Pow(random.Float64()+1e-3, 0.9))) {
				id := fmt.Sprintf("CVE-20%02d-%05d", 10+random.IntN(16), random.IntN(8000))
				ids[id] = true
				fixed := fmt.Sprintf("%d.%d.%d", 1+random.IntN(4), random.IntN(20), random.IntN(20))
				if changed(changes) {
					fixed += "1"
				}
				advisory := fmt.Sprintf(`{"FixedVersion":%q,"VendorIDs":["DSA-%d-1"]}`, fixed, random.IntN(6000))
				if library {
					advisory = fmt.Sprintf(`{"PatchedVersions":[%q],"VulnerableVersions":["<%s"],"VendorIDs":["GHSA-%d"]}`, fixed, fixed, random.IntN(90000))
				}
				if err := bucket.Put([]byte(id), []byte(advisory)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err = database.Update(func(tx *bolt.Tx) error {
		for _, release := range benchReleases {
			if err := fill(tx, release.bucket, false); err != nil {
				return err
			}
		}
		for _, ecosystem := range benchEcosystems {
			if err := fill(tx, ecosystem.bucket, true); err != nil {
				return err
			}
		}
		details, err := tx.CreateBucketIfNotExists([]byte("vulnerability"))
		if err != nil {
			return err
		}
		for year := 10; year < 26; year++ {
			for number := range 8000 {
				id := fmt.Sprintf("CVE-20%02d-%05d", year, number)
				severity := random.IntN(5)
				if changed(changes) {
					severity = (severity + 1) % 5
				}
				detail := fmt.Sprintf(`{"Title":"A flaw in %s","Description":%q,"Severity":"HIGH","VendorSeverity":{"nvd":%d,"ghsa":2},"CVSS":{"nvd":{"V3Vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","V3Score":9.8}},"References":["https://example.com/%s","https://example.org/advisories/%s"],"PublishedDate":"2020-01-02T03:04:05Z","LastModifiedDate":"2021-01-02T03:04:05Z"}`,
					id, benchDescription, severity, id, id)
				if err := details.Put([]byte(id), []byte(detail)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := database.Close(); err != nil {
		tb.Fatal(err)
	}
	metadata := fmt.Sprintf(`{"Version":2,"UpdatedAt":%q}`, time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC).Format(time.RFC3339))
	if err := os.WriteFile(filepath.Join(folder, "metadata.json"), []byte(metadata), 0o600); err != nil {
		tb.Fatal(err)
	}
}

const benchDescription = "An attacker who can send crafted input over the network may make the parser of this package write beyond " +
	"the end of a buffer, which leads to the execution of code. Versions before the one that is named are affected, others are not. " +
	"There is no workaround but to filter the input before it is parsed."

func benchDetector(tb testing.TB) (*trivydb.Database, func(share float64)) {
	tb.Helper()
	source := tb.TempDir()
	day := 1
	write := func(share float64) {
		tb.Helper()
		_ = os.Remove(filepath.Join(source, "trivy.db"))
		writeBenchDatabase(tb, source, func(random *rand.Rand) bool { return random.Float64() < share }, day)
		day++
	}
	write(0)
	database := trivydb.New(tb.TempDir(), trivydb.FromPath(source), clock.RealClock{})
	tb.Cleanup(func() { _ = database.Close() })
	if _, err := database.Refresh(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return database, func(share float64) {
		tb.Helper()
		write(share)
		if changed, err := database.Refresh(tb.Context()); err != nil || !changed {
			tb.Fatalf("changed is %t, error %v", changed, err)
		}
	}
}

// benchVersion is one of the few versions of a subject that are about.
func benchVersion(random *rand.Rand) string {
	return fmt.Sprintf("%d.%d.%d", 1+random.IntN(3), random.IntN(3)*7, 0)
}

// populate puts images into a fleet as if they had been added before there was a database.
func populate(tb testing.TB, f *Fleet, images int) {
	tb.Helper()
	compose(tb, f.detector, images, f.catalog.add)
}

// compose makes images.
func compose(tb testing.TB, detector vulnerability.Detector, images int, add func(image.Digest, vulnerability.Composition)) {
	tb.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	decompose := func(detail fanal.ArtifactDetail) vulnerability.Composition {
		encoded, err := json.Marshal(detail)
		if err != nil {
			tb.Fatal(err)
		}
		composition, err := detector.Decompose(inventory.Inventory{Detail: encoded})
		if err != nil {
			tb.Fatal(err)
		}
		return composition
	}
	var bases []vulnerability.Composition
	for base := range benchBases {
		release := benchReleases[base%len(benchReleases)]
		detail := fanal.ArtifactDetail{OS: release.os}
		for i := range benchBaseSources {
			subject := i // the same packages in most bases
			if i > 60 {
				subject = random.IntN(benchSubjects)
			}
			version := benchVersion(rand.New(rand.NewPCG(uint64(subject), uint64(base/8))))
			for binary := range 1 + i%3/2 {
				name := benchName(subject) + []string{"", "-dev"}[binary]
				detail.Packages = append(detail.Packages, fanal.Package{
					ID: name + "@" + version, Name: name, Version: version, SrcName: benchName(subject), SrcVersion: version, Licenses: []string{"MIT"},
					Identifier: fanal.PkgIdentifier{PURL: &packageurl.PackageURL{
						Type: "deb", Namespace: "debian", Name: name, Version: version,
						Qualifiers: packageurl.QualifiersFromMap(map[string]string{"arch": "amd64", "distro": "debian-" + release.os.Name}),
					}},
				})
			}
		}
		bases = append(bases, decompose(detail))
	}
	libraries := make([]vulnerability.Composition, len(benchEcosystems))
	for i, ecosystem := range benchEcosystems {
		application := fanal.Application{Type: ecosystem.language}
		for number := range benchLibraries / len(benchEcosystems) {
			name, version := benchName(number%benchSubjects), benchVersion(random)
			application.Packages = append(application.Packages, fanal.Package{
				ID: name + strconv.Itoa(number), Name: name, Version: version,
				FilePath:   fmt.Sprintf("srv/app/%d/package.json", number),
				Identifier: fanal.PkgIdentifier{PURL: &packageurl.PackageURL{Type: "golang", Name: name, Version: version}},
			})
		}
		libraries[i] = decompose(fanal.ArtifactDetail{Applications: fanal.Applications{application}})
	}
	for number := range images {
		composition := bases[number%benchBases]
		library := libraries[number%len(libraries)].Packages
		composition.Packages = composition.Packages[:len(composition.Packages):len(composition.Packages)]
		for range benchOwn {
			skewed := int(math.Pow(random.Float64(), 3) * float64(len(library)))
			composition.Packages = append(composition.Packages, library[skewed])
		}
		manifest := image.DigestOf([]byte(strconv.Itoa(number)))
		add(manifest, composition)
	}
}

func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkFullRematch(b *testing.B) {
	database, _ := benchDetector(b)
	for _, images := range []int{1_000, 10_000} {
		b.Run(strconv.Itoa(images), func(b *testing.B) {
			f := New(database, &evidencefake.Store{})
			populate(b, f, images)
			runtime.GC()
			before := cpu(b)
			for b.Loop() {
				f.results = nil
				if _, err := f.Update(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(len(f.catalog.tuples.rows)), "tuples")
			b.ReportMetric(float64(f.total()), "findings")
		})
	}
}

// total counts the findings in all images.
func (f *Fleet) total() int {
	total := 0
	for _, e := range f.catalog.images {
		for _, number := range e.instances {
			if i := f.catalog.instances.rows[number]; i.tuple != noTuple {
				total += len(f.results.matches[i.tuple])
			}
		}
	}
	return total
}

func BenchmarkIncrementalRematch(b *testing.B) {
	database, change := benchDetector(b)
	f := New(database, &evidencefake.Store{})
	populate(b, f, 10_000)
	if _, err := f.Update(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, share := range []float64{0, 0.0001, 0.001, 0.01} {
		change(share)
		base := f.results
		b.Run(fmt.Sprintf("%g%%", share*100), func(b *testing.B) {
			runtime.GC()
			before, changed := cpu(b), 0
			for b.Loop() {
				f.results = base
				digests, err := f.Update(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				changed = len(digests)
			}
			b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(changed), "changed")
		})
		f.results = base
	}
}

// BenchmarkRestart adds images that the store knows, with a database in place.
func BenchmarkRestart(b *testing.B) {
	const images = 2_000
	database, _ := benchDetector(b)
	store, size := &evidencefake.Store{}, 0
	compose(b, database, images, func(manifest image.Digest, composition vulnerability.Composition) {
		content := encode(composition)
		size += len(content)
		if err := store.Put(b.Context(), manifest, evidence.KindComposition, content); err != nil {
			b.Fatal(err)
		}
	})
	before := cpu(b)
	for b.Loop() {
		f := New(database, store)
		for number := range images {
			if err := f.Add(b.Context(), image.DigestOf([]byte(strconv.Itoa(number))), nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N)/images*1e6, "cpu-us/image")
	b.ReportMetric(float64(size)/images, "B/image")
}

// heap is the memory that is in use.
func heap() float64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one found to be finalized
	runtime.ReadMemStats(&memory)
	return float64(memory.HeapAlloc) / (1 << 20)
}

// BenchmarkMemory measures what 10,000 images take, and what is on the heap at most while they are matched.
func BenchmarkMemory(b *testing.B) {
	database, _ := benchDetector(b)
	for b.Loop() {
		idle := heap()
		f := New(database, &evidencefake.Store{})
		populate(b, f, 10_000)
		populated := heap()
		if _, err := f.Update(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(populated-idle, "MiB-packages")
		b.ReportMetric(heap()-populated, "MiB-findings")
		c := f.catalog
		b.Logf("%d texts, %d subjects, %d tuples, %d packages, %d instances; %d vulnerabilities, %d bases",
			len(c.texts.rows), len(c.subjects.rows), len(c.tuples.rows), len(c.packages.rows), len(c.instances.rows),
			len(f.results.vulnerabilities.rows), len(f.results.bases.rows))
	}
}

// beginsWith is the simplest of patterns.
type beginsWith string

func (p beginsWith) Matches(purl string) bool { return strings.HasPrefix(purl, string(p)) }

func BenchmarkQueries(b *testing.B) {
	database, _ := benchDetector(b)
	f := New(database, &evidencefake.Store{})
	populate(b, f, 10_000)
	if _, err := f.Update(b.Context()); err != nil {
		b.Fatal(err)
	}
	all := slices.Collect(maps.Keys(f.catalog.images))
	manifest := image.DigestOf([]byte("0"))
	b.Run("Match", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.Match(b.Context(), manifest); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Packages", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.Packages(b.Context(), manifest); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Affected", func(b *testing.B) {
		for b.Loop() {
			f.Affected("CVE-2020-00001", all, math.MaxInt)
		}
	})
	b.Run("Carrying", func(b *testing.B) {
		for b.Loop() {
			f.Carrying(map[string]struct{}{"CVE-2020-00001": {}})
		}
	})
	b.Run("Find", func(b *testing.B) {
		for b.Loop() {
			f.Find(beginsWith("pkg:golang/package-3@"), all, math.MaxInt)
		}
	})
}
