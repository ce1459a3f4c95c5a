// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Limits of an archive.
const (
	maxFiles      = 100_000
	maxNameLength = 1024
	// maxUnpacked bounds what a compressed archive unpacks to, in bytes.
	maxUnpacked = 64 << 30
)

// folder is a layout in a folder. A link in it leads nowhere outside.
type folder struct{ root *os.Root }

func openFolder(path string) (files, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return folder{root}, nil
}

func (f folder) open(name string) (io.ReadCloser, int64, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

func (f folder) close() error { return f.root.Close() }

// archive is a layout in a tar archive, of which the files are read where they stand.
type archive struct {
	file    *os.File
	members map[string]member
	links   map[string]string
}

// member is where a file stands in the archive.
type member struct{ offset, size int64 }

func openArchive(path string) (files, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if file, err = unpacked(file); err != nil {
		return nil, err
	}
	a := &archive{file: file, members: map[string]member{}, links: map[string]string{}}
	if err := a.survey(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return a, nil
}

var gzipMagic = []byte{0x1f, 0x8b}

// unpacked returns the file itself, or a temporary one with what it decompresses to, which is already removed from its folder.
func unpacked(file *os.File) (*os.File, error) {
	start := make([]byte, len(gzipMagic))
	if n, err := file.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(start[:n], gzipMagic) {
		return file, nil // what is wrong with it shows when it is read
	}
	defer file.Close() //nolint:errcheck // Only read from.
	compressed, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return nil, errors.New("the archive is truncated or damaged")
	}
	plain, err := os.CreateTemp("", "assay-layout-")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(plain.Name()) // it lives as long as it is open
	n, err := io.Copy(plain, io.LimitReader(compressed, maxUnpacked+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		err = errors.New("the archive is truncated or damaged")
	case n > maxUnpacked:
		err = fmt.Errorf("the archive unpacks to more than %d GiB", maxUnpacked>>30)
	}
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return plain, nil
}

// survey finds out where the files stand. Of several files of one name the last counts, as it does when the archive is unpacked.
func (a *archive) survey() error {
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	reader := tar.NewReader(a.file)
	for count := 0; ; count++ {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("it is no tar archive, or a truncated or damaged one")
		}
		if count == maxFiles || len(header.Name) > maxNameLength {
			return errors.New("the archive has too many files or too long names")
		}
		name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		switch header.Typeflag {
		case tar.TypeReg:
			offset, err := a.file.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			if len(header.PAXRecords["GNU.sparse.major"]) > 0 {
				return errors.New("the archive has sparse files")
			}
			a.members[name] = member{offset, header.Size}
		case tar.TypeSymlink: // docker saves a layer that two images have once
			a.links[name] = strings.TrimPrefix(path.Clean("/"+path.Join(path.Dir(name), header.Linkname)), "/")
		case tar.TypeLink:
			a.links[name] = strings.TrimPrefix(path.Clean("/"+header.Linkname), "/")
		}
	}
}

func (a *archive) open(name string) (io.ReadCloser, int64, error) {
	m, found := a.members[name]
	if target, linked := a.links[name]; !found && linked {
		m, found = a.members[target]
	}
	if !found {
		return nil, 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(io.NewSectionReader(a.file, m.offset, m.size)), m.size, nil
}

func (a *archive) close() error { return a.file.Close() }
