// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package advisories makes small vulnerability databases for tests and for the demo: trivy's, in schema 2, from the advisories
// under testdata, and CISA's catalog of known exploited vulnerabilities. The facts are those of real advisories; they match
// the packages of the images in test/images. A test can change one fact, or damage the database in one way.
package advisories

import (
	"embed"
	"fmt"
	"io/fs"
	"time"

	"sigs.k8s.io/yaml"
)

//go:embed testdata
var testdata embed.FS

// Schema is the version of trivy's database that scanners of today read.
const Schema = 2

// Database is a vulnerability database before it is written.
type Database struct {
	Schema    int       // [Schema] unless changed
	UpdatedAt time.Time // 2026-08-07 unless changed

	buckets         map[string]*bucket
	vulnerabilities map[string]Vulnerability
}

// Source is who publishes advisories. Severities that it gives come before those of others.
type Source struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Advisory says in which versions of a package a vulnerability is. For packages of a distribution Fixed is the version that
// mends it, or Status says that none will; for those of a language Vulnerable and Patched are ranges and versions.
type Advisory struct {
	Fixed      string   `json:"fixed"`
	Status     string   `json:"status"` // affected, will_not_fix, fix_deferred, end_of_life
	Vulnerable []string `json:"vulnerable"`
	Patched    []string `json:"patched"`
	IDs        []string `json:"ids"` // the source's own identifiers
}

// Vulnerability is what is known whatever the package.
type Vulnerability struct {
	Title      string            `json:"title"`
	Severity   map[string]string `json:"severity"` // LOW, MEDIUM, HIGH, CRITICAL by source: nvd, ghsa, debian …
	CWEs       []string          `json:"cwes"`
	Published  string            `json:"published"` // a date, 2023-10-03
	References []string          `json:"references"`
}

// bucket is the advisories of one release ("debian 12") or of one source for an ecosystem ("go::…").
type bucket struct {
	Name     string                         `json:"bucket"`
	Source   Source                         `json:"source"`
	Packages map[string]map[string]Advisory `json:"packages"` // package, vulnerability
}

// Load reads the advisories under testdata. Each call returns a database of its own.
func Load() (*Database, error) {
	db := &Database{
		Schema:    Schema,
		UpdatedAt: time.Date(2026, 8, 7, 0, 0, 0, 0, time.UTC),
		buckets:   map[string]*bucket{},
	}
	if err := read("vulnerabilities.yaml", &db.vulnerabilities); err != nil {
		return nil, err
	}
	names, err := fs.Glob(testdata, "testdata/buckets/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the advisories: %w", err)
	}
	for _, name := range names {
		var b bucket
		if err := read(name[len("testdata/"):], &b); err != nil {
			return nil, err
		}
		db.buckets[b.Name] = &b
	}
	return db, nil
}

func read(name string, into any) error {
	body, err := fs.ReadFile(testdata, "testdata/"+name)
	if err != nil {
		return fmt.Errorf("read the advisories: %w", err)
	}
	if err := yaml.UnmarshalStrict(body, into); err != nil {
		return fmt.Errorf("read the advisories in %s: %w", name, err)
	}
	return nil
}

// Set adds an advisory on a package, or replaces the one that is there. A bucket that is not there yet is one without a
// source; see [Database.Cover].
func (db *Database) Set(bucketName, pkg, id string, a Advisory) {
	b := db.bucket(bucketName)
	if b.Packages[pkg] == nil {
		b.Packages[pkg] = map[string]Advisory{}
	}
	b.Packages[pkg][id] = a
}

// Remove takes an advisory away.
func (db *Database) Remove(bucketName, pkg, id string) {
	delete(db.bucket(bucketName).Packages[pkg], id)
}

// Describe adds what is known of a vulnerability, or replaces it.
func (db *Database) Describe(id string, v Vulnerability) { db.vulnerabilities[id] = v }

// Cover adds a bucket, so that its release or ecosystem counts as covered though nothing is known against it.
func (db *Database) Cover(bucketName string, s Source) { db.bucket(bucketName).Source = s }

// Uncover takes a whole bucket away.
func (db *Database) Uncover(bucketName string) { delete(db.buckets, bucketName) }

func (db *Database) bucket(name string) *bucket {
	if db.buckets[name] == nil {
		db.buckets[name] = &bucket{Name: name, Packages: map[string]map[string]Advisory{}}
	}
	return db.buckets[name]
}
