// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ecdsa"
	"runtime"
	"sync"
	"unique"

	"github.com/assay-dev/assay/internal/image"
)

// Index is the trust index: what may run in each namespace. It is fed with what stands in TrustedImages and believes only
// entries that carry a valid signature, which it checks when they arrive and when the keys change, never when it is asked.
// It is safe for concurrent use; the zero value is empty, knows no key and is not loaded.
type Index struct {
	// changing is held by whoever changes the index, also while signatures are verified. Readers do not wait for it.
	changing sync.Mutex
	keys     []*ecdsa.PublicKey

	mu           sync.RWMutex
	environments map[string]*environment
	filled       bool
	keyed        bool
}

// environment is one namespace.
type environment struct {
	passports map[string]*passport
	// speakers are the passports that speak of a repository. Those that speak of none yet stand under the zero one.
	speakers map[unique.Handle[image.Repository]][]*passport
}

// SetKeys replaces the public halves of the seal key and verifies everything anew.
func (x *Index) SetKeys(keys []*ecdsa.PublicKey) {
	x.changing.Lock()
	defer x.changing.Unlock()
	x.keys = keys
	environments := x.verified(x.all())
	x.mu.Lock()
	defer x.mu.Unlock()
	x.environments, x.keyed = environments, true
}

// Replace replaces all passports by those given.
func (x *Index) Replace(passports []Passport) {
	x.changing.Lock()
	defer x.changing.Unlock()
	compacted := make([]*passport, len(passports))
	for i, p := range passports {
		compacted[i] = compact(p)
		compacted[i].adopt(x.find(p.Namespace, p.Name))
	}
	environments := x.verified(compacted)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.environments, x.filled = environments, true
}

// Set puts one passport in the place of the one with the same namespace and name.
func (x *Index) Set(p Passport) {
	x.changing.Lock()
	defer x.changing.Unlock()
	added := compact(p)
	added.adopt(x.find(p.Namespace, p.Name))
	added.verify(x.keys)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.environments == nil {
		x.environments = map[string]*environment{}
	}
	remove(x.environments, p.Namespace, p.Name)
	insert(x.environments, added)
}

// Delete removes a passport, and with it the trust that it gave.
func (x *Index) Delete(namespace, name string) {
	x.changing.Lock()
	defer x.changing.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	remove(x.environments, namespace, name)
}

// Loaded says that the passports and the keys are known. Until then nothing is admissible for a reason that is not the image's.
func (x *Index) Loaded() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.filled && x.keyed
}

// Len returns the number of passports.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n := 0
	for _, e := range x.environments {
		n += len(e.passports)
	}
	return n
}

// Admissible says that the image may run in the namespace: its digest, or the platform of an index that it is, is in
// an entry with a valid signature.
func (x *Index) Admissible(namespace string, reference image.Reference) bool {
	repository := unique.Make(reference.Repository)
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.environments[namespace]
	if e == nil {
		return false
	}
	for _, p := range e.speakers[repository] {
		if found := p.entry(repository, reference.Digest); found != nil && found.verified {
			return true
		}
	}
	return false
}

// find returns the passport, nil if there is none. Only who changes the index may call it.
func (x *Index) find(namespace, name string) *passport {
	if e := x.environments[namespace]; e != nil {
		return e.passports[name]
	}
	return nil
}

// all returns copies of all passports with nothing verified. Only who changes the index may call it.
func (x *Index) all() []*passport {
	var copies []*passport
	for _, e := range x.environments {
		for _, p := range e.passports {
			copies = append(copies, p.unverified())
		}
	}
	return copies
}

// verified verifies the passports on all processors and arranges them.
func (x *Index) verified(passports []*passport) map[string]*environment {
	var running sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for first := range workers {
		running.Go(func() {
			for i := first; i < len(passports); i += workers {
				passports[i].verify(x.keys)
			}
		})
	}
	running.Wait()
	environments := map[string]*environment{}
	for _, p := range passports {
		insert(environments, p)
	}
	return environments
}

func insert(environments map[string]*environment, p *passport) {
	e := environments[p.namespace]
	if e == nil {
		e = &environment{passports: map[string]*passport{}, speakers: map[unique.Handle[image.Repository]][]*passport{}}
		environments[p.namespace] = e
	}
	e.passports[p.name] = p
	for _, repository := range p.repositories() {
		e.speakers[repository] = append(e.speakers[repository], p)
	}
}

func remove(environments map[string]*environment, namespace, name string) {
	e := environments[namespace]
	if e == nil || e.passports[name] == nil {
		return
	}
	p := e.passports[name]
	for _, repository := range p.repositories() {
		rest := without(e.speakers[repository], p)
		if len(rest) == 0 {
			delete(e.speakers, repository)
		} else {
			e.speakers[repository] = rest
		}
	}
	delete(e.passports, name)
	if len(e.passports) == 0 {
		delete(environments, namespace)
	}
}

func without(passports []*passport, p *passport) []*passport {
	rest := make([]*passport, 0, len(passports))
	for _, other := range passports {
		if other != p {
			rest = append(rest, other)
		}
	}
	return rest
}
