// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package javadb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1" //nolint:gosec // what Maven publishes
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aquasecurity/trivy-java-db/pkg/db"
	javatypes "github.com/aquasecurity/trivy-java-db/pkg/types"
	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/edition"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/registry"
)

func TestMain(m *testing.M) {
	RunIfAsked(os.Args)
	os.Exit(m.Run())
}

var (
	monday  = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	tuesday = monday.AddDate(0, 0, 1)
)

// sample is what the tests' database holds.
var sample = []javatypes.Index{
	{GroupID: "org.apache.logging.log4j", ArtifactID: "log4j-core", Version: "2.14.1", SHA1: sum("log4j"), ArchiveType: javatypes.JarType},
	{GroupID: "org.apache.logging.log4j", ArtifactID: "log4j-core", Version: "2.17.0", SHA1: sum("log4j 2.17"), ArchiveType: javatypes.JarType},
	{GroupID: "javax.servlet", ArtifactID: "jstl", Version: "1.2", SHA1: sum("javax jstl"), ArchiveType: javatypes.JarType},
	{GroupID: "javax.servlet", ArtifactID: "jstl", Version: "1.1", SHA1: sum("javax jstl 1.1"), ArchiveType: javatypes.JarType},
	{GroupID: "jstl", ArtifactID: "jstl", Version: "1.2", SHA1: sum("jstl"), ArchiveType: javatypes.JarType},
	{GroupID: "com.example", ArtifactID: "widget", Version: "3.0", SHA1: sum("widget"), ArchiveType: javatypes.AarType},
}

func sum(content string) []byte {
	digest := sha1.Sum([]byte(content)) //nolint:gosec // as above
	return digest[:]
}

