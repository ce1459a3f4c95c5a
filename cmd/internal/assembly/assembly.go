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

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/internal/inventory/sbom"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature/cosign"
	"github.com/assay-dev/assay/internal/vulnerability/kev"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
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
	// KEV is a file or an https URL, empty for none.
	KEV string
	// InsecureHosts are registries without TLS, AllowedAddresses the private addresses that may be connected to.
	InsecureHosts    []string
	AllowedAddresses []netip.Prefix
}

// Parts are the adaptors.
type Parts struct {
	Registries *oci.Client
	Store      *disk.Store
	Database   *trivydb.Database
	// Fleet knows what is in all images.
	Fleet *fleet.Fleet
	// Catalogue is nil when none is configured.
	Catalogue *kev.Catalogue
	Gatherer  *gather.Gatherer
}

// Assemble opens the data folder and puts the parts together. Nothing is fetched yet.
func Assemble(o Options) (*Parts, error) {
	registries, err := oci.New(oci.Options{AllowedAddresses: o.AllowedAddresses, InsecureHosts: o.InsecureHosts})
	if err != nil {
		return nil, err
	}
	store, err := disk.Open(filepath.Join(o.DataDir, "evidence"))
	if err != nil {
		return nil, fmt.Errorf("open the evidence store: %w", err)
	}
	databaseSource, err := o.databaseSource(registries)
	if err != nil {
		return nil, err
	}
	catalogue, err := o.catalogue(registries)
	if err != nil {
		return nil, err
	}
	scratch := filepath.Join(o.DataDir, "scratch")
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return nil, err
	}
	limits := sandbox.DefaultLimits()
	limits.Memory = o.IndexMemory
	indexer, err := sandbox.New(sandbox.Options{Program: o.Indexer, ScratchDir: scratch, Deadline: o.IndexDeadline, Limits: limits})
	if err != nil {
		return nil, err
	}
	parts := &Parts{
		Registries: registries,
		Store:      store,
		Database:   trivydb.New(filepath.Join(o.DataDir, "database"), databaseSource),
		Catalogue:  catalogue,
	}
	parts.Fleet = fleet.New(parts.Database, store)
	parts.Gatherer = &gather.Gatherer{
		Store:     store,
		Indexer:   indexer,
		SBOMs:     sbom.NewWriter(),
		Matcher:   parts.Fleet,
		Catalogue: noCatalogue{},
		Scores:    noScores{},
		Chronicle: noChronicle{},
		Verifier:  cosign.Verifier{},
	}
	if catalogue != nil {
		parts.Gatherer.Catalogue = catalogue
	}
	return parts, nil
}

func (o Options) databaseSource(registries registry.Provider) (trivydb.Source, error) {
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

// catalogue returns the catalogue of known exploited vulnerabilities, nil when none is configured.
func (o Options) catalogue(registries *oci.Client) (*kev.Catalogue, error) {
	var source kev.Source
	switch {
	case o.KEV == "":
		return nil, nil //nolint:nilnil // That there is none is a choice.
	case strings.HasPrefix(o.KEV, "https://"):
		transport, err := registries.FeedTransport()
		if err != nil {
			return nil, err
		}
		if source, err = kev.FromURL(o.KEV, transport); err != nil {
			return nil, fmt.Errorf("--kev: %w", err)
		}
	case strings.Contains(o.KEV, "://"):
		return nil, errors.New("--kev: want a file or an https URL")
	default:
		source = kev.FromPath(o.KEV)
	}
	return kev.New(filepath.Join(o.DataDir, "kev"), source), nil
}

// noCatalogue stands for a catalogue that nobody configured.
type noCatalogue struct{}

func (noCatalogue) Exploited(string) bool { return false }

func (noCatalogue) Feed() evidence.Fact[evidence.Feed] {
	return evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable,
		"no catalogue of known exploited vulnerabilities is configured: give --kev a file or an https URL")
}

// Ransomware implements vulnerability.Catalogue.
func (noCatalogue) Ransomware(string) bool { return false }

// noScores stands for scores that nobody configured.
type noScores struct{}

func (noScores) Score(string) (float64, bool) { return 0, false }

func (noScores) Feed() evidence.Fact[evidence.Feed] {
	return evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable,
		"no EPSS scores are configured: give --epss a file or an https URL")
}

// noChronicle knows no times.
type noChronicle struct{}

func (noChronicle) Date(context.Context, []evidence.Finding) error { return nil }

// Intelligence names the database and the catalogue in use. Equal names mean equal findings.
func (p *Parts) Intelligence() string {
	if p.Catalogue == nil {
		return p.Database.Version()
	}
	return p.Database.Version() + "+" + p.Catalogue.Version()
}

// Close gives the data folder free.
func (p *Parts) Close() error {
	return errors.Join(p.Database.Close(), p.Store.Close())
}
