// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package layout reads an image on the local disk as if a registry held it: an OCI image layout, as a folder or an
// archive, or what `docker save` writes. So an image is judged before anybody pushes it. The files are as hostile as
// a registry: a link does not lead out of the folder, and everything is bounded and hashed.
package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

var _ registry.Reader = (*Layout)(nil)

// Layout is an image, or several, on the local disk. It is safe for concurrent use.
type Layout struct {
	files files
	// entries are the images, and what is attached to them.
	entries []entry
	// documents that stand in no file: the manifests of images that docker saved without one.
	documents map[image.Digest]image.Document
	// blobs that stand under another name than that of their digest.
	blobs map[image.Digest]string
}

// entry is what the layout lists.
type entry struct {
	descriptor image.Descriptor
	// name is a tag, or a whole reference with one; "" when the layout gives none.
	name string
	// kind is what `cosign save` says that the entry is; "" for others.
	kind string
}

// files are the files of a layout, by slash-separated paths.
type files interface {
	// open returns the file and its size in bytes. The error is fs.ErrNotExist when there is none.
	open(name string) (io.ReadCloser, int64, error)
	close() error
}

// Open opens a folder or an archive.
func Open(path string) (*Layout, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	l := &Layout{documents: map[image.Digest]image.Document{}, blobs: map[image.Digest]string{}}
	if info.IsDir() {
		l.files, err = openFolder(path)
	} else {
		l.files, err = openArchive(path)
	}
	if err != nil {
		return nil, err
	}
	if err := l.read(); err != nil {
		return nil, errors.Join(err, l.files.close())
	}
	return l, nil
}

// Close lets go of the files.
func (l *Layout) Close() error { return l.files.close() }

// Names of the files that say what a layout holds.
const (
	indexFile  = "index.json"    // OCI image layout 1.0
	dockerFile = "manifest.json" // docker save
)

// read finds out what the layout holds. Newer versions of docker write both forms: then OCI's counts, which has the digests that a push
// gives.
func (l *Layout) read() error {
	err := l.readIndex()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err = l.readDocker(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.New("it is no OCI image layout and nothing that docker save wrote: it has neither " + indexFile + " nor " + dockerFile)
}

// The annotations by which an index names its entries (OCI image specification; containerd; `cosign save`).
const (
	refNameAnnotation   = "org.opencontainers.image.ref.name"
	imageNameAnnotation = "io.containerd.image.name"
	kindAnnotation      = "kind"

	kindSignatures   = "dev.cosignproject.cosign/sigs"
	kindAttestations = "dev.cosignproject.cosign/atts"
)

func (l *Layout) readIndex() error {
	raw, err := l.readFile(indexFile, image.MaxDocumentSize)
	if err != nil {
		return err
	}
	document, err := image.ParseDocument(image.MediaTypeIndex, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	for _, descriptor := range document.Index.Manifests {
		name := descriptor.Annotations[imageNameAnnotation]
		if name == "" {
			name = descriptor.Annotations[refNameAnnotation]
		}
		l.entries = append(l.entries, entry{descriptor: descriptor, name: name, kind: descriptor.Annotations[kindAnnotation]})
	}
	return nil
}

// Image returns the image with the name, a tag or a whole reference, and the name that the layout gives it. Without a name
// the layout must hold one image.
func (l *Layout) Image(name string) (image.Digest, string, error) {
	var found, all []entry
	for _, e := range l.entries {
		if e.isAttached() {
			continue
		}
		all = append(all, e)
		if name == "" || e.name == name || tagOf(e.name) == tagOf(name) && tagOf(name) != "" {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 1:
		return found[0].descriptor.Digest, found[0].name, nil
	case len(all) == 0:
		return image.Digest{}, "", errors.New("it holds no image")
	case len(all) == 1: // it is called otherwise where it is going to be pushed
		return all[0].descriptor.Digest, all[0].name, nil
	}
	return image.Digest{}, "", fmt.Errorf("it holds %d images; choose one by --as with its tag: %s", len(all), describe(all))
}

// isAttached says that the entry is no image but something about one.
func (e entry) isAttached() bool {
	return e.kind == kindSignatures || e.kind == kindAttestations || strings.HasPrefix(e.name, "sha256-")
}

// tagOf returns the tag of a reference, and the name itself when it is none.
func tagOf(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[i+1:]
	}
	if strings.Contains(name, "/") {
		return ""
	}
	return name
}

// maxNamed bounds how many images an error names.
const maxNamed = 8

func describe(entries []entry) string {
	var names []string
	for _, e := range entries[:min(len(entries), maxNamed)] {
		name := e.name
		if name == "" {
			name = e.descriptor.Digest.Short()
		}
		names = append(names, evidence.Printable(name, 128))
	}
	if len(entries) > maxNamed {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}

// Resolve implements registry.Resolver. Of tags it knows those that the layout gives, and those that cosign keeps signatures under.
func (l *Layout) Resolve(ctx context.Context, tag image.Tag) (image.Document, error) {
	for _, e := range l.entries {
		if tagOf(e.name) == tag.Name || e.kind != "" && l.cosignTag(e) == tag.Name {
			return l.Document(ctx, image.Reference{Repository: tag.Repository, Digest: e.descriptor.Digest})
		}
	}
	return image.Document{}, registry.NewError(registry.KindNotFound, nil, "the image layout has nothing that is tagged %s", tag.Name)
}

// cosignTag is the tag under which cosign keeps the entry of a saved layout in a registry.
func (l *Layout) cosignTag(e entry) string {
	suffix := map[string]string{kindSignatures: ".sig", kindAttestations: ".att"}[e.kind]
	digest, _, err := l.Image("")
	if suffix == "" || err != nil {
		return ""
	}
	return "sha256-" + digest.Hex() + suffix
}
