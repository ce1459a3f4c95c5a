// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy/scope"
)

// imagePolicy is what is needed of an ImagePolicy or a ClusterImagePolicy: of which images it speaks, and how strictly.
type imagePolicy struct {
	Spec struct {
		Namespaces []v1alpha1.NamespacePattern `json:"namespaces"`
		Images     []v1alpha1.ImagePattern     `json:"images"`
		Admission  *v1alpha1.AdmissionRules    `json:"admission"`
	} `json:"spec"`
}

// everywhere is the pattern of every namespace.
const everywhere = v1alpha1.NamespacePattern("*")

// policies holds all policies of both kinds.
type policies struct {
	log *slog.Logger

	mu     sync.Mutex
	known  map[types.NamespacedName]scope.Scope // cluster-wide ones without a namespace
	filled [2]atomic.Bool                       // by kindOfPolicy

	all atomic.Pointer[[]scope.Scope]
}

// snapshot returns all policies. Nobody may change what it returns.
func (p *policies) snapshot() []scope.Scope {
	if all := p.all.Load(); all != nil {
		return *all
	}
	return nil
}

// loaded says that the policies of both kinds are known.
func (p *policies) loaded() bool { return p.filled[namespaced].Load() && p.filled[clusterWide].Load() }

// change changes the known policies and publishes them.
func (p *policies) change(by func(known map[types.NamespacedName]scope.Scope)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[types.NamespacedName]scope.Scope{}
	}
	by(p.known)
	all := slices.Collect(maps.Values(p.known))
	p.all.Store(&all)
}

// kindOfPolicy is one of the two kinds.
type kindOfPolicy int

const (
	namespaced kindOfPolicy = iota
	clusterWide
)

// policiesOf feeds the policies of one kind.
type policiesOf struct {
	*policies
	kind kindOfPolicy
}

func (p policiesOf) set(o *object[imagePolicy]) {
	p.change(func(known map[types.NamespacedName]scope.Scope) { known[o.key()] = p.scope(o) })
}

func (p policiesOf) remove(o *object[imagePolicy]) {
	p.change(func(known map[types.NamespacedName]scope.Scope) { delete(known, o.key()) })
}

func (p policiesOf) replace(all []*object[imagePolicy]) {
	p.change(func(known map[types.NamespacedName]scope.Scope) {
		maps.DeleteFunc(known, func(key types.NamespacedName, _ scope.Scope) bool {
			return (key.Namespace == "") == (p.kind == clusterWide)
		})
		for _, o := range all {
			known[o.key()] = p.scope(o)
		}
	})
	p.filled[p.kind].Store(true)
}

// scope returns where the policy holds. One that cannot be decoded speaks of every image, and enforces.
func (p policiesOf) scope(o *object[imagePolicy]) scope.Scope {
	spec := o.content.Spec
	if o.err != nil {
		p.log.Warn("a policy cannot be decoded and is taken for one that enforces on every image", "object", o.key(), "error", o.err)
		spec.Namespaces = []v1alpha1.NamespacePattern{everywhere}
	}
	if p.kind == clusterWide {
		return scope.Scope{Name: o.Name, Namespaces: spec.Namespaces, Images: spec.Images, Admission: spec.Admission}
	}
	return scope.Scope{Name: o.key().String(), Namespace: o.Namespace, Images: spec.Images, Admission: spec.Admission}
}
