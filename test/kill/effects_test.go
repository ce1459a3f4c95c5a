// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kill_test

import (
	"fmt"
	"sync"
)

// effect is one thing that the controller does to the world outside of its memory, named by what it is and by how manyth of
// its like it is.
type effect struct {
	what   string
	number int
}

func (e effect) String() string { return fmt.Sprintf("%s #%d", e.what, e.number) }

// moment is when the controller is killed: before the effect takes place, or after, while the controller does not know yet.
type moment struct {
	effect effect
	after  bool
}

func (m moment) String() string {
	if m.after {
		return "after " + m.effect.String()
	}
	return "before " + m.effect.String()
}

// meter counts the effects of one life of the controller and ends it at the moment given.
type meter struct {
	target *moment // nil to count only
	kill   func()  // returns when the controller is gone

	mu      sync.Mutex
	numbers map[string]int
	effects []effect
	dead    bool
}

func newMeter(target *moment, kill func()) *meter {
	return &meter{target: target, kill: kill, numbers: map[string]int{}}
}

// begin says that an effect is about to take place. ok is false when it must not, because the controller is dead.
func (m *meter) begin(what string) (e effect, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return effect{}, false
	}
	m.numbers[what]++
	e = effect{what, m.numbers[what]}
	m.effects = append(m.effects, e)
	m.killIf(moment{effect: e})
	return e, !m.dead
}

// end says that an effect has taken place and that the controller was not told.
func (m *meter) end(e effect) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.killIf(moment{effect: e, after: true})
}

// killIf is called with the mutex held, so that nothing else takes place until the controller is gone.
func (m *meter) killIf(now moment) {
	if m.target != nil && !m.dead && *m.target == now {
		m.kill()
		m.dead = true
	}
}

// counted are the effects so far, in their order.
func (m *meter) counted() []effect {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]effect(nil), m.effects...)
}

// killed says whether the moment has come.
func (m *meter) killed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}
