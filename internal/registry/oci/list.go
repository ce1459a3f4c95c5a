// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"encoding/json"

	"github.com/assay-dev/assay/internal/image"
)

// A list of signatures or attestations is an image (cosign, specs/SIGNATURE_SPEC.md): every layer is a document, and where the configuration is that
// of an image, it has a diff ID and an entry of the history for each layer. Clients find layers by their diff IDs when they write the list
// again, so that both must agree.

// imageConfigMediaType is the type of the configurations that have diff IDs; Docker's is the same under another name.
const (
	imageConfigMediaType  = "application/vnd.oci.image.config.v1+json"
	dockerConfigMediaType = "application/vnd.docker.container.image.v1+json"
)

// newListConfig is the configuration of a list without layers. The times are those that say nothing.
var newListConfig = []byte(`{"architecture":"","created":"0001-01-01T00:00:00Z","history":[],"os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}`)

// noHistory is the entry of a layer that nobody says anything about.
var noHistory = json.RawMessage(`{"created":"0001-01-01T00:00:00Z"}`)

// emptyList is a list before anything is in it. It has no digest: it is nowhere.
func emptyList() image.Document {
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + image.MediaTypeManifest + `","config":{"mediaType":"` + imageConfigMediaType + `"},"layers":[]}`)
	return image.Document{Raw: raw, Manifest: &image.Manifest{MediaType: image.MediaTypeManifest, Config: image.Descriptor{MediaType: imageConfigMediaType}}}
}

// list is a list as it is written.
type list struct{ manifest, config []byte }

// extendList adds a layer to a list of which everything else stays as it is.
func extendList(document image.Document, config []byte, added wireDescriptor) (list, error) {
	extended := list{config: config}
	if kind := document.Manifest.Config.MediaType; kind == imageConfigMediaType || kind == dockerConfigMediaType {
		var err error
		if extended.config, err = extendConfig(config, added.Digest); err != nil {
			return list{}, err
		}
	}
	var err error
	extended.manifest, err = edit(document.Raw, func(manifest members) error {
		if err := manifest.append("layers", added); err != nil {
			return err
		}
		return manifest.edit("config", func(descriptor members) error {
			delete(descriptor, "data") // a copy of the configuration, which is another one now
			described := describe(document.Manifest.Config.MediaType, extended.config)
			return descriptor.set(map[string]any{"digest": described.Digest, "size": described.Size})
		})
	})
	return extended, err
}

// extendConfig adds the layer's diff ID, which is its digest, since it is not compressed.
func extendConfig(config []byte, diffID image.Digest) ([]byte, error) {
	return edit(config, func(fields members) error {
		if err := fields.append("history", noHistory); err != nil {
			return err
		}
		return fields.edit("rootfs", func(rootfs members) error { return rootfs.append("diff_ids", diffID) })
	})
}

// members of a JSON object, whose values stay as they were written.
type members map[string]json.RawMessage

// edit changes an object.
func edit(raw []byte, change func(members) error) ([]byte, error) {
	fields := members{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &fields); err != nil {
			return nil, err
		}
	}
	if fields == nil { // it was null
		fields = members{}
	}
	if err := change(fields); err != nil {
		return nil, err
	}
	return plain(fields)
}

// plain writes JSON without the escapes that only HTML needs.
func plain(value any) ([]byte, error) {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(written.Bytes(), []byte("\n")), err
}

// edit changes the object that a member is.
func (m members) edit(name string, change func(members) error) (err error) {
	m[name], err = edit(m[name], change)
	return err
}

// append adds an element to the array that a member is.
func (m members) append(name string, element any) error {
	var elements []json.RawMessage
	if raw := m[name]; len(raw) > 0 {
		if err := json.Unmarshal(raw, &elements); err != nil {
			return err
		}
	}
	added, err := plain(element)
	if err != nil {
		return err
	}
	m[name], err = plain(append(elements, added))
	return err
}

func (m members) set(values map[string]any) (err error) {
	for name, value := range values {
		if m[name], err = plain(value); err != nil {
			return err
		}
	}
	return nil
}
