// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// File is an entry of a layer.
type File struct {
	Path string // as it stands in the archive, so without a leading slash unless that is the point
	Body []byte
	Mode int64  // 0644 when zero
	Type byte   // of the archive/tar package; a regular file when zero
	Link string // target of a link
}

// Layer makes a gzipped layer of files.
func Layer(files ...File) (v1.Layer, error) {
	archive, err := archive(files...)
	if err != nil {
		return nil, err
	}
	return newLayer(gzipped, segment{archive, 1})
}

// archive is a tar file.
func archive(files ...File) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		if err := w.WriteHeader(f.header(int64(len(f.Body)))); err != nil {
			return nil, fmt.Errorf("add %s: %w", f.Path, err)
		}
		if _, err := w.Write(f.Body); err != nil {
			return nil, fmt.Errorf("add %s: %w", f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return buf.Bytes(), nil
}

func (f File) header(size int64) *tar.Header {
	h := &tar.Header{
		Name: f.Path, Typeflag: f.Type, Linkname: f.Link, Mode: f.Mode,
		Size: size, ModTime: created(), Format: tar.FormatPAX,
	}
	if h.Mode == 0 {
		h.Mode = 0o644
	}
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	return h
}

// segment is a run of bytes that repeats. A layer of a few segments can be huge and cost nothing: each segment is compressed
// once and its member repeated, which gzip (RFC 1952, 2.2) and zstd (RFC 8878, 3.1) both allow.
type segment struct {
	data  []byte
	times int
}

// compression is a way to compress layers.
type compression struct {
	mediaType types.MediaType
	member    func([]byte) ([]byte, error)
	open      func(io.Reader) (io.ReadCloser, error)
}

var (
	gzipped = compression{types.OCILayer, gzipMember, func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }}
	zstded  = compression{types.OCILayerZStd, zstdFrame, openZstd}
)

func gzipMember(data []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return buf.Bytes(), nil
}

func zstdFrame(data []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	frame := w.EncodeAll(data, nil)
	return frame, w.Close()
}

func openZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r)
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// layer holds compressed members; those of a repeated segment share their memory.
type layer struct {
	compression
	members        [][]byte
	digest, diffID v1.Hash
	size           int64
}

func newLayer(c compression, segments ...segment) (*layer, error) {
	l := &layer{compression: c}
	raw := sha256.New()
	for _, s := range segments {
		member, err := c.member(s.data)
		if err != nil {
			return nil, err
		}
		for range s.times {
			l.members = append(l.members, member)
			raw.Write(s.data)
		}
	}
	l.diffID = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(raw.Sum(nil))}
	return l, l.seal()
}

// seal computes digest and size of what is there.
func (l *layer) seal() (err error) {
	l.digest, l.size, err = v1.SHA256(l.reader())
	return err
}

func (l *layer) reader() io.Reader {
	readers := make([]io.Reader, 0, len(l.members))
	for _, m := range l.members {
		readers = append(readers, bytes.NewReader(m))
	}
	return io.MultiReader(readers...)
}

func (l *layer) Digest() (v1.Hash, error)             { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error)             { return l.diffID, nil }
func (l *layer) Size() (int64, error)                 { return l.size, nil }
func (l *layer) MediaType() (types.MediaType, error)  { return l.mediaType, nil }
func (l *layer) Compressed() (io.ReadCloser, error)   { return io.NopCloser(l.reader()), nil }
func (l *layer) Uncompressed() (io.ReadCloser, error) { return l.open(l.reader()) }
