// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is where editions come from.
type Source interface {
	// Latest names the edition that the source holds now. It is cheap: no database is fetched.
	Latest(ctx context.Context) (Edition, error)
}

// Edition is a database that a source holds.
type Edition struct {
	// ID names the content: editions with the same ID are the same.
	ID string
	// fetch writes the two files into the folder. An error that is ErrUnusable says that the edition is at fault.
	fetch func(ctx context.Context, folder string) error
}

// mirrors are sources that hold the same.
type mirrors []Source

// FirstOf returns a source that is the first of several that answers.
func FirstOf(sources ...Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	return mirrors(sources)
}

// Latest asks one after the other. The error is that of the first, which is the one that is meant to answer.
func (m mirrors) Latest(ctx context.Context) (Edition, error) {
	var first error
	for _, source := range m {
		edition, err := source.Latest(ctx)
		if err == nil || ctx.Err() != nil {
			return edition, err
		}
		if first == nil {
			first = err
		}
	}
	return Edition{}, first
}

// pathSource is a source on the local disk.
type pathSource struct {
	form Form
	path string
}

// FromPath returns a source that is an archive as it is distributed (tar.gz), or a folder with its two files.
func (f Form) FromPath(path string) Source { return pathSource{form: f, path: path} }

// Latest names the edition by the sizes and times of its files.
func (s pathSource) Latest(context.Context) (Edition, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return Edition{}, s.unavailable(err)
	}
	if !info.IsDir() {
		return Edition{ID: identify(info), fetch: func(ctx context.Context, folder string) error {
			return s.form.unpack(ctx, s.path, folder)
		}}, nil
	}
	var identities []string
	for _, name := range []string{s.form.File, MetadataFile} {
		info, err := os.Stat(filepath.Join(s.path, name))
		if err != nil {
			return Edition{}, s.unavailable(err)
		}
		identities = append(identities, identify(info))
	}
	slices.Sort(identities)
	return Edition{ID: strings.Join(identities, "+"), fetch: s.copyFolder}, nil
}

func (s pathSource) copyFolder(ctx context.Context, folder string) error {
	limits := s.form.limits()
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		file, err := os.Open(filepath.Join(s.path, name))
		if err != nil {
			return s.unavailable(err)
		}
		err = s.form.writeBounded(ctx, filepath.Join(folder, name), file, limits[name])
		_ = file.Close()
		var unreadable *readError
		if errors.As(err, &unreadable) {
			return s.unavailable(unreadable.cause)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unavailable says what is wrong with the path, which is one that the administrator set.
func (s pathSource) unavailable(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("the %s %s cannot be read: %s: %w", s.form.Name, s.path, filepath.Base(path.Path), path.Err)
	}
	return fmt.Errorf("the %s %s cannot be read: %w", s.form.Name, s.path, err)
}

// identify names a file's content as well as its size and time can.
func identify(info fs.FileInfo) string {
	return fmt.Sprintf("%s:%d:%d", info.Name(), info.Size(), info.ModTime().UnixNano())
}
