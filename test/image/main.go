// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command image writes the container image that the Dockerfile describes as an
// OCI layout, without Docker. The same programs give the same digest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

func main() {
	var b builder
	flag.StringVar(&b.programs, "programs", "bin", "the folder with the programs")
	flag.StringVar(&b.certificates, "certificates", "bin/ca-certificates.crt", "the root certificates, as PEM")
	flag.StringVar(&b.version, "version", "dev", "the version, for the labels")
	output := flag.String("output", "bin/image", "the folder to write, replaced if it exists")
	flag.Parse()

	if err := run(context.Background(), b, *output); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, b builder, output string) error {
	b.revision = revision(ctx)
	image, err := b.build()
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	if err := write(image, output, b.version); err != nil {
		return err
	}
	fmt.Printf("%s  %s\n", digest, output)
	return nil
}

// revision is the commit that is built, or empty outside a Git repository.
func revision(ctx context.Context) string {
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(commit))
}

// write puts the image into a new layout, under its version as the name.
func write(image v1.Image, output, version string) error {
	if err := os.RemoveAll(output); err != nil {
		return err
	}
	path, err := layout.Write(output, empty.Index)
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	if config.Platform() == nil {
		return errors.New("the image has no platform")
	}
	return path.AppendImage(image, layout.WithPlatform(*config.Platform()),
		layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": version}))
}
