// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
)

// maxListed bounds each list of a Pod while it is decoded: an element may be much longer in memory than as text.
const maxListed = 8 * maxImages

// Pod is a Pod as far as it names images.
type Pod struct {
	Spec *PodSpec `json:"spec"`
}

// PodSpec has every field of a Pod's spec that names an image. A test compares it with the Kubernetes API.
type PodSpec struct {
	InitContainers      list[Container] `json:"initContainers"`
	Containers          list[Container] `json:"containers"`
	EphemeralContainers list[Container] `json:"ephemeralContainers"`
	Volumes             list[Volume]    `json:"volumes"`
}

// list is a list of a Pod that is refused when it is longer than maxListed.
type list[T any] []T

// UnmarshalJSON decodes a long text one element after the other, until there are too many.
func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	if len(raw) <= 2*maxListed { // too short for too many, and faster at once
		return json.Unmarshal(raw, (*[]T)(l))
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	opening, err := decoder.Token()
	if err != nil || opening == nil { // null is a list without elements
		return err
	}
	if opening != json.Delim('[') {
		return errors.New("want a list")
	}
	for decoder.More() {
		if len(*l) == maxListed {
			return errors.New("the list is too long")
		}
		var element T
		if err := decoder.Decode(&element); err != nil {
			return err
		}
		*l = append(*l, element)
	}
	return nil
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
