// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// damaged is Unusable, unless it was the disk that failed: an archive that could not be read may be sound.
func (f Form) damaged(cause error, format string, args ...any) error {
	var disk *fs.PathError
	if errors.As(cause, &disk) {
		return fmt.Errorf("could not read the archive of the %s: %w", f.Name, disk.Err)
	}
	return f.Unusable(format, args...)
}

// unpack writes the two files from an archive into a folder. Anything else in the archive is refused.
func (f Form) unpack(ctx context.Context, archive, folder string) error {
	file, err := os.Open(archive)
	if err != nil {
		return f.NotStored(err)
	}
	defer func() { _ = file.Close() }()
	uncompressed, err := gzip.NewReader(file)
	if err != nil {
		return f.damaged(err, "its archive is not compressed with gzip")
	}
	missing := f.limits()
	if err := f.unpackEntries(ctx, tar.NewReader(uncompressed), folder, missing); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		return f.Unusable("its archive has no %s", name)
	}
	// Only at the end does gzip compare its checksum.
	padding, err := io.Copy(io.Discard, io.LimitReader(uncompressed, maxPadding+1))
	if err != nil || padding > maxPadding {
		return f.damaged(err, "its archive is damaged at the end")
	}
	return nil
}

// unpackEntries writes the files that limits names and takes each one off limits that it has written.
func (f Form) unpackEntries(ctx context.Context, archive *tar.Reader, folder string, limits map[string]int64) error {
	for range maxEntries {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return f.damaged(err, "its archive is truncated or damaged")
		}
		name := path.Clean(header.Name)
		limit, expected := limits[name]
		switch {
		case header.Typeflag == tar.TypeDir && name == ".":
			continue
		case header.Typeflag != tar.TypeReg || !expected:
			return f.Unusable("its archive holds %.80q, and only %s and %s may be in it, once each", header.Name, f.File, MetadataFile)
		}
		delete(limits, name)
		err = f.writeBounded(ctx, filepath.Join(folder, name), archive, limit)
		var unreadable *readError
		if errors.As(err, &unreadable) {
			return f.damaged(unreadable.cause, "%s is truncated or damaged in its archive", name)
		}
		if err != nil {
			return err
		}
	}
	return f.Unusable("its archive has more than %d entries", maxEntries)
}

// readError is an error of what is read, not of the disk that it is written to.
type readError struct{ cause error }

func (e *readError) Error() string { return e.cause.Error() }

// writeBounded copies content of at most limit bytes into a new file, and returns when it is on the disk. Where the content
// cannot be read the error is a readError.
func (f Form) writeBounded(ctx context.Context, target string, content io.Reader, limit int64) error {
	file, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return f.NotStored(err)
	}
	err = f.copyBounded(ctx, file, content, limit)
	if syncErr := errors.Join(file.Sync(), file.Close()); err == nil && syncErr != nil {
		err = f.NotStored(syncErr)
	}
	return err
}

func (f Form) copyBounded(ctx context.Context, file *os.File, content io.Reader, limit int64) error {
	chunk := make([]byte, chunkSize)
	for written := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("could not store the %s: %w", f.Name, err)
		}
		n, readErr := content.Read(chunk)
		if written += int64(n); written > limit {
			return f.Unusable("%s is larger than %d bytes", filepath.Base(file.Name()), limit)
		}
		if _, err := file.Write(chunk[:n]); err != nil {
			return f.NotStored(err)
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return nil
		case readErr != nil:
			return &readError{cause: readErr}
		}
	}
}
