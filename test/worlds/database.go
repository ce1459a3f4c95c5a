// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package worlds

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Advisories are what a database holds: by bucket, package and vulnerability, as JSON. What is under the package "" stands in
// the bucket itself.
type Advisories map[string]map[string]map[string]string

// details is what is said of every vulnerability that is not described.
const details = `{"Severity":"HIGH"}`

// Described is the bucket with the details of vulnerabilities.
const Described = "vulnerability"

// Clone returns advisories that share nothing with these.
func (a Advisories) Clone(t testing.TB) Advisories {
	t.Helper()
	encoded, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var cloned Advisories
	if err := json.Unmarshal(encoded, &cloned); err != nil {
		t.Fatal(err)
	}
	return cloned
}

// Write writes trivy.db, the same bytes for the same advisories, and metadata.json into a folder, in place of those that are there.
func (a Advisories) Write(t testing.TB, folder string, updatedAt time.Time) {
	t.Helper()
	path := filepath.Join(folder, "trivy.db")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	database, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoGrowSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := database.Update(a.put); err != nil {
		t.Fatal(err)
	}
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
	metadata := fmt.Sprintf(`{"Version":2,"UpdatedAt":%q}`, updatedAt.Format(time.RFC3339))
	if err := os.WriteFile(filepath.Join(folder, "metadata.json"), []byte(metadata), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a Advisories) put(tx *bolt.Tx) error {
	described, err := tx.CreateBucketIfNotExists([]byte(Described))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		root, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		for _, packageName := range slices.Sorted(maps.Keys(a[name])) {
			byID := a[name][packageName]
			if err := putAll(root, packageName, byID); err != nil {
				return err
			}
			if packageName == "" {
				continue
			}
			for _, id := range slices.Sorted(maps.Keys(byID)) {
				if _, own := a[Described][""][id]; own {
					continue
				}
				if err := described.Put([]byte(id), []byte(details)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func putAll(bucket *bolt.Bucket, packageName string, values map[string]string) error {
	if packageName != "" {
		made, err := bucket.CreateBucketIfNotExists([]byte(packageName))
		if err != nil {
			return err
		}
		bucket = made
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := bucket.Put([]byte(key), []byte(values[key])); err != nil {
			return err
		}
	}
	return nil
}