// write writes a database with trivy-java-db's own writer, and its metadata.
func write(t *testing.T, folder string, updatedAt time.Time, indexes ...javatypes.Index) {
	t.Helper()
	database, err := db.New(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		database.Init,
		func() error { return database.InsertIndexes(indexes) },
		database.VacuumDB,
		database.Close,
		func() error {
			metadata := db.NewMetadata(folder)
			return metadata.Update(db.Metadata{Version: db.SchemaVersion, UpdatedAt: updatedAt})
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func refreshed(t *testing.T, source edition.Source) *Database {
	t.Helper()
	d := New(t.TempDir(), source)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	if changed, err := d.Refresh(t.Context()); err != nil || !changed {
		t.Fatalf("changed is %t, error %v", changed, err)
	}
	return d
}

func TestName(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, monday, sample...)
	d := refreshed(t, FromPath(folder))
	layer := image.DigestOf([]byte("layer"))
	for name, test := range map[string]struct {
		jar  inventory.Jar
		want string
	}{
		"a digest that is known":        {inventory.Jar{Path: "app/x.jar", SHA1: hex.EncodeToString(sum("log4j"))}, "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"},
		"a digest that is not known":    {inventory.Jar{Path: "app/x.jar", SHA1: hex.EncodeToString(sum("y"))}, ""},
		"a manifest that Maven knows":   {inventory.Jar{Path: "app/x.jar", SHA1: hex.EncodeToString(sum("y")), Group: "javax.servlet", Artifact: "jstl", Version: "1.3"}, "pkg:maven/javax.servlet/jstl@1.3"},
		"a manifest before the digest":  {inventory.Jar{Path: "app/x.jar", SHA1: hex.EncodeToString(sum("log4j")), Group: "jstl", Artifact: "jstl", Version: "1.3"}, "pkg:maven/jstl/jstl@1.3"},
		"a manifest that nobody knows":  {inventory.Jar{Path: "app/x.jar", SHA1: hex.EncodeToString(sum("log4j")), Group: "Apache", Artifact: "Log4j", Version: "2.14.1"}, "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"},
		"a file's name":                 {inventory.Jar{Path: "app.war/lib/log4j-core-2.17.0.jar", SHA1: hex.EncodeToString(sum("rebuilt"))}, "pkg:maven/org.apache.logging.log4j/log4j-core@2.17.0"},
		"a name of two groups":          {inventory.Jar{Path: "jstl-1.2.jar", SHA1: hex.EncodeToString(sum("rebuilt"))}, "pkg:maven/javax.servlet/jstl@1.2"},
		"a version that was not made":   {inventory.Jar{Path: "jstl-9.jar", SHA1: hex.EncodeToString(sum("rebuilt"))}, ""},
		"an artifact that is no jar":    {inventory.Jar{Path: "widget-3.0.jar", SHA1: hex.EncodeToString(sum("rebuilt"))}, ""},
		"neither digest nor version":    {inventory.Jar{Path: "jstl.jar", SHA1: "no digest"}, ""},
		"a file that is claimed":        {inventory.Jar{Path: "app/x.jar", SHA1: hex.EncodeToString(sum("log4j")), Claimed: true}, "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"},
		"words that would be SQL's own": {inventory.Jar{Path: "x'--1.jar", SHA1: "", Group: "' OR 1 --", Artifact: "%", Version: "1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.jar.Layer = layer
			i := inventory.Inventory{Detail: []byte("{}"), Jars: []inventory.Jar{{Path: "nobody.jar"}, test.jar}}
			naming, err := d.Name(t.Context(), i.Jars)
			if err != nil {
				t.Fatal(err)
			}
			i.Identify(naming)
			var got []string
			for _, part := range i.Parts() {
				for _, p := range packagesOf(t, part) {
					if p.FilePath != test.jar.Path || p.Layer.DiffID != layer.String() || p.Identifier.UID == "" || part.Comprehensive != test.jar.Claimed {
						t.Errorf("package %+v, comprehensive is %t", p, part.Comprehensive)
					}
					got = append(got, p.Identifier.PURL.String())
				}
			}
			if test.want == "" && got != nil || test.want != "" && !cmp.Equal(got, []string{test.want}) {
				t.Errorf("names %v, want %q", got, test.want)
			}
			unidentified := []string{"nobody.jar"}
			if test.want == "" {
				unidentified = append(unidentified, test.jar.Path)
			}
			if diff := cmp.Diff(unidentified, i.Unidentified); diff != "" || i.Naming.Database != d.Version() {
				t.Errorf("unidentified: %s, by %s", diff, i.Naming.Database)
			}
		})
	}
}

func packagesOf(t *testing.T, part inventory.Part) ftypes.Packages {
	t.Helper()
	var detail ftypes.ArtifactDetail
	if err := json.Unmarshal(part.Detail, &detail); err != nil {
		t.Fatal(err)
	}
	var packages ftypes.Packages
	for _, app := range detail.Applications {
		if app.Type != ftypes.Jar {
			t.Errorf("packages of %s", app.Type)
		}
		packages = append(packages, app.Packages...)
	}
	return packages
}

func TestNamesWithoutADatabase(t *testing.T) {
	d := New(t.TempDir(), FromPath("/nowhere"))
	if _, err := d.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "the Java database /nowhere cannot be read") {
		t.Errorf("error is %v", err)
	}
	if naming, err := d.Name(t.Context(), []inventory.Jar{{Path: "x.jar"}}); err != nil || naming.Database != "" || naming.Jars != nil {
		t.Errorf("names %+v, error %v", naming, err)
	}
}

func TestANewDatabaseNamesAnew(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, monday, sample[2:]...)
	d := refreshed(t, FromPath(folder))
	jars := []inventory.Jar{{Path: "app/x.jar", SHA1: hex.EncodeToString(sum("log4j"))}}
	before, err := d.Name(t.Context(), jars)
	if err != nil || len(before.Jars) > 0 {
		t.Fatalf("names %v, error %v", before.Jars, err)
	}
	if err := os.RemoveAll(filepath.Join(folder, databaseFile)); err != nil {
		t.Fatal(err)
	}
	write(t, folder, tuesday, sample...)
	if changed, err := d.Refresh(t.Context()); err != nil || !changed {
		t.Fatalf("changed is %t, error %v", changed, err)
	}
	after, err := d.Name(t.Context(), jars)
	if err != nil || len(after.Jars) != 1 || after.Database == before.Database {
		t.Errorf("names %v, error %v", after.Jars, err)
	}
}

