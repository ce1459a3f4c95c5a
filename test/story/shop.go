// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/test/images"
)

// The images of the story, without their registry.
const (
	// CheckoutImage is built around Assay's own controller: the modules it was built from are what a scanner finds. It is accepted.
	CheckoutImage = "shop/checkout:1.8"
	// LegacyImage has the packages of Debian 12.1 and runs as root. It is refused.
	LegacyImage = "shop/legacy:2.1"
)

// PushCheckout pushes and signs [CheckoutImage], and returns its digest.
func (w *World) PushCheckout(ctx context.Context) (string, error) {
	image, err := images.Operator(w.bin("assay-controller"), v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err != nil {
		return "", err
	}
	return w.Release(ctx, CheckoutImage, image)
}

// PushLegacy pushes and signs [LegacyImage], and returns its digest.
func (w *World) PushLegacy(ctx context.Context) (string, error) {
	image, err := images.VulnerableDebian()
	if err != nil {
		return "", err
	}
	return w.Release(ctx, LegacyImage, image)
}

// Release pushes an image under repository:tag, signs its digest, and returns it.
func (w *World) Release(ctx context.Context, name string, image images.Pushable) (string, error) {
	defer w.step("push and sign " + name)()
	digest, err := images.Push(ctx, w.Registry+"/"+name, image)
	if err != nil {
		return "", err
	}
	return digest, w.Sign(ctx, w.Reference(name, digest))
}

// Reference names an image of the registry, given as repository:tag, by its digest.
func (w *World) Reference(name, digest string) string {
	return fmt.Sprintf("%s/%s@%s", w.Registry, repositoryOf(name), digest)
}
