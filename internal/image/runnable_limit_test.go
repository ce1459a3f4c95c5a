// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/assay-dev/assay/internal/image"
)

func TestRunnableTakesNoMorePlatformsThanAStatusHas(t *testing.T) {
	index := func(children int) *image.Index {
		x := &image.Index{}
		for i := range children {
			x.Manifests = append(x.Manifests, image.Descriptor{
				MediaType: image.MediaTypeManifest,
				Digest:    image.DigestOf(fmt.Append(nil, i)),
				Platform:  &image.Platform{OS: "linux", Architecture: fmt.Sprintf("arch%d", i)},
			})
		}
		return x
	}
	if children, err := index(image.MaxPlatforms).Runnable(nil); err != nil || len(children) != image.MaxPlatforms {
		t.Errorf("got %d children, %v", len(children), err)
	}
	if _, err := index(image.MaxPlatforms + 1).Runnable(nil); !errors.Is(err, image.ErrOverLimit) {
		t.Errorf("one platform too many: %v", err)
	}
}
