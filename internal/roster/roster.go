// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package roster remembers, in memory alone, what the judgements of TrustedImages rested on: which manifests, so that whoever
// uses one can be woken when something is found in it, and which exceptions of policies.
package roster

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/internal/image"
)

// Roster is safe for concurrent use.
type Roster struct {
	mu      sync.Mutex
	objects map[types.NamespacedName]*object
	// users of each manifest.
	users map[image.Digest][]*object
}

// object is one TrustedImage.
type object struct {
	name      types.NamespacedName
	manifests []image.Digest
	open      bool
	jars      bool
	uses      []Use
}

// New returns an empty roster.
func New() *Roster {
	return &Roster{objects: map[types.NamespacedName]*object{}, users: map[image.Digest][]*object{}}
}

// Stand notes that the object's candidate and trusted digests consist of the manifests, and of no others. It comes before they
// are judged, so that whatever is found in them afterwards wakes the object.
func (r *Roster) Stand(name types.NamespacedName, manifests []image.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.object(name)
	for _, manifest := range o.manifests {
		if !slices.Contains(manifests, manifest) {
			r.leave(manifest, o)
		}
	}
	var kept []image.Digest
	for _, manifest := range manifests {
		if slices.Contains(kept, manifest) {
			continue
		}
		kept = append(kept, manifest)
		if !slices.Contains(o.manifests, manifest) {
			r.users[manifest] = append(r.users[manifest], o)
		}
	}
	o.manifests = slices.Clip(kept)
}

// NoteJars notes whether a Java database names anything in what the object stands on, as far as that was gathered.
func (r *Roster) NoteJars(name types.NamespacedName, jars bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.object(name).jars = jars
}

// WithJars returns the objects that stand on something in which a Java database names anything.
func (r *Roster) WithJars() []types.NamespacedName {
	return r.which(func(o *object) bool { return o.jars })
}

// which returns the names of the objects that are wanted.
func (r *Roster) which(wanted func(*object) bool) []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []types.NamespacedName
	for name, o := range r.objects {
		if wanted(o) {
			names = append(names, name)
		}
	}
	return names
}

// Forget forgets an object that is no more, and returns the policies under which it was judged.
func (r *Roster) Forget(name types.NamespacedName) (policies []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, there := r.objects[name]
	if !there {
		return nil
	}
	for _, manifest := range o.manifests {
		r.leave(manifest, o)
	}
	delete(r.objects, name)
	for _, use := range o.uses {
		policies = append(policies, use.Policy)
	}
	return policies
}

// Using returns the objects that stand on any of the manifests, each once.
func (r *Roster) Using(manifests []image.Digest) []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[*object]struct{}{}
	var names []types.NamespacedName
	for _, manifest := range manifests {
		for _, o := range r.users[manifest] {
			if _, seen := found[o]; !seen {
				found[o] = struct{}{}
				names = append(names, o.name)
			}
		}
	}
	return names
}

// Used says that an object stands on the manifest.
func (r *Roster) Used(manifest image.Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.users[manifest]) > 0
}

// Len is the number of objects.
func (r *Roster) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.objects)
}

func (r *Roster) object(name types.NamespacedName) *object {
	o, there := r.objects[name]
	if !there {
		o = &object{name: name}
		r.objects[name] = o
	}
	return o
}

func (r *Roster) leave(manifest image.Digest, o *object) {
	left := slices.DeleteFunc(r.users[manifest], func(user *object) bool { return user == o })
	if len(left) == 0 {
		delete(r.users, manifest)
		return
	}
	r.users[manifest] = left
}
