// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package advisories

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/types"
	bolt "go.etcd.io/bbolt"
)

// encode writes the database as trivy.db. It does so without trivy-db's own functions, which keep one open database for the
// whole process: a test may write one while it reads another.
func (db *Database) encode() ([]byte, error) {
	dir, err := os.MkdirTemp("", "advisories-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what it leaves is small and temporary
	path := filepath.Join(dir, databaseFile)
	file, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, NoSync: true})
	if err != nil {
		return nil, fmt.Errorf("create the database: %w", err)
	}
	if err := db.fill(file); err != nil {
		_ = file.Close() // the first error tells more
		return nil, fmt.Errorf("write the database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("write the database: %w", err)
	}
	return os.ReadFile(path)
}

// fill writes everything in the order of the keys, so that equal databases are equal files.
func (db *Database) fill(file *bolt.DB) error {
	for _, name := range slices.Sorted(maps.Keys(db.buckets)) {
		b := db.buckets[name]
		if err := put(file, b.Source.encoded(), "data-source", name); err != nil {
			return err
		}
		if err := create(file, name); err != nil {
			return err
		}
		for _, pkg := range slices.Sorted(maps.Keys(b.Packages)) {
			for _, id := range slices.Sorted(maps.Keys(b.Packages[pkg])) {
				if err := put(file, b.Packages[pkg][id].encoded(), name, pkg, id); err != nil {
					return err
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(db.vulnerabilities)) {
		v, err := db.vulnerabilities[id].encoded()
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if err := put(file, v, "vulnerability", id); err != nil {
			return err
		}
	}
	return nil
}

// create makes a bucket, which may stay empty.
func create(file *bolt.DB, name string) error {
	return file.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(name))
		return err
	})
}

// put writes a value as JSON under a path of buckets and a key. Each has a transaction of its own: within one, bbolt places the
// pages of several buckets in random order.
func put(file *bolt.DB, value any, path ...string) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	buckets, key := path[:len(path)-1], path[len(path)-1]
	return file.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(buckets[0]))
		for _, name := range buckets[1:] {
			if err != nil {
				return err
			}
			b, err = b.CreateBucketIfNotExists([]byte(name))
		}
		if err != nil {
			return err
		}
		return b.Put([]byte(key), body)
	})
}

func (s Source) encoded() types.DataSource {
	return types.DataSource{ID: types.SourceID(s.ID), Name: s.Name, URL: s.URL}
}

func (a Advisory) encoded() *types.Advisory {
	return &types.Advisory{
		FixedVersion: a.Fixed, Status: types.NewStatus(a.Status),
		VulnerableVersions: a.Vulnerable, PatchedVersions: a.Patched, VendorIDs: a.IDs,
	}
}

func (v Vulnerability) encoded() (types.Vulnerability, error) {
	out := types.Vulnerability{Title: v.Title, CweIDs: v.CWEs, References: v.References}
	for source, name := range v.Severity {
		s, err := types.NewSeverity(name)
		if err != nil {
			return out, err
		}
		if out.VendorSeverity == nil {
			out.VendorSeverity = types.VendorSeverity{}
		}
		out.VendorSeverity[types.SourceID(source)] = s
	}
	if v.Published == "" {
		return out, nil
	}
	published, err := time.Parse(time.DateOnly, v.Published)
	out.PublishedDate = &published
	return out, err
}
