// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	symlink  = tar.TypeSymlink
	mebibyte = 1 << 20
)

// TruncatedLayer has a layer that ends in the middle. Its digest is right; the download is not at fault.
func TruncatedLayer() (v1.Image, error) {
	files, err := debianFiles(debian12u11, "amd64")
	if err != nil {
		return nil, err
	}
	archive, err := archive(files...)
	if err != nil {
		return nil, err
	}
	l, err := newLayer(gzipped, segment{archive, 1})
	if err != nil {
		return nil, err
	}
	l.members[0] = l.members[0][:len(l.members[0])/2]
	if err := l.seal(); err != nil {
		return nil, err
	}
	return New(Spec{Layers: []v1.Layer{l}})
}

// NotATar has a layer of text, properly gzipped.
func NotATar() (v1.Image, error) {
	return ofLayer(gzipped, segment{[]byte(strings.Repeat("This is no archive. ", 100)), 1})
}

// NotGzip has a layer that is a tar archive but not compressed, under the media type of a compressed one.
func NotGzip() (v1.Image, error) {
	archive, err := archive(File{Path: "etc/motd", Body: []byte("plain\n")})
	if err != nil {
		return nil, err
	}
	plain := gzipped
	plain.member = func(data []byte) ([]byte, error) { return data, nil }
	return ofLayer(plain, segment{archive, 1})
}

// GzipBomb has a layer of about a thousandth of the size that it unpacks to: one file of zeros. The size is in bytes, rounded
// up to whole MiB.
func GzipBomb(size int64) (v1.Image, error) {
	return ofBomb(gzipped, bomb{path: largeFile, chunk: make([]byte, mebibyte), size: size})
}

// ZstdBomb is [GzipBomb] with zstd, which makes much less of the same zeros.
func ZstdBomb(size int64) (v1.Image, error) {
	return ofBomb(zstded, bomb{path: largeFile, chunk: make([]byte, mebibyte), size: size})
}

// NestedBomb has a gzipped layer in which there is a [ZstdBomb]'s layer where the archive should be.
func NestedBomb(size int64) (v1.Image, error) {
	inner, err := bomb{path: largeFile, chunk: make([]byte, mebibyte), size: size}.layer(zstded)
	if err != nil {
		return nil, err
	}
	return ofLayer(gzipped, segment{bytes.Join(inner.members, nil), 1})
}

// CPUBomb has a small layer with one large file of text, which unpacks fast and keeps a scanner of secrets busy: at 600 MB for
// a minute. The size is in bytes, rounded up to whole MiB.
func CPUBomb(size int64) (v1.Image, error) {
	var text strings.Builder
	for i := 0; text.Len() < 8<<10; i++ {
		fmt.Fprintf(&text, "setting_%03d = 'value of token %03d'\n", i, i*7919%1009)
	}
	chunk := []byte(strings.Repeat(text.String(), mebibyte/text.Len()+1)[:mebibyte])
	return ofBomb(gzipped, bomb{path: largeFile, chunk: chunk, size: size})
}

// MemoryBomb has a small layer with one large package.json of npm, valid and on one line, which parsers take into memory as a
// whole and more than once. The size is in bytes, rounded up to whole MiB.
func MemoryBomb(size int64) (v1.Image, error) {
	return ofBomb(gzipped, bomb{
		path:   lodashManifest,
		prefix: `{"name":"lodash","version":"4.17.20","description":"`,
		chunk:  bytes.Repeat([]byte("x"), mebibyte),
		size:   size,
		suffix: `"}`,
	})
}

const largeFile = "var/log/large.txt"

// bomb is an archive of one file that consists of a chunk of a MiB over and over, up to a size in bytes.
type bomb struct {
	path, prefix, suffix string
	chunk                []byte
	size                 int64
}

func (b bomb) layer(c compression) (*layer, error) {
	times := int((b.size + mebibyte - 1) / mebibyte)
	size := int64(len(b.prefix) + times*len(b.chunk) + len(b.suffix))
	head, tail, err := frame(File{Path: b.path}, size)
	if err != nil {
		return nil, err
	}
	return newLayer(c,
		segment{append(head, b.prefix...), 1}, segment{b.chunk, times}, segment{append([]byte(b.suffix), tail...), 1})
}

func ofBomb(c compression, b bomb) (v1.Image, error) {
	l, err := b.layer(c)
	if err != nil {
		return nil, err
	}
	return New(Spec{Layers: []v1.Layer{l}})
}

// Traversal has a layer whose entries point out of the root: by dots, by an absolute name, through a symbolic and by a hard
// link. Whoever unpacks it carelessly writes a file named "escaped" elsewhere.
func Traversal() (v1.Image, error) {
	body := []byte("escaped\n")
	return fromFiles(Spec{},
		File{Path: "etc/motd", Body: []byte("harmless\n")},
		File{Path: "../../../../escaped", Body: body},
		File{Path: "/tmp/escaped", Body: body},
		File{Path: "a/../../../escaped", Body: body},
		File{Path: "out", Type: symlink, Link: "../../../../tmp"},
		File{Path: "out/escaped", Body: body},
		File{Path: "hard", Type: tar.TypeLink, Link: "../../../../etc/hostname"},
	)
}

// ManyLayers has n layers of one small file each.
func ManyLayers(n int) (v1.Image, error) {
	layers := make([]v1.Layer, 0, n)
	for i := range n {
		l, err := Layer(File{Path: fmt.Sprintf("layers/%05d", i), Body: fmt.Appendln(nil, i)})
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	return New(Spec{Layers: layers})
}

func ofLayer(c compression, segments ...segment) (v1.Image, error) {
	l, err := newLayer(c, segments...)
	if err != nil {
		return nil, err
	}
	return New(Spec{Layers: []v1.Layer{l}})
}
