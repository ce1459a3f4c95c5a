// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kill_test

import (
	"net/http"
	"sync"

	"github.com/assay-dev/assay/test/registry"
)

// pushes shows what is pushed to a registry to a meter. That an upload begins is no effect: nothing can be read back of it.
type pushes struct {
	mu    sync.Mutex
	meter *meter            // nil while nothing is counted
	begun map[string]effect // by path
}

func (p *pushes) count(m *meter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meter, p.begun = m, map[string]effect{}
}

// before is the registry's hook ahead of a request.
func (p *pushes) before(r registry.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.meter == nil || r.Method != http.MethodPut {
		return
	}
	what := "PUT manifest"
	if r.Kind == registry.Upload {
		what = "PUT blob"
	}
	e, ok := p.meter.begin(what)
	if !ok {
		panic(http.ErrAbortHandler) // the client is dead
	}
	p.begun[r.Path] = e
}

// after is the registry's hook when a request has taken effect.
func (p *pushes) after(r registry.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.begun[r.Path]; ok {
		delete(p.begun, r.Path)
		p.meter.end(e)
	}
}
