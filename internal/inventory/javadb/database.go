// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package javadb names Java archives by the database that trivy publishes of what Maven's repositories hold
// (trivy-java-db), as trivy does, and keeps that database fresh. Of a program that links it SQLite makes 5 MB more.
package javadb

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/assay-dev/assay/internal/edition"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/registry"
)

const (
	databaseFile = "trivy-java.db"
	// schema is the only version of the database's layout that is read here.
	schema = 1
	// maxSize and maxArchive bound the database and the archive that it comes in, in bytes. In 2026 they had 1.5 and 0.8 GB.
	maxSize, maxArchive = 4 << 30, 2 << 30
	// idle is how long a connection is kept with what it remembers, some megabytes.
	idle = time.Minute
)

// form is how the database is distributed.
func form() edition.Form {
	return edition.Form{
		Name:       "Java database",
		MediaType:  "application/vnd.aquasec.trivy.javadb.layer.v1.tar+gzip",
		File:       databaseFile,
		Schema:     schema,
		MaxSize:    maxSize,
		MaxArchive: maxArchive,
		Command:    "check-java-database",
		Look:       look,
	}
}

// RunIfAsked checks a database and ends the process if the arguments (os.Args) ask for it, and returns otherwise. Every
// program that has a Database, and the TestMain of every such test, calls it before it does anything else.
func RunIfAsked(args []string) { form().RunIfAsked(args) }

// FromPath returns a source that is an archive as it is distributed (tar.gz), or a folder with trivy-java.db and metadata.json.
func FromPath(path string) edition.Source { return form().FromPath(path) }

// FromRegistry returns a source that is an OCI artifact as trivy publishes it, such as ghcr.io/aquasecurity/trivy-java-db:1, or
// the first of several mirrors that answers.
func FromRegistry(reader registry.Reader, tags ...image.Tag) edition.Source {
	var sources []edition.Source
	for _, tag := range tags {
		sources = append(sources, form().FromRegistry(reader, tag))
	}
	return edition.FirstOf(sources...)
}

var _ inventory.Namer = (*Database)(nil)

// Database is the Java database in use. It is safe for concurrent use.
type Database struct {
	*edition.Keeper
	handle *handle
}

// New returns a Database that is kept in the folder, of which it is the only user, and comes from the source. None is
// loaded before Load or Refresh.
func New(folder string, source edition.Source) *Database {
	h := &handle{}
	return &Database{Keeper: edition.NewKeeper(form(), folder, source, h), handle: h}
}

// Name implements [inventory.Namer].
func (d *Database) Name(ctx context.Context, jars []inventory.Jar) (naming inventory.Naming, err error) {
	d.View(func(inUse edition.Result) { naming, err = name(ctx, d.handle.database, inUse.Version(), jars) })
	return naming, err
}

// handle is the connection to the database in use.
type handle struct{ database *sql.DB }

// Swap implements [edition.Handle].
func (h *handle) Swap(ctx context.Context, next string) (intact bool, err error) {
	opened, err := open(ctx, filepath.Join(next, databaseFile))
	if err != nil {
		return true, err
	}
	if h.database != nil {
		_ = h.database.Close() // it was read only
	}
	h.database = opened
	return true, nil
}

// Close implements [edition.Handle].
func (h *handle) Close() error {
	if h.database == nil {
		return nil
	}
	err := h.database.Close()
	h.database = nil
	return err
}

// open opens a database that nobody changes.
func open(ctx context.Context, path string) (*sql.DB, error) {
	source := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"mode": {"ro"}, "immutable": {"1"},
		"_pragma": {"trusted_schema(0)", "cell_size_check(1)", "query_only(1)"},
	}.Encode()}
	database, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, err
	}
	database.SetConnMaxIdleTime(idle)
	if err := database.PingContext(ctx); err != nil {
		_ = database.Close()
		return nil, err
	}
	return database, nil
}
