// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bytes"
	"fmt"
	"io"
	"os"

	xio "github.com/aquasecurity/trivy/pkg/x/io"
)

// maxInMemory is the size up to which a file of a layer is held in memory, in bytes.
const maxInMemory = 8 << 20

// file is a file of a layer that several analyzers may open. It is only read from the layer when the first of them does.
type file struct {
	size    int64
	reader  io.Reader
	read    bool
	content []byte // when it is small
	path    string // in the scratch folder, when it is not
}

// open gives the file to an analyzer.
func (f *file) open() (xio.ReadSeekCloserAt, error) {
	if err := f.load(); err != nil {
		return nil, err
	}
	if f.path != "" {
		return os.Open(f.path)
	}
	return xio.NopCloser(bytes.NewReader(f.content)), nil
}

func (f *file) load() error {
	if f.read {
		return nil
	}
	f.read = true
	if f.size <= maxInMemory {
		f.content = make([]byte, f.size)
		_, err := io.ReadFull(f.reader, f.content)
		return err
	}
	temporary, err := os.CreateTemp("", "file-")
	if err != nil {
		return fmt.Errorf("unpack a file: %w", err)
	}
	f.path = temporary.Name()
	_, err = io.Copy(temporary, f.reader)
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("unpack a file: %w", err)
	}
	return nil
}

// remove forgets the file. The parent removes what cannot be removed here.
func (f *file) remove() {
	if f.path != "" {
		_ = os.Remove(f.path)
	}
}
