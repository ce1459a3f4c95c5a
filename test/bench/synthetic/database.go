// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package synthetic makes a fleet of images, and a vulnerability database of real size, for benchmarks: both from real ones, and
// always the same for the same input.
package synthetic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	bolt "go.etcd.io/bbolt"
)

// Files of a vulnerability database, in its folder, and its two buckets that hold no advisories.
const (
	databaseFile    = "trivy.db"
	metadataFile    = "metadata.json"
	vulnerabilities = "vulnerability"
	dataSources     = "data-source"
)

// batch is how many entries are written in one transaction.
const batch = 50_000

// Size of a database.
type Size struct {
	Advisories, Vulnerabilities int
	Bytes                       int64
}

// Multiply writes a database into a folder that holds the one of the file so many times: copies name other packages and other
// vulnerabilities, so that each release and ecosystem knows as many more.
func Multiply(source, folder string, times int, updatedAt time.Time) (size Size, err error) {
	from, err := bolt.Open(source, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return size, fmt.Errorf("open %s: %w", source, err)
	}
	defer from.Close() //nolint:errcheck // only read from
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return size, err
	}
	into, err := open(folder)
	if err != nil {
		return size, err
	}
	err = from.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			w := writer{into: into, times: times, size: &size}
			return w.bucket(string(name), b)
		})
	})
	if closed := into.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return size, fmt.Errorf("multiply %s: %w", source, err)
	}
	info, err := os.Stat(filepath.Join(folder, databaseFile))
	if err != nil {
		return size, err
	}
	size.Bytes = info.Size()
	return size, writeMetadata(folder, updatedAt)
}

// writer writes the copies of one bucket.
type writer struct {
	into  *bolt.DB
	times int
	size  *Size
}

func (w writer) bucket(name string, b *bolt.Bucket) error {
	times := w.times
	if name == dataSources {
		times = 1
	}
	for copied := range times {
		err := w.inBatches(b, name, func(out *bolt.Bucket, key, value []byte, below *bolt.Bucket) (int, error) {
			if below == nil {
				if name == vulnerabilities {
					w.size.Vulnerabilities++
				}
				return 1, out.Put(renamed(key, copied), value)
			}
			pkg, err := out.CreateBucketIfNotExists(renamed(key, copied))
			if err != nil {
				return 0, err
			}
			written := 0
			return written, below.ForEach(func(id, advisory []byte) error {
				written++
				w.size.Advisories++
				return pkg.Put(renamed(id, copied), advisory)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inBatches calls put for everything in the bucket, within transactions of a bounded number of entries.
func (w writer) inBatches(b *bolt.Bucket, name string, put func(out *bolt.Bucket, key, value []byte, below *bolt.Bucket) (int, error)) error {
	cursor := b.Cursor()
	for key, value := cursor.First(); key != nil; {
		err := w.into.Update(func(tx *bolt.Tx) error {
			out, err := tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			for written := 0; key != nil && written < batch; key, value = cursor.Next() {
				var below *bolt.Bucket
				if value == nil {
					below = b.Bucket(key)
				}
				n, err := put(out, key, value, below)
				if err != nil {
					return err
				}
				written += n
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// renamed is the key of a copy; the first copy is the original.
func renamed(key []byte, copied int) []byte {
	if copied == 0 {
		return bytes.Clone(key)
	}
	return fmt.Appendf(nil, "%s-x%d", key, copied)
}

// Advisory is one that a test puts into a database.
type Advisory struct {
	Bucket, Package, ID string
	Fixed               string // of a distribution's package
	Vulnerable, Patched []string
	Severity            types.Severity
}

// Edit is a change of a database.
type Edit struct {
	// Change is how many advisories of 10,000 say something else afterwards.
	Change int
	// Add these.
	Add []Advisory
	// UpdatedAt of the result.
	UpdatedAt time.Time
}

// Write writes an edited copy of the database in one folder into another, and returns how many advisories were changed.
func (e Edit) Write(from, into string) (changed int, err error) {
	if err := os.MkdirAll(into, 0o700); err != nil {
		return 0, err
	}
	if err := copyFile(filepath.Join(from, databaseFile), filepath.Join(into, databaseFile)); err != nil {
		return 0, err
	}
	db, err := open(into)
	if err != nil {
		return 0, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		if changed, err = e.change(tx); err != nil {
			return err
		}
		return e.add(tx)
	})
	if closed := db.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return 0, fmt.Errorf("edit the database: %w", err)
	}
	return changed, writeMetadata(into, e.UpdatedAt)
}

// change changes the advisories that the hash of their place picks: as a source does that learned of an alias.
func (e Edit) change(tx *bolt.Tx) (changed int, err error) {
	if e.Change == 0 {
		return 0, nil
	}
	return changed, tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		return b.ForEachBucket(func(pkg []byte) error {
			below := b.Bucket(pkg)
			picked := map[string][]byte{}
			err := below.ForEach(func(id, value []byte) error {
				if !e.picks(name, pkg, id) {
					return nil
				}
				var err error
				picked[string(id)], err = reworded(value)
				return err
			})
			for id, value := range picked {
				changed++
				if err == nil {
					err = below.Put([]byte(id), value)
				}
			}
			return err
		})
	})
}

func (e Edit) picks(parts ...[]byte) bool {
	hash := fnv.New32a()
	for _, part := range parts {
		_, _ = hash.Write(part)      // It never fails.
		_, _ = hash.Write([]byte{0}) // It never fails.
	}
	return int(hash.Sum32()%10_000) < e.Change
}

// reworded is the advisory with one more identifier of its source.
func reworded(value []byte) ([]byte, error) {
	var advisory map[string]any
	if err := json.Unmarshal(value, &advisory); err != nil {
		return nil, err
	}
	known, _ := advisory["VendorIDs"].([]any)
	advisory["VendorIDs"] = append(known, "BENCH-1")
	return json.Marshal(advisory)
}

func (e Edit) add(tx *bolt.Tx) error {
	for _, a := range e.Add {
		b, err := tx.CreateBucketIfNotExists([]byte(a.Bucket))
		if err != nil {
			return err
		}
		if b, err = b.CreateBucketIfNotExists([]byte(a.Package)); err != nil {
			return err
		}
		advisory, err := json.Marshal(types.Advisory{FixedVersion: a.Fixed, VulnerableVersions: a.Vulnerable, PatchedVersions: a.Patched})
		if err != nil {
			return err
		}
		if err := b.Put([]byte(a.ID), advisory); err != nil {
			return err
		}
		details, err := json.Marshal(types.Vulnerability{Title: "made for a benchmark", VendorSeverity: types.VendorSeverity{"nvd": a.Severity}})
		if err != nil {
			return err
		}
		if b, err = tx.CreateBucketIfNotExists([]byte(vulnerabilities)); err != nil {
			return err
		}
		if err := b.Put([]byte(a.ID), details); err != nil {
			return err
		}
	}
	return nil
}

// open opens the database in a folder for writing.
func open(folder string) (*bolt.DB, error) {
	return bolt.Open(filepath.Join(folder, databaseFile), 0o600, &bolt.Options{Timeout: time.Second, NoSync: true, NoFreelistSync: true})
}

func writeMetadata(folder string, updatedAt time.Time) error {
	content, err := json.Marshal(metadata.Metadata{Version: 2, UpdatedAt: updatedAt, NextUpdate: updatedAt.Add(24 * time.Hour)})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, metadataFile), content, 0o600)
}

func copyFile(from, into string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // only read from
	target, err := os.Create(into)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if closed := target.Close(); err == nil {
		err = closed
	}
	return err
}
