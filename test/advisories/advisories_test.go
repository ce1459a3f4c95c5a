// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package advisories

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	bolt "go.etcd.io/bbolt"

	"github.com/assay-dev/assay/test/registry"
)

// requirements are the modules in the project's go.mod, with their versions, and the standard library.
func requirements(t *testing.T) map[string]string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for line := range strings.SplitSeq(string(body), "\n") {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "toolchain" {
			modules["stdlib"] = strings.TrimPrefix(fields[1], "go")
		}
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") && strings.HasPrefix(line, "\t") {
			modules[fields[0]] = fields[1]
		}
	}
	if len(modules) < 10 {
		t.Fatalf("read only %v", modules)
	}
	return modules
}

func archive(t *testing.T, d *Database, damages ...Damage) []byte {
	t.Helper()
	body, err := d.Archive(damages...)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestEqualDatabasesAreEqualArchives(t *testing.T) {
	first := archive(t, load(t))
	if !bytes.Equal(first, archive(t, load(t))) {
		t.Error("built two archives of the same advisories, and they differ")
	}
	t.Logf("%d bytes", len(first))
	changed := load(t)
	changed.Set("debian 12", "bash", "CVE-2014-6271", Advisory{Fixed: "4.3-9.1"})
	if bytes.Equal(first, archive(t, changed)) {
		t.Error("one more advisory changes nothing")
	}
}

// unpack lists an archive: name to body, and the names in order.
func unpack(t *testing.T, body []byte) (files map[string][]byte, order []string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, order
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		order = append(order, h.Name)
	}
}

func TestArchiveHasTheDatabaseAndItsMetadata(t *testing.T) {
	d := load(t)
	d.Schema, d.UpdatedAt = 1, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	files, order := unpack(t, archive(t, d))
	if diff := cmp.Diff([]string{databaseFile, metadataFile}, order); diff != "" {
		t.Error(diff)
	}
	var got metadata.Metadata
	if err := json.Unmarshal(files[metadataFile], &got); err != nil || got.Version != 1 || !got.UpdatedAt.Equal(d.UpdatedAt) {
		t.Errorf("metadata: %+v, %v", got, err)
	}
}

func TestDamages(t *testing.T) {
	whole, _ := unpack(t, archive(t, load(t)))
	size := len(whole[databaseFile])
	if size < 4*pageSize {
		t.Fatalf("the database has %d bytes: nothing to damage", size)
	}
	tests := map[string]struct {
		damage Damage
		size   int // of trivy.db; -1 when it is not there
		names  int
	}{
		"empty":            {Empty, 0, 2},
		"garbage":          {Garbage, 64 << 10, 2},
		"truncated":        {Truncated, 2 * pageSize, 2},
		"corrupt middle":   {CorruptMiddle, size, 2},
		"oversized":        {Oversized(8 << 20), 8 << 20, 2},
		"without metadata": {WithoutMetadata, size, 1},
		"broken metadata":  {BrokenMetadata, size, 2},
		"without database": {WithoutDatabase, -1, 1},
		"escaping":         {Escaping, size, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files, order := unpack(t, archive(t, load(t), tt.damage))
			body, there := files[databaseFile]
			if there != (tt.size >= 0) || there && len(body) != tt.size || len(order) != tt.names {
				t.Errorf("%d bytes in trivy.db, files %v", len(body), order)
			}
		})
	}
}

// TestCheckingDamagedDatabases shows what bbolt itself says of them. Truncated is not among them: to check it can end the
// process, which is why whoever reads it does so in a child.
func TestCheckingDamagedDatabases(t *testing.T) {
	for name, damage := range map[string]Damage{"empty": Empty, "garbage": Garbage, "corrupt middle": CorruptMiddle} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := load(t).Write(dir, damage); err != nil {
				t.Fatal(err)
			}
			if err := check(filepath.Join(dir, databaseFile)); err == nil {
				t.Error("nothing is found wrong with it")
			} else {
				t.Log(err)
			}
		})
	}
	dir := t.TempDir()
	if err := load(t).Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := check(filepath.Join(dir, databaseFile)); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

// check opens a database and reads every page of it.
func check(path string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("panic while it was read")
		}
	}()
	file, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	return file.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return b.ForEach(func(_, _ []byte) error { return nil })
		})
	})
}

func TestPushMakesTheUsualArtifact(t *testing.T) {
	r := registry.New(t)
	body := archive(t, load(t))
	digest, err := Push(t.Context(), r.Host()+"/mirror/trivy-db:2", body)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(r.Host() + "/mirror/trivy-db:2")
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	layer := m.Layers[0]
	if len(m.Layers) != 1 || layer.MediaType != layerMediaType || layer.Annotations["org.opencontainers.image.title"] != "db.tar.gz" ||
		layer.Size != int64(len(body)) || m.Config.MediaType != configMediaType {
		t.Errorf("manifest %s: %+v", digest, m)
	}
}

func TestCatalogs(t *testing.T) {
	type catalog struct {
		Count           int
		Vulnerabilities []struct{ CVEID string }
	}
	known, err := KEV()
	if err != nil {
		t.Fatal(err)
	}
	made, err := KEVOf("CVE-2026-8037", "CVE-2023-4911")
	if err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		body []byte
		want int
	}{"the catalog": {known, 3}, "one made for a test": {made, 2}} {
		var c catalog
		if err := json.Unmarshal(tt.body, &c); err != nil || c.Count != tt.want || len(c.Vulnerabilities) != tt.want {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
	}
	bad, err := MalformedKEV()
	if err != nil || len(bad) != 8 {
		t.Errorf("%d malformed catalogs, %v", len(bad), err)
	}
}
