// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import "iter"

// Pod is a Pod as far as it names images.
type Pod struct {
	Spec *PodSpec `json:"spec"`
}

// PodSpec has every field of a Pod's spec that names an image. A test compares it with the Kubernetes API.
type PodSpec struct {
	InitContainers      []Container `json:"initContainers"`
	Containers          []Container `json:"containers"`
	EphemeralContainers []Container `json:"ephemeralContainers"`
	Volumes             []Volume    `json:"volumes"`
}

// Container of any kind.
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

// Volume whose content may be an image.
type Volume struct {
	Name  string `json:"name"`
	Image *struct {
		Reference string `json:"reference"`
	} `json:"image"`
}

// place is where in a Pod an image is used: "container", "init container", "ephemeral container" or "volume", and its name.
type place struct{ kind, name string }

func (p place) String() string { return p.kind + " " + p.name }

// images yields every place in the Pod that uses an image, with the image as it is written there. A volume without an image
// is no such place; a container without one is.
func (s *PodSpec) images() iter.Seq2[place, string] {
	return func(yield func(place, string) bool) {
		for _, list := range []struct {
			kind       string
			containers []Container
		}{
			{"init container", s.InitContainers},
			{"container", s.Containers},
			{"ephemeral container", s.EphemeralContainers},
		} {
			for _, c := range list.containers {
				if !yield(place{list.kind, c.Name}, c.Image) {
					return
				}
			}
		}
		for _, v := range s.Volumes {
			if v.Image != nil && !yield(place{"volume", v.Name}, v.Image.Reference) {
				return
			}
		}
	}
}

// had says that the Pod, which may be nil, used the same image in the same place.
func (p *Pod) had(where place, image string) bool {
	if p == nil || p.Spec == nil {
		return false
	}
	for w, i := range p.Spec.images() {
		if w == where {
			return i == image
		}
	}
	return false
}
