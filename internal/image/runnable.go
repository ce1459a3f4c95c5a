// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"fmt"
	"slices"
)

// MaxPlatforms bounds how many images of one index can run. A status has room for as many.
const MaxPlatforms = 16

// referenceType marks the children of an index that BuildKit puts there for its attestations.
const referenceType = "vnd.docker.reference.type"

// Runnable returns the children of an index that a container could be started from, in the index's order. With wanted,
// only those that a wanted platform selects; every one of them must be there.
//
// What a runtime could start must not escape the look into it, so that doubt is refused rather than left out:
//   - only a child for unknown/unknown, which no runtime selects, is dropped as an attestation. One that is marked as an
//     attestation and states a real platform is refused;
//   - a child that states no platform, or half of one, is refused: runtimes take it for their own (containerd);
//   - nested indexes and children that are no image manifests are refused;
//   - of several children for one platform (Windows versions) all are returned, since which one runs is the runtime's choice.
//     The same child twice counts once.
//
// The error wraps ErrNoRunnablePlatform, ErrUnsupported, ErrOverLimit or ErrMalformed.
func (x *Index) Runnable(wanted []Platform) ([]Descriptor, error) {
	var children []Descriptor
	for i, child := range x.Manifests {
		runnable, err := child.runnable()
		if err != nil {
			return nil, fmt.Errorf("index: child %d: %w", i, err)
		}
		if runnable && !contains(children, child) {
			children = append(children, child)
		}
	}
	if len(children) == 0 {
		return nil, fmt.Errorf("%w: the index has no image that can run", ErrNoRunnablePlatform)
	}
	if len(children) > MaxPlatforms {
		return nil, fmt.Errorf("%w: the index has %d images that can run, at most %d are taken", ErrOverLimit, len(children), MaxPlatforms)
	}
	if len(wanted) == 0 {
		return children, nil
	}
	return restrict(children, wanted)
}

// runnable says whether a child of an index can be started from.
func (d Descriptor) runnable() (bool, error) {
	_, marked := d.Annotations[referenceType]
	switch {
	case d.Platform == nil:
		return false, fmt.Errorf("%w: it states no platform; build the index anew such that every child states its own", ErrUnsupported)
	case d.Platform.OS == unknown && d.Platform.Architecture == unknown:
		return false, nil
	case !d.Platform.Runnable():
		return false, fmt.Errorf("%w: its platform %s is incomplete; build the index anew such that every child states its own",
			ErrUnsupported, d.Platform)
	case marked:
		return false, fmt.Errorf("%w: marked as an attestation, and for the platform %s", ErrMalformed, d.Platform)
	case d.MediaType == MediaTypeIndex || d.MediaType == MediaTypeDockerList:
		return false, fmt.Errorf("%w: an index within an index; push an index of images", ErrUnsupported)
	case d.MediaType != MediaTypeManifest && d.MediaType != MediaTypeDockerManifest:
		return false, fmt.Errorf("%w: its media type %.80q is not that of an image", ErrUnsupported, d.MediaType)
	}
	return true, nil
}

func contains(children []Descriptor, child Descriptor) bool {
	return slices.ContainsFunc(children, func(c Descriptor) bool {
		return c.Digest == child.Digest && *c.Platform == *child.Platform
	})
}

// restrict keeps the children that a wanted platform selects.
func restrict(children []Descriptor, wanted []Platform) ([]Descriptor, error) {
	for _, platform := range wanted {
		if !slices.ContainsFunc(children, func(c Descriptor) bool { return platform.Selects(*c.Platform) }) {
			return nil, fmt.Errorf("%w: the index has no image for %.64s", ErrNoRunnablePlatform, platform)
		}
	}
	var selected []Descriptor
	for _, child := range children {
		if slices.ContainsFunc(wanted, func(p Platform) bool { return p.Selects(*child.Platform) }) {
			selected = append(selected, child)
		}
	}
	return selected, nil
}