func TestDatabasesThatAreRefused(t *testing.T) {
	change := func(statements ...string) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			t.Helper()
			database, err := sql.Open("sqlite", filepath.Join(folder, databaseFile))
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range statements {
				if _, err := database.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			if err := database.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	edit := func(edit func(content []byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			t.Helper()
			path := filepath.Join(folder, databaseFile)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, edit(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		damage func(t *testing.T, folder string)
		want   string
	}{
		"an empty file": {edit(func([]byte) []byte { return nil }), "trivy-java.db is empty"},
		"garbage":       {edit(func(b []byte) []byte { return bytes.Repeat([]byte("garbage "), len(b)/8) }), "trivy-java.db is no database"},
		"a file that is cut": {edit(func(b []byte) []byte { return b[:len(b)-4096] }),
			"trivy-java.db is damaged"},
		"a file with a damaged middle": {edit(func(b []byte) []byte {
			copy(b[4096:], bytes.Repeat([]byte{0xff}, 4096))
			return b
		}), "trivy-java.db is damaged"},
		"other tables":          {change("DROP TABLE indices"), "has no indices with the columns"},
		"other columns":         {change("ALTER TABLE indices RENAME COLUMN sha1 TO sum"), "with the columns"},
		"no index":              {change("DROP INDEX indices_sha1_idx"), "has no indices_sha1_idx with the columns sha1"},
		"a view for a table":    {change("ALTER TABLE indices RENAME TO others", "CREATE VIEW indices AS SELECT * FROM others"), "more than tables and indexes"},
		"a trigger":             {change("CREATE TRIGGER t AFTER INSERT ON indices BEGIN SELECT 1; END"), "more than tables and indexes"},
		"a database of nothing": {change("DELETE FROM indices"), "holds no artifacts"},
		"another schema": {func(t *testing.T, folder string) {
			t.Helper()
			metadata := db.NewMetadata(folder)
			if err := metadata.Update(db.Metadata{Version: 2, UpdatedAt: tuesday}); err != nil {
				t.Fatal(err)
			}
		}, "its schema is version 2, and only 1 can be read"},
		"one that is older": {func(t *testing.T, folder string) {
			t.Helper()
			metadata := db.NewMetadata(folder)
			if err := metadata.Update(db.Metadata{Version: 1, UpdatedAt: monday.AddDate(0, 0, -1)}); err != nil {
				t.Fatal(err)
			}
		}, "it is older than the one in use"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "java-db.tar.gz")
			good, bad := t.TempDir(), t.TempDir()
			write(t, good, monday, sample...)
			pack(t, path, good, monday)
			d := refreshed(t, FromPath(path))
			version := d.Version()

			write(t, bad, tuesday, sample[1:]...)
			test.damage(t, bad)
			pack(t, path, bad, tuesday)
			if _, err := d.Refresh(t.Context()); !errors.Is(err, edition.ErrUnusable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			jars := []inventory.Jar{{Path: "app/x.jar", SHA1: hex.EncodeToString(sum("log4j"))}}
			if naming, err := d.Name(t.Context(), jars); err != nil || naming.Database != version || len(naming.Jars) != 1 {
				t.Errorf("names %v, error %v", naming.Jars, err)
			}
		})
	}
}

// pack writes an archive as it is distributed, whose file has a time.
func pack(t *testing.T, path, folder string, modified time.Time) {
	t.Helper()
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	files := tar.NewWriter(compressed)
	for _, name := range []string{databaseFile, edition.MetadataFile} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := files.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(files.Close(), compressed.Close(), os.WriteFile(path, packed.Bytes(), 0o600), os.Chtimes(path, modified, modified)); err != nil {
		t.Fatal(err)
	}
}

// mirror is a registry that holds one artifact, or does not answer.
type mirror struct {
	registry.Reader // whatever else is asked for panics
	layer           []byte
	asked           int
}

func (m *mirror) Resolve(context.Context, image.Tag) (image.Document, error) {
	m.asked++
	if m.layer == nil {
		return image.Document{}, registry.NewError(registry.KindUnavailable, nil, "the registry does not answer")
	}
	return image.Document{
		Digest: image.DigestOf(append([]byte("manifest of "), m.layer...)),
		Manifest: &image.Manifest{Layers: []image.Descriptor{{
			MediaType: form().MediaType, Digest: image.DigestOf(m.layer), Size: int64(len(m.layer)),
		}}},
	}, nil
}

func (m *mirror) Blob(context.Context, image.Repository, image.Descriptor) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.layer)), nil
}

