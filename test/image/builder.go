// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/buildinfo"
	"fmt"
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What the Dockerfile says in its last stage.
const (
	programFolder   = "usr/local/bin"
	certificateFile = "etc/ssl/certs/ca-certificates.crt"
	entrypoint      = "/usr/local/bin/assay-controller"
	user            = "65532:65532"
	searchPath      = "PATH=/usr/local/bin"
)

// programs returns the names of the programs in the image, a layer each: one
// that a release does not change is not pulled again.
func programs() []string {
	return []string{"assay-index", "assay", "assay-controller", "assay-kms", "assay-webhook", "kubectl-assay"}
}

// builder builds the image from files that are there.
type builder struct {
	programs     string // folder
	certificates string // file
	version      string
	revision     string // empty if unknown
}

func (b builder) build() (v1.Image, error) {
	platform, err := b.platform()
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	layers, err := b.layers()
	if err != nil {
		return nil, err
	}
	if image, err = mutate.Append(image, layers...); err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = platform.OS, platform.Architecture
	config.Config = v1.Config{
		Entrypoint: []string{entrypoint}, Env: []string{searchPath}, User: user, WorkingDir: "/", Labels: b.labels(),
	}
	return mutate.ConfigFile(image, config)
}

// platform is the one that the programs were built for. It refuses programs
// that need a C library: the image has none.
func (b builder) platform() (v1.Platform, error) {
	var platform v1.Platform
	for _, name := range programs() {
		info, err := buildinfo.ReadFile(filepath.Join(b.programs, name))
		if err != nil {
			return platform, err
		}
		settings := map[string]string{}
		for _, setting := range info.Settings {
			settings[setting.Key] = setting.Value
		}
		if settings["CGO_ENABLED"] != "0" {
			return platform, fmt.Errorf("%s is not static: build it with CGO_ENABLED=0", name)
		}
		built := v1.Platform{OS: settings["GOOS"], Architecture: settings["GOARCH"]}
		if platform.OS != "" && !platform.Equals(built) {
			return platform, fmt.Errorf("%s is built for %s, others for %s", name, built, platform)
		}
		platform = built
	}
	return platform, nil
}

// layers returns the certificates and each program as a layer of its own.
func (b builder) layers() ([]mutate.Addendum, error) {
	files := []file{{from: b.certificates, to: certificateFile, mode: 0o644}}
	for _, name := range programs() {
		files = append(files, file{from: filepath.Join(b.programs, name), to: path.Join(programFolder, name), mode: 0o755})
	}
	var layers []mutate.Addendum
	for _, f := range files {
		layer, err := tarball.LayerFromOpener(f.open, tarball.WithCompressedCaching, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		layers = append(layers, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "COPY " + f.to}})
	}
	return layers, nil
}

func (b builder) labels() map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       "assay",
		"org.opencontainers.image.description": "Tests container images and promotes those that pass from one environment to the next",
		"org.opencontainers.image.source":      "https://github.com/assay-dev/assay",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     b.version,
	}
	if b.revision != "" {
		labels["org.opencontainers.image.revision"] = b.revision
	}
	return labels
}
