// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Operator is an image around a static Go program, the project's own in the demo: the modules it was built from are what a
// scanner finds. It has no distribution, runs as another user than root, and is for the given platform.
func Operator(binary string, platform v1.Platform) (v1.Image, error) {
	name := path.Join("/usr/local/bin", path.Base(binary))
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return openAsArchive(binary, File{Path: name[1:], Mode: 0o755})
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("make a layer of %s: %w", binary, err)
	}
	return New(Spec{
		Platform: platform, User: NonRoot, Entrypoint: []string{name}, Layers: []v1.Layer{layer},
		Labels: map[string]string{
			"org.opencontainers.image.title":    path.Base(binary),
			"org.opencontainers.image.vendor":   "The Assay Authors",
			"org.opencontainers.image.licenses": "Apache-2.0",
		},
	})
}

// archivedFile reads like a tar archive with one file in it.
type archivedFile struct {
	io.Reader
	io.Closer
}

func openAsArchive(source string, entry File) (io.ReadCloser, error) {
	f, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close() // the first error tells more
		return nil, err
	}
	head, tail, err := frame(entry, info.Size())
	if err != nil {
		_ = f.Close() // the first error tells more
		return nil, err
	}
	return archivedFile{io.MultiReader(bytes.NewReader(head), f, bytes.NewReader(tail)), f}, nil
}

// frame is what stands before and after the body of the only file in a tar archive.
func frame(entry File, size int64) (head, tail []byte, err error) {
	const block = 512
	var buf bytes.Buffer
	if err := tar.NewWriter(&buf).WriteHeader(entry.header(size)); err != nil {
		return nil, nil, fmt.Errorf("add %s: %w", entry.Path, err)
	}
	padding := (block - size%block) % block
	return buf.Bytes(), make([]byte, padding+2*block), nil
}
