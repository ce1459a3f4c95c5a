// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package edition keeps a database that somebody else publishes in editions: as an OCI artifact or a file with an archive of
// two files, the database and metadata.json. A new edition is fetched, bounded, checked in a child process, and takes the place
// of the one in use at once or not at all; whatever fails, the last good one stays.
package edition

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// MetadataFile is the name of the file that says what the database is.
const MetadataFile = "metadata.json"

// Limits of what comes with a database.
const (
	maxMetadataSize = 64 << 10 // bytes of metadata.json
	maxEntries      = 8        // in the archive, with folders
	maxPadding      = 1 << 20  // bytes after the archive's last entry
	chunkSize       = 1 << 20  // bytes that are copied between two looks at the context
)

// Form is what all editions of a database have in common.
type Form struct {
	// Name of the database in sentences, such as "vulnerability database".
	Name string
	// MediaType of the single layer of the OCI artifact.
	MediaType string
	// File is the name of the database's file, and Schema the version that its metadata must state.
	File   string
	Schema int
	// MaxSize bounds the file and MaxArchive the compressed archive, in bytes.
	MaxSize, MaxArchive int64
	// Command is the argument that makes a program check an edition instead of doing its own work: see RunIfAsked.
	Command string
	// Look checks the file, of a size in bytes, in a process that may be ended by it. An error that Unusable made says that the
	// file is at fault; any other, that it could not be checked.
	Look func(path string, size int64) error
}

// ErrUnusable says that an edition itself is at fault: trying again with the same content is of no use.
var ErrUnusable = errors.New("unusable edition")

// unusable is an error that is ErrUnusable and does not say so in words.
type unusable struct{ text string }

func (e *unusable) Error() string        { return e.text }
func (e *unusable) Is(target error) bool { return target == ErrUnusable }

// Unusable returns an error that is ErrUnusable and says what is wrong with a database of the form.
func (f Form) Unusable(format string, args ...any) error {
	return &unusable{text: "unusable " + f.Name + ": " + fmt.Sprintf(format, args...)}
}

// Result is what is known of a usable edition.
type Result struct {
	// Digest is the SHA-256 digest of the database's file in hexadecimal.
	Digest string `json:"digest"`
	// UpdatedAt is when the database was built, as its metadata says.
	UpdatedAt time.Time `json:"updatedAt"`
}

// Version names the content.
func (r Result) Version() string { return "sha256:" + r.Digest }

// limits of the files of an edition in bytes, by their names.
func (f Form) limits() map[string]int64 {
	return map[string]int64{f.File: f.MaxSize, MetadataFile: maxMetadataSize}
}

// look checks the edition in a folder within this process.
func (f Form) look(folder string) (Result, error) {
	updatedAt, err := f.readMetadata(filepath.Join(folder, MetadataFile))
	if err != nil {
		return Result{}, err
	}
	path := filepath.Join(folder, f.File)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Result{}, f.Unusable("%s is missing", f.File)
	case err != nil:
		return Result{}, withoutPath(err)
	case info.Size() == 0:
		return Result{}, f.Unusable("%s is empty", f.File)
	}
	if err := f.Look(path, info.Size()); err != nil {
		return Result{}, withoutPath(err)
	}
	digest, err := digestOf(path)
	if err != nil {
		return Result{}, withoutPath(err)
	}
	return Result{Digest: digest, UpdatedAt: updatedAt}, nil
}

// readMetadata returns the time of the build.
func (f Form) readMetadata(path string) (time.Time, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, f.Unusable("%s is missing", MetadataFile)
	}
	if err != nil {
		return time.Time{}, withoutPath(err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxMetadataSize+1))
	if err != nil {
		return time.Time{}, withoutPath(err)
	}
	var metadata struct {
		Version   int
		UpdatedAt time.Time
	}
	switch {
	case len(content) > maxMetadataSize || json.Unmarshal(content, &metadata) != nil:
		return time.Time{}, f.Unusable("%s is malformed", MetadataFile)
	case metadata.Version != f.Schema:
		return time.Time{}, f.Unusable("its schema is version %d, and only %d can be read", metadata.Version, f.Schema)
	case metadata.UpdatedAt.IsZero():
		return time.Time{}, f.Unusable("%s does not say when the database was updated", MetadataFile)
	}
	return metadata.UpdatedAt, nil
}

// withoutPath drops the folder from an error, since its name differs from one try to the next.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s %s: %w", path.Op, filepath.Base(path.Path), path.Err)
	}
	return err
}
