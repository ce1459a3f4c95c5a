// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package assembly puts the adaptors behind the ports, the same way in the controller and in the command line.
package assembly

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/chronicle"
	"github.com/assay-dev/assay/internal/edition"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/javadb"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/internal/inventory/sbom"
	"github.com/assay-dev/assay/internal/layout/intoto"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature/cosign"
	"github.com/assay-dev/assay/internal/vulnerability/epss"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
	"github.com/assay-dev/assay/internal/vulnerability/kev"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
	"github.com/assay-dev/assay/internal/vulnerability/vex/attested"
)

// Options say where everything is.
type Options struct {
	// DataDir is a folder that this process alone uses.
	DataDir string
	// Indexer is the program assay-index, with the memory in bytes and the time that one image may take.
	Indexer       string
	IndexMemory   int64
	IndexDeadline time.Duration
	// Database is the repository:tag of the vulnerability database, DatabaseFile a local one instead.
	Database     string
	DatabaseFile string
	// JavaDatabases are mirrors of the Java database as repository:tag, of which the first that answers is taken, JavaDatabaseFile
	// is a local one instead; without any, jars stay without a name that do not say it themselves.
	JavaDatabases    []string
	JavaDatabaseFile string
	// KEV and EPSS are each a file, an https URL or configmap:NAME/KEY; empty for none.
	KEV  string
	EPSS string
	// ConfigMaps are those of Assay's own namespace, nil outside a cluster.
	ConfigMaps feed.ConfigMaps
	// InsecureHosts are registries without TLS, AllowedAddresses the private addresses that may be connected to.
	InsecureHosts    []string
	AllowedAddresses []netip.Prefix
}

// Folders of the data folder that databases and feeds are kept in.
const (
	databaseFolder = "database"
	jarFolder      = "java-database"
	kevFolder      = "kev"
	epssFolder     = "epss"
)

// Parts are the adaptors.
type Parts struct {
	Registries *oci.Client
	Store      *disk.Store
	Database   *trivydb.Database
	// Fleet knows what is in all images.
	Fleet *fleet.Fleet
	// Chronicle knows since when.
	Chronicle *chronicle.Chronicle
	// Jars is nil when no Java database is configured.
	Jars *javadb.Database
	// Catalogue is nil when none is configured.
	Catalogue *kev.Catalogue
	// Scores are nil when none are configured.
	Scores   *epss.Scores
	Indexer  *sandbox.Indexer
	Gatherer *gather.Gatherer

	options Options
}

// Assemble opens the data folder and puts the parts together. Nothing is fetched yet.
func Assemble(ctx context.Context, o Options) (*Parts, error) {
	if err := o.makeAbsolute(); err != nil {
		return nil, err
	}
	registries, err := oci.New(oci.Options{AllowedAddresses: o.AllowedAddresses, InsecureHosts: o.InsecureHosts})
	if err != nil {
		return nil, err
	}
	store, err := disk.Open(filepath.Join(o.DataDir, "evidence"))
	if err != nil {
		return nil, err
	}
	seen, err := chronicle.Open(ctx, filepath.Join(o.DataDir, "chronicle"), clock.RealClock{})
	if err != nil {
		return nil, err
	}
	indexer, err := o.indexer(store)
	if err != nil {
		return nil, err
	}
	parts := &Parts{Registries: registries, Store: store, Chronicle: seen, Indexer: indexer, options: o}
	if err := o.addSources(parts); err != nil {
		return nil, err
	}
	parts.Fleet = fleet.New(parts.Database, store)
	parts.Gatherer = &gather.Gatherer{
		Store:     store,
		Indexer:   indexer,
		SBOMs:     sbom.NewWriter(),
		Matcher:   parts.Fleet,
		Catalogue: noCatalogue{o.feedPlaces()},
		Scores:    noScores{o.feedPlaces()},
		Chronicle: seen,
		Finder:    cosign.Finder{},
		VEX:       attested.Reader{},
		Layouts:   intoto.Verifier{},
	}
	if parts.Jars != nil {
		parts.Gatherer.Jars = parts.Jars
	}
	if parts.Catalogue != nil {
		parts.Gatherer.Catalogue = parts.Catalogue
	}
	if parts.Scores != nil {
		parts.Gatherer.Scores = parts.Scores
	}
	return parts, nil
}

// makeAbsolute makes the paths independent of the folder that a process works in: assay-index works in one of its own.
func (o *Options) makeAbsolute() (err error) {
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	if strings.ContainsRune(o.Indexer, filepath.Separator) { // otherwise it is looked for in PATH
		if o.Indexer, err = filepath.Abs(o.Indexer); err != nil {
			return fmt.Errorf("find assay-index: %w", err)
		}
	}
	return nil
}

// indexer starts assay-index, and keeps what is found in layers in the store.
func (o Options) indexer(store *disk.Store) (*sandbox.Indexer, error) {
	scratch := filepath.Join(o.DataDir, "scratch")
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return nil, err
	}
	limits := sandbox.DefaultLimits()
	limits.Memory = o.IndexMemory
	return sandbox.New(sandbox.Options{Program: o.Indexer, ScratchDir: scratch, Deadline: o.IndexDeadline, Limits: limits, Layers: store})
}

// addSources adds what others publish about vulnerabilities and jars.
func (o Options) addSources(parts *Parts) error {
	source, err := o.databaseSource(parts.Registries)
	if err != nil {
		return err
	}
	parts.Database = trivydb.New(filepath.Join(o.DataDir, databaseFolder), source, clock.RealClock{})
	if parts.Jars, err = o.jars(parts.Registries); err != nil {
		return err
	}
	if parts.Catalogue, err = o.catalogue(parts.Registries); err != nil {
		return err
	}
	parts.Scores, err = o.scores(parts.Registries)
	return err
}

func (o Options) databaseSource(registries registry.Provider) (edition.Source, error) {
	if o.DatabaseFile != "" {
		return trivydb.FromPath(o.DatabaseFile), nil
	}
	tag, err := image.ParseTagged(o.Database)
	if err != nil {
		return nil, fmt.Errorf("--database-repository: %w", err)
	}
	reader, err := registries.Reader(registry.Credentials{})
	if err != nil {
		return nil, err
	}
	return trivydb.FromRegistry(reader, tag), nil
}

// jars returns the Java database, nil when none is configured.
func (o Options) jars(registries registry.Provider) (*javadb.Database, error) {
	folder := filepath.Join(o.DataDir, jarFolder)
	if o.JavaDatabaseFile != "" {
		return javadb.New(folder, javadb.FromPath(o.JavaDatabaseFile)), nil
	}
	if len(o.JavaDatabases) == 0 {
		return nil, nil //nolint:nilnil // That there is none is a choice.
	}
	var tags []image.Tag
	for _, mirror := range o.JavaDatabases {
		tag, err := image.ParseTagged(mirror)
		if err != nil {
			return nil, fmt.Errorf("--java-database-repository: %w", err)
		}
		tags = append(tags, tag)
	}
	reader, err := registries.Reader(registry.Credentials{})
	if err != nil {
		return nil, err
	}
	return javadb.New(folder, javadb.FromRegistry(reader, tags...)), nil
}

// Close gives the data folder free.
func (p *Parts) Close() error {
	p.Indexer.Close()
	if p.Jars != nil {
		defer p.Jars.Close() //nolint:errcheck // It was only read from.
	}
	return errors.Join(p.Database.Close(), p.Chronicle.Close(), p.Store.Close())
}
