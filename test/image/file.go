// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"io"
	"os"
)

// file is one file of the image.
type file struct {
	from string // on this host
	to   string // in the image, without the leading slash
	mode int64
}

// open streams the file as a layer. Nothing in it depends on when or by whom it
// was made: no times, and root owns everything.
func (f file) open() (io.ReadCloser, error) {
	content, err := os.Open(f.from)
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() {
		err := f.write(writer, content)
		_ = content.Close()
		_ = writer.CloseWithError(err)
	}()
	return reader, nil
}

func (f file) write(w io.Writer, content *os.File) error {
	info, err := content.Stat()
	if err != nil {
		return err
	}
	layer := tar.NewWriter(w)
	for i, c := range f.to { // every folder on the way
		if c != '/' {
			continue
		}
		folder := tar.Header{Typeflag: tar.TypeDir, Name: f.to[:i+1], Mode: 0o755}
		if err := layer.WriteHeader(&folder); err != nil {
			return err
		}
	}
	header := tar.Header{Typeflag: tar.TypeReg, Name: f.to, Mode: f.mode, Size: info.Size()}
	if err := layer.WriteHeader(&header); err != nil {
		return err
	}
	if _, err := io.Copy(layer, content); err != nil {
		return err
	}
	return layer.Close()
}
