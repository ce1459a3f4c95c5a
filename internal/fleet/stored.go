// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/go-logr/logr"
	"github.com/klauspost/compress/s2"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// encodingVersion is raised when what is written here changes.
const encodingVersion = 1

// maxStored bounds a stored composition in bytes, uncompressed.
const maxStored = 256 << 20

// errUnreadable says that a stored composition is damaged or of another version.
var errUnreadable = errors.New("not a composition of this version")

// stored returns what the store has of an image. Any error means that it is to be made anew.
func (f *Fleet) stored(ctx context.Context, manifest image.Digest) (vulnerability.Composition, error) {
	content, err := f.store.Get(ctx, manifest, evidence.KindComposition)
	if err != nil {
		return vulnerability.Composition{}, err
	}
	return decode(content)
}

// keep stores a composition. When that fails, the next start decodes an inventory more.
func (f *Fleet) keep(ctx context.Context, manifest image.Digest, composition vulnerability.Composition) {
	if err := f.store.Put(ctx, manifest, evidence.KindComposition, encode(composition)); err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "Could not keep what an image consists of", "image", manifest.String())
	}
}

// encode writes a composition as numbers, those of texts that stand before them.
func encode(composition vulnerability.Composition) []byte {
	texts := newTable[string]()
	var numbers []byte
	number := func(n uint64) { numbers = binary.AppendUvarint(numbers, n) }
	text := func(s string) { number(uint64(texts.add(s))) }
	text(composition.Surroundings)
	number(uint64(len(composition.Packages)))
	for _, p := range composition.Packages {
		for _, s := range []string{p.Tuple.Subject, p.Tuple.Version, p.Name, p.Version, p.ID, p.PURL, p.Target, p.Path} {
			text(s)
		}
		number(uint64(flagsOf(p)))
		number(uint64(len(p.Licenses)))
		for _, license := range p.Licenses {
			text(license)
		}
	}
	var content []byte
	for _, version := range versions {
		content = binary.AppendUvarint(content, version)
	}
	content = binary.AppendUvarint(content, uint64(len(texts.rows)))
	for _, s := range texts.rows {
		content = binary.AppendUvarint(content, uint64(len(s)))
		content = append(content, s...)
	}
	return s2.EncodeBetter(nil, append(content, numbers...))
}

// versions stand at the beginning of what is stored.
var versions = [...]uint64{encodingVersion, vulnerability.CompositionVersion, inventory.Version}

// decode reads what encode wrote. Whatever else it is given, it takes no more memory than some times its size.
func decode(content []byte) (vulnerability.Composition, error) {
	size, err := s2.DecodedLen(content)
	if err != nil || size > maxStored {
		return vulnerability.Composition{}, errUnreadable
	}
	plain, err := s2.Decode(nil, content)
	if err != nil {
		return vulnerability.Composition{}, errUnreadable
	}
	r := reader{rest: plain}
	for _, version := range versions {
		if r.number() != version {
			return vulnerability.Composition{}, errUnreadable
		}
	}
	r.readTexts()
	composition := vulnerability.Composition{Surroundings: r.text()}
	for range r.length() {
		composition.Packages = append(composition.Packages, r.instance())
	}
	if r.failed || len(r.rest) > 0 {
		return vulnerability.Composition{}, errUnreadable
	}
	return composition, nil
}

// reader reads numbers, and texts by their numbers. After a failure it reads zeros.
type reader struct {
	rest   []byte
	texts  []string
	failed bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.rest, r.failed = nil, true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// length reads a number of things that take at least a byte each.
func (r *reader) length() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.rest, r.failed = nil, true
		return 0
	}
	return int(n)
}

func (r *reader) readTexts() {
	for range r.length() {
		size := r.length()
		r.texts = append(r.texts, string(r.rest[:size]))
		r.rest = r.rest[size:]
	}
}

func (r *reader) text() string {
	n := r.number()
	if n >= uint64(len(r.texts)) {
		r.rest, r.failed = nil, true
		return ""
	}
	return r.texts[n]
}

func (r *reader) instance() vulnerability.Instance {
	p := vulnerability.Instance{
		Tuple: vulnerability.Tuple{Subject: r.text(), Version: r.text()},
		Name:  r.text(), Version: r.text(), ID: r.text(), PURL: r.text(), Target: r.text(), Path: r.text(),
	}
	flags := r.number()
	p.NamedByTarget, p.Comprehensive = flags&namedByTarget != 0, flags&comprehensive != 0
	for range r.length() {
		p.Licenses = append(p.Licenses, r.text())
	}
	return p
}
