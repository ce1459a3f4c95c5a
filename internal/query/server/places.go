// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
)

// place is a digest in a TrustedImage that the caller may see, or one that has no digest yet.
type place struct {
	query.Image
	platforms []platform
	// judged says that the status counts findings: the inventory of every platform was complete and was matched.
	judged bool
}

// platform is one of a digest; its name is empty where the status has none.
type platform struct {
	manifest image.Digest
	name     string
}

// places are those in which a caller looks, in the order of an answer.
type places []place

func namespacesOf(images []v1alpha1.TrustedImage) []string {
	seen := map[string]struct{}{}
	var namespaces []string
	for i := range images {
		namespace := images[i].Namespace
		if _, known := seen[namespace]; !known {
			seen[namespace] = struct{}{}
			namespaces = append(namespaces, namespace)
		}
	}
	return namespaces
}

// placesOf returns the digests in the images of the namespaces that are visible. An image of a registry without any is a
// place of which nothing is known. One that waits for its upstream has nothing that is not in the upstream. The images are only read.
func placesOf(images []v1alpha1.TrustedImage, visible map[string]bool) places {
	var of places
	for i := range images {
		object := &images[i]
		if !visible[object.Namespace] {
			continue
		}
		before := len(of)
		add := func(standing query.Standing, p place, repository string, digest v1alpha1.DigestString) {
			p.Image = query.Image{Namespace: object.Namespace, Name: object.Name, Standing: standing, Reference: repository + "@" + string(digest)}
			of = append(of, p)
		}
		if t := object.Status.Trusted; t != nil {
			add(query.Trusted, trustedPlace(t), t.Repository, t.Digest)
		}
		if c := object.Status.Candidate; c != nil {
			add(query.Candidate, place{platforms: manifests(c.Digest, nil, c.Reports), judged: c.Findings != nil}, c.Repository, c.Digest)
		}
		for h := range object.Status.History {
			t := &object.Status.History[h]
			add(query.History, trustedPlace(t), t.Repository, t.Digest)
		}
		if len(of) == before && object.Spec.Source.Registry != nil {
			of = append(of, place{Image: query.Image{Namespace: object.Namespace, Name: object.Name}})
		}
	}
	slices.SortStableFunc(of, func(a, b place) int { // Within an object they are in their order already.
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return of
}

func trustedPlace(t *v1alpha1.TrustedDigest) place {
	return place{platforms: manifests(t.Digest, t.Platforms, t.Reports), judged: t.Findings != nil}
}

// manifests are those of a digest's platforms: what the platforms say, else what reports were written about, else the digest
// itself, which is right for an image that is no index.
func manifests(digest v1alpha1.DigestString, platforms []v1alpha1.PlatformDigest, reports []v1alpha1.ReportReference) []platform {
	var found []platform
	add := func(text v1alpha1.DigestString, name string) {
		parsed, err := image.ParseDigest(string(text))
		if p := (platform{parsed, name}); err == nil && !slices.Contains(found, p) { // The API lets nothing else in.
			found = append(found, p)
		}
	}
	for _, p := range platforms {
		add(p.Digest, string(p.Platform))
	}
	if len(found) == 0 {
		for _, r := range reports {
			add(r.Subject, "")
		}
	}
	if len(found) == 0 {
		add(digest, "")
	}
	return found
}

// manifests are those of all places, each once, in their order.
func (of places) manifests() []image.Digest {
	seen := make(map[image.Digest]struct{}, len(of))
	var all []image.Digest
	for i := range of {
		for _, p := range of[i].platforms {
			if _, again := seen[p.manifest]; !again {
				seen[p.manifest] = struct{}{}
				all = append(all, p.manifest)
			}
		}
	}
	return all
}
