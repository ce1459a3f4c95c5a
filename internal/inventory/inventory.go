// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inventory is the port to the indexer, which finds out what is in an image, and to the writer of SBOMs.
// An inventory is made once per platform's manifest and matched against vulnerability databases again and again.
package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/assay-dev/assay/internal/image"
)

// Version of the inventory's form. An inventory of another version is made anew.
const Version = 1

// Inventory is what is in one platform's image.
type Inventory struct {
	Version int `json:"version"`
	// Image is the manifest of the platform.
	Image    image.Digest   `json:"image"`
	Platform image.Platform `json:"platform"`
	// ImageID is the digest of the configuration.
	ImageID image.Digest `json:"imageID"`
	// DiffIDs are the digests of the uncompressed layers, bottom first.
	DiffIDs []image.Digest `json:"diffIDs"`
	// Detail is trivy's applied ArtifactDetail (fanal/types) as JSON, without neighbouring lines of secrets.
	Detail json.RawMessage `json:"detail"`
	// Packages is the number of packages in Detail.
	Packages int `json:"packages"`
	// Hidden has the form of Detail and holds the packages that only comprehensive detection gives: their files are claimed by a
	// package manager's list or by an SBOM within the image, for which trivy leaves them out. Empty when there are none.
	Hidden json.RawMessage `json:"hidden,omitempty"`
	// Jars that do not say which artifact they are, sorted by path.
	Jars []Jar `json:"jars,omitempty"`
	// Naming is what a Java database says of Jars; zero while none was asked.
	Naming Naming `json:"naming,omitzero"`
	// Problems tell what could not be parsed; at most 20, sorted. An inventory with a problem is incomplete: it is
	// Unknown and never clean.
	Problems []Problem `json:"problems,omitempty"`
	// Unidentified lists files that hold packages nobody can name; at most 20, sorted.
	Unidentified []string `json:"unidentified,omitempty"`
	// SecretsSought says that the image was searched for secrets.
	SecretsSought bool `json:"secretsSought,omitempty"`
	// Secrets that were found, sorted; at most 100.
	Secrets []Secret `json:"secrets,omitempty"`
	// SecretProblems tell which files could not be searched for secrets; at most 20, sorted.
	SecretProblems []Problem `json:"secretProblems,omitempty"`
}

// Secret is the place of a secret, without the secret or anything near it.
type Secret struct {
	// Rule that found it, such as aws-access-key-id, and its severity in trivy's words.
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	// Place is the path of the file, "environment variable NAME", "history entry N" or "configuration", bounded and printable. A
	// file that a later layer deletes or replaces is still in the image's bytes; its path is followed by " (deleted by a later layer)"
	// or " (replaced by a later layer)".
	Place string `json:"place"`
	// Layer is the diff ID of the layer with the file, the zero digest for the configuration.
	Layer image.Digest `json:"layer,omitzero"`
	// Line in the file, counted from 1; 0 when it is not known.
	Line int `json:"line,omitempty"`
}

// Problem is something in an image that could not be parsed.
type Problem struct {
	// Path within the image, bounded and printable.
	Path string `json:"path"`
	// Message says what is wrong with it.
	Message string `json:"message"`
}

// Part is a part of an inventory whose packages count alike.
type Part struct {
	// Detail is in the form of Inventory.Detail.
	Detail json.RawMessage
	// Comprehensive marks packages that only comprehensive detection gives, and so the findings in them.
	Comprehensive bool
}

// Parts returns all that holds packages. Whoever wants to know what is in an image looks at each of them.
func (i Inventory) Parts() []Part {
	parts := []Part{{Detail: i.Detail}}
	for _, part := range []Part{{Detail: i.Naming.Detail}, {i.Hidden, true}, {i.Naming.Hidden, true}} {
		if len(part.Detail) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// Source gives the indexer one platform's image.
type Source struct {
	// Name of the image as reports show it.
	Name     string
	Image    image.Digest
	Platform image.Platform
	Manifest image.Manifest
	// Config is the configuration's bytes, checked against their digest.
	Config []byte
	// Secrets asks to search the image for secrets, which takes time.
	Secrets bool
	// OpenLayer opens the compressed layer with the index in Manifest.Layers. A layer's reader says at its end, at the latest,
	// when it was not the content of its digest, and ends when ctx does. Errors of both come back unchanged from Index. Several
	// layers may be open at once.
	OpenLayer func(ctx context.Context, index int) (io.ReadCloser, error)
}

// Indexer finds out what is in an image.
type Indexer interface {
	// Index reads no layer twice, and may leave out those of which it knows what is in them. Its errors are the ones below or come
	// from source.OpenLayer.
	Index(ctx context.Context, source Source) (Inventory, error)
}

// Errors of Index. Each is wrapped in a sentence that says which limit or layer it was.
var (
	// ErrOverLimit: the image needs more memory, room or entries than it may.
	ErrOverLimit = errors.New("over the limit")
	// ErrDeadline: indexing took longer than it may.
	ErrDeadline = errors.New("deadline exceeded")
	// ErrMalformedLayer: a layer is truncated, not an archive, or does not have the diff ID of the configuration.
	ErrMalformedLayer = errors.New("malformed layer")
	// ErrFailed: the indexer ended without a result. Trying again may help.
	ErrFailed = errors.New("indexing failed")
)

// SBOMWriter writes software bills of materials from an inventory, of an image that is called name. The
// documents carry random identifiers: they are written once, stored, and only then signed.
type SBOMWriter interface {
	// SPDX writes an SPDX 2.3 document in JSON.
	SPDX(ctx context.Context, name string, inventory Inventory) ([]byte, error)
	// CycloneDX writes a CycloneDX 1.6 document in JSON.
	CycloneDX(ctx context.Context, name string, inventory Inventory) ([]byte, error)
}
