// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package roster

import (
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// Use is what the judgement of one object used of one policy.
type Use struct {
	// Policy as namespace/name, or name for a cluster-wide one, and the generation that was applied.
	Policy     string
	Generation int64
	// Exceptions that excused a finding.
	Exceptions []v1alpha1.ExceptionReference
}

// Judged notes how the object was judged, and returns the policies whose use is another than before. open says that a rule could not
// be decided, or that something is not known of the findings, so that another edition of a database or a feed may change the result
// though no finding changes. uses has an entry for each policy that spoke of the object's images; nil leaves them as they were.
func (r *Roster) Judged(name types.NamespacedName, open bool, uses []Use) (changed []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.object(name)
	o.open = open
	if uses == nil {
		return nil
	}
	for _, use := range uses {
		if was, there := o.use(use.Policy); !there || !reflect.DeepEqual(was, use) {
			changed = append(changed, use.Policy)
		}
	}
	for _, was := range o.uses {
		if !slices.ContainsFunc(uses, func(use Use) bool { return use.Policy == was.Policy }) {
			changed = append(changed, was.Policy)
		}
	}
	o.uses = slices.Clip(uses)
	return changed
}

// Open returns the objects whose last judgement was open.
func (r *Roster) Open() []types.NamespacedName {
	return r.which(func(o *object) bool { return o.open })
}

// Use returns what the object's judgement used of the policy, and false when the object was not judged under it.
func (r *Roster) Use(name types.NamespacedName, policy string) (Use, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, there := r.objects[name]
	if !there {
		return Use{}, false
	}
	return o.use(policy)
}

func (o *object) use(policy string) (Use, bool) {
	at := slices.IndexFunc(o.uses, func(use Use) bool { return use.Policy == policy })
	if at < 0 {
		return Use{}, false
	}
	return o.uses[at], true
}