func TestMirrorsAreAskedInTheirOrder(t *testing.T) {
	folder, path := t.TempDir(), filepath.Join(t.TempDir(), "layer")
	write(t, folder, monday, sample...)
	pack(t, path, folder, monday)
	layer, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tags []image.Tag
	for _, name := range []string{"first.example.com/java-db", "second.example.com/java-db"} {
		repository, err := image.ParseRepository(name)
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, image.Tag{Repository: repository, Name: "1"})
	}
	first, second := &mirror{}, &mirror{}
	source := edition.FirstOf(form().FromRegistry(first, tags[0]), form().FromRegistry(second, tags[1]))
	d := New(t.TempDir(), source)
	if _, err := d.Refresh(t.Context()); err == nil || err.Error() != "could not look for the Java database first.example.com/java-db:1: the registry does not answer" {
		t.Errorf("error is %v", err)
	}
	second.layer = layer
	d = refreshed(t, source)
	if first.asked != 2 || second.asked != 2 {
		t.Errorf("asked %d and %d times", first.asked, second.asked)
	}
	if naming, err := d.Name(t.Context(), []inventory.Jar{{SHA1: hex.EncodeToString(sum("jstl"))}}); err != nil || len(naming.Jars) != 1 {
		t.Errorf("names %v, error %v", naming.Jars, err)
	}
	if fmt.Sprint(FromRegistry(first, tags[0])) != fmt.Sprint(form().FromRegistry(first, tags[0])) {
		t.Error("one mirror is not the source itself")
	}
}

func TestOfFileName(t *testing.T) {
	for file, want := range map[string][2]string{
		"spring-core-5.3.4-SNAPSHOT.jar": {"spring-core", "5.3.4-SNAPSHOT"},
		"log4j-1.2-api-2.14.1.jar":       {"log4j-1.2-api", "2.14.1"},
		"a-1.jar":                        {"a", "1"},
		"a.jar":                          {}, "-1.jar": {}, "a-1.war": {}, "a--1.jar": {}, "a-.jar": {}, ".jar": {}, "jar": {}, "": {},
	} {
		name, version, ok := ofFileName(file)
		if (want != [2]string{}) != ok || [2]string{name, version} != want {
			t.Errorf("%s is %q of version %q", file, name, version)
		}
	}
}

func BenchmarkName(b *testing.B) {
	folder := b.TempDir()
	database, err := db.New(folder)
	if err != nil {
		b.Fatal(err)
	}
	if err := database.Init(); err != nil {
		b.Fatal(err)
	}
	for group := range 1000 {
		var indexes []javatypes.Index
		for version := range 50 {
			content := fmt.Sprintf("%d %d", group, version)
			indexes = append(indexes, javatypes.Index{GroupID: fmt.Sprintf("org.example.g%d", group), ArtifactID: fmt.Sprintf("a%d", group),
				Version: fmt.Sprintf("1.%d", version), SHA1: sum(content), ArchiveType: javatypes.JarType})
		}
		if err := database.InsertIndexes(indexes); err != nil {
			b.Fatal(err)
		}
	}
	if err := database.Close(); err != nil {
		b.Fatal(err)
	}
	opened, err := open(b.Context(), filepath.Join(folder, databaseFile))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	jars := []inventory.Jar{
		{Path: "x.jar", SHA1: hex.EncodeToString(sum("77 7"))},
		{Path: "x.jar", SHA1: hex.EncodeToString(sum("nobody's"))},
		{Path: "a99-1.3.jar", SHA1: hex.EncodeToString(sum("nobody's"))},
	}
	for b.Loop() {
		if _, err := name(b.Context(), opened, "", jars); err != nil {
			b.Fatal(err)
		}
	}
}
