// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Pushable is an image or an index.
type Pushable interface {
	remote.Taggable
	Digest() (v1.Hash, error)
}

// PushOption says how to reach a registry; the default is without TLS trust of its own and without credentials.
type PushOption = remote.Option

// As pushes with a user and a password.
func As(user, password string) PushOption {
	return remote.WithAuth(&authn.Basic{Username: user, Password: password})
}

// Through pushes over a transport, such as one that trusts the registry's own authority.
func Through(t http.RoundTripper) PushOption { return remote.WithTransport(t) }

// Push writes an image or an index with all that belongs to it, and returns its digest ("sha256:…"). The reference is
// host/repository:tag. Hosts of the loopback are spoken to without TLS unless the transport says otherwise.
func Push(ctx context.Context, reference string, what Pushable, opts ...PushOption) (string, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", fmt.Errorf("push: %w", err)
	}
	digest, err := what.Digest()
	if err != nil {
		return "", fmt.Errorf("push %s: %w", reference, err)
	}
	if err := remote.Push(ref, what, append(opts, remote.WithContext(ctx))...); err != nil {
		return "", fmt.Errorf("push %s: %w", reference, err)
	}
	return digest.String(), nil
}

// PushSaved writes what "cosign save" left in a folder: the image under the tag of the reference, signatures and attestations
// under the tags that cosign derives from its digest. It returns the image's digest.
func PushSaved(ctx context.Context, reference, dir string, opts ...PushOption) (string, error) {
	saved, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", dir, err)
	}
	kinds, err := savedKinds(saved)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", dir, err)
	}
	image := kinds["imageIndex"]
	if image == nil {
		image = kinds["image"]
	}
	if image == nil {
		return "", fmt.Errorf("read %s: there is no image in it", dir)
	}
	digest, err := Push(ctx, reference, image, opts...)
	if err != nil {
		return "", err
	}
	repository := reference[:strings.LastIndex(reference, ":")]
	for kind, suffix := range map[string]string{"sigs": ".sig", "atts": ".att"} {
		if kinds[kind] == nil {
			continue
		}
		if _, err := Push(ctx, repository+":"+strings.Replace(digest, ":", "-", 1)+suffix, kinds[kind], opts...); err != nil {
			return "", err
		}
	}
	return digest, nil
}

// savedKinds finds the parts of a saved image by cosign's annotation: image, imageIndex, sigs, atts.
func savedKinds(saved v1.ImageIndex) (map[string]Pushable, error) {
	m, err := saved.IndexManifest()
	if err != nil {
		return nil, err
	}
	kinds := map[string]Pushable{}
	for _, desc := range m.Manifests {
		var what Pushable
		if desc.MediaType.IsIndex() {
			what, err = saved.ImageIndex(desc.Digest)
		} else {
			what, err = saved.Image(desc.Digest)
		}
		if err != nil {
			return nil, err
		}
		kinds[strings.TrimPrefix(desc.Annotations["kind"], "dev.cosignproject.cosign/")] = what
	}
	return kinds, nil
}
