// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // how Maven's repositories name what they hold
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aquasecurity/trivy-java-db/pkg/db"
	javatypes "github.com/aquasecurity/trivy-java-db/pkg/types"
	"github.com/aquasecurity/trivy/pkg/dependency/parser/java/jar"
	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	trivyjavadb "github.com/aquasecurity/trivy/pkg/javadb"
	xio "github.com/aquasecurity/trivy/pkg/x/io"
	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/javadb"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/test/images"
)

// writeJavaDB writes a database of artifacts with trivy-java-db's own writer.
func writeJavaDB(t *testing.T, folder string, artifacts ...javatypes.Index) {
	t.Helper()
	database, err := db.New(folder)
	if err != nil {
		t.Fatal(err)
	}
	metadata := db.NewMetadata(folder)
	for _, step := range []func() error{
		database.Init,
		func() error { return database.InsertIndexes(artifacts) },
		database.Close,
		func() error {
			return metadata.Update(db.Metadata{Version: db.SchemaVersion, UpdatedAt: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)})
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func artifact(content []byte, group, name, version string) javatypes.Index {
	sum := sha1.Sum(content) //nolint:gosec // as above
	return javatypes.Index{GroupID: group, ArtifactID: name, Version: version, SHA1: sum[:], ArchiveType: javatypes.JarType}
}

// TestJarsHaveTrivysNames compares with trivy's parser that has the database at hand while it reads the jars.
func TestJarsHaveTrivysNames(t *testing.T) {
	manifest := func(lines string) []string {
		return []string{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n" + lines}
	}
	pom := func(group, name, version string) []string {
		return []string{fmt.Sprintf("META-INF/maven/%s/%s/pom.properties", group, name), fmt.Sprintf("groupId=%s\nartifactId=%s\nversion=%s\n", group, name, version)}
	}
	known, other := archive(t, "known.class", "1"), archive(t, "other.class", "2")
	mapped := archive(t, manifest("Implementation-Vendor-Id: org.mapped\nImplementation-Title: mapped\nImplementation-Version: 1.1\n")...)
	bundled := archive(t, manifest("Bundle-SymbolicName: org.mapped.mapped\nBundle-Name: mapped\nBundle-Version: 2.2\nImplementation-Version: %version\n")...)
	foreign := archive(t, manifest("Implementation-Vendor: Somebody\nSpecification-Title: mapped\nSpecification-Version: 3\n")...)
	shaded := archive(t, append(pom("g", "one", "1"), pom("g", "two", "2")...)...)
	same := archive(t, pom("g", "same", "1.0")...)
	files := []images.File{
		{Path: "app/known.jar", Body: known},
		{Path: "app/copy-7.jar", Body: known},
		{Path: "app/other.jar", Body: other},
		{Path: "app/guessed-1.5.jar", Body: other},
		{Path: "app/guessed-1.6.jar", Body: other},
		{Path: "app/mapped.jar", Body: mapped},
		{Path: "app/bundled.jar", Body: bundled},
		{Path: "app/foreign.jar", Body: foreign},
		{Path: "app/shaded-5.jar", Body: shaded},
		{Path: "app/same-1.0.jar", Body: same},
		{Path: "app/renamed.jar", Body: same},
		{Path: "app/app.war", Body: archive(t, "lib/known.jar", string(known), "lib/same-1.0.jar", string(same), "lib/x.ear", string(archive(t, "mapped.jar", string(mapped))))},
	}
	folder := filepath.Join(t.TempDir(), "java-db")
	writeJavaDB(t, folder,
		artifact(known, "org.known", "known", "4.0"), artifact([]byte("guessed"), "org.guessed", "guessed", "1.5"), artifact([]byte("guessed 2"), "org.guessed", "guessed", "1.7"),
		artifact([]byte("mapped"), "org.mapped", "mapped", "1.0"), artifact(shaded, "org.shaded", "all", "5"), artifact(same, "g", "same", "1.0"))
	trivyjavadb.Init(filepath.Dir(folder), nil, true, true, ftypes.RegistryOptions{})
	client, err := trivyjavadb.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // Only read from.
	var want []string
	for _, file := range files {
		parsed, _, err := jar.NewParser(client, jar.WithFilePath(file.Path), jar.WithSize(int64(len(file.Body)))).
			Parse(t.Context(), xio.NopCloser(bytes.NewReader(file.Body)))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parsed {
			want = append(want, fmt.Sprintf("%s is %s %s", p.FilePath, p.Name, p.Version))
		}
	}

	got, err := newIndexer(t, sandbox.Options{}).Index(t.Context(), sourceOf(t, images.Build(t, layered(files))))
	if err != nil {
		t.Fatal(err)
	}
	unnamed := []string{"app/app.war", "app/app.war/lib/known.jar", "app/app.war/lib/x.ear", "app/app.war/lib/x.ear/mapped.jar", "app/bundled.jar",
		"app/copy-7.jar", "app/foreign.jar", "app/guessed-1.5.jar", "app/guessed-1.6.jar", "app/known.jar", "app/mapped.jar", "app/other.jar"}
	if diff := cmp.Diff(unnamed, got.Unidentified); diff != "" {
		t.Errorf("without a database: %s", diff)
	}
	named := javadb.New(t.TempDir(), javadb.FromPath(folder))
	defer named.Close() //nolint:errcheck // Only read from.
	if _, err := named.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	naming, err := named.Name(t.Context(), got.Jars)
	if err != nil {
		t.Fatal(err)
	}
	got.Identify(naming)
	names := namesOf(t, got)
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), names); diff != "" {
		t.Errorf("- trivy, + Assay: %s", diff)
	}
	if diff := cmp.Diff([]string{"app/app.war", "app/app.war/lib/x.ear", "app/foreign.jar", "app/guessed-1.6.jar", "app/other.jar"}, got.Unidentified); diff != "" {
		t.Errorf("with a database: %s", diff)
	}
	t.Logf("%d jars have the names that trivy gives them", len(names))
}

// namesOf returns the names of all jars, each once.
func namesOf(t *testing.T, i inventory.Inventory) []string {
	t.Helper()
	var names []string
	for _, part := range i.Parts() {
		var detail ftypes.ArtifactDetail
		if err := json.Unmarshal(part.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		for _, app := range detail.Applications {
			for _, p := range app.Packages {
				names = append(names, fmt.Sprintf("%s is %s %s", p.FilePath, p.Name, p.Version))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// A jar of which nothing is known any more in the layers above is no longer looked for.
func TestJarsFollowTheLayers(t *testing.T) {
	got, err := newIndexer(t, sandbox.Options{}).Index(t.Context(), sourceOf(t, images.Build(t, layered(
		[]images.File{{Path: "a.jar", Body: archive(t)}, {Path: "b.jar", Body: archive(t)}, {Path: "c.jar", Body: archive(t)}},
		[]images.File{{Path: "a.jar", Body: archive(t, "x", "y")}, text(".wh.b.jar", "")},
	))))
	if err != nil {
		t.Fatal(err)
	}
	want := []inventory.Jar{{Path: "a.jar", Layer: got.DiffIDs[1]}, {Path: "c.jar", Layer: got.DiffIDs[0]}}
	for i := range got.Jars {
		if len(got.Jars[i].SHA1) != 40 {
			t.Errorf("the digest of %s is %q", got.Jars[i].Path, got.Jars[i].SHA1)
		}
		got.Jars[i].SHA1 = ""
	}
	if !slices.Equal(got.Jars, want) {
		t.Errorf("jars are %+v, want %+v", got.Jars, want)
	}
}
