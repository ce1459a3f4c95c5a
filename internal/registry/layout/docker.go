// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/assay-dev/assay/internal/image"
)

// Limits of what docker saved.
const (
	maxDockerImages = 256
	maxLayers       = 512
)

// The media types of what docker saves: a layer is a plain tar archive there.
const (
	dockerConfig = "application/vnd.docker.container.image.v1+json"
	dockerLayer  = "application/vnd.docker.image.rootfs.diff.tar"
)

// saved is an image in docker's manifest.json.
type saved struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

// readDocker gives each image that docker saved a manifest of its own, since the archive has none: the digest is not the one
// that the image gets when it is pushed, which depends on how its layers are compressed then.
func (l *Layout) readDocker() error {
	raw, err := l.readFile(dockerFile, image.MaxDocumentSize)
	if err != nil {
		return err
	}
	var images []saved
	if err := json.Unmarshal(raw, &images); err != nil {
		return fmt.Errorf("%s: it is not what docker save writes", dockerFile)
	}
	if len(images) > maxDockerImages {
		return fmt.Errorf("%s: it lists more than %d images", dockerFile, maxDockerImages)
	}
	for _, s := range images {
		document, err := l.manifestOf(s)
		if err != nil {
			return err
		}
		l.documents[document.Digest] = document
		name := ""
		if len(s.RepoTags) > 0 {
			name = s.RepoTags[0]
		}
		l.entries = append(l.entries, entry{
			descriptor: image.Descriptor{MediaType: document.MediaType(), Digest: document.Digest, Size: int64(len(document.Raw))},
			name:       name,
		})
	}
	return nil
}

// descriptor is an image.Descriptor as manifests have it.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

func (l *Layout) manifestOf(s saved) (image.Document, error) {
	if len(s.Layers) > maxLayers {
		return image.Document{}, fmt.Errorf("%s: an image has more than %d layers", dockerFile, maxLayers)
	}
	config, err := l.describe(s.Config, dockerConfig)
	if err != nil {
		return image.Document{}, err
	}
	layers := make([]descriptor, 0, len(s.Layers))
	for _, layer := range s.Layers {
		described, err := l.describe(layer, dockerLayer)
		if err != nil {
			return image.Document{}, err
		}
		layers = append(layers, described)
	}
	raw, err := json.Marshal(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}{2, image.MediaTypeDockerManifest, config, layers})
	if err != nil {
		return image.Document{}, err
	}
	return image.ParseDocument(image.MediaTypeDockerManifest, raw)
}

// describe hashes a file and remembers it by its digest.
func (l *Layout) describe(name, mediaType string) (descriptor, error) {
	name = path.Clean("/" + name)[1:]
	file, size, err := l.files.open(name)
	if err != nil {
		return descriptor{}, errors.New("the archive lacks a file that its " + dockerFile + " names: it is truncated")
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return descriptor{}, err
	}
	digest := image.DigestFromSum([sha256.Size]byte(sum.Sum(nil)))
	l.blobs[digest] = name
	return descriptor{MediaType: mediaType, Digest: digest.String(), Size: size}, nil
}
