// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kill_test kills assay-controller with SIGKILL before and after each of its effects, and while it writes a file, and
// starts it again: the story must always end the same.
//
// An effect is whatever the controller leaves outside of its own memory: a write to the API server, a push to the registry, a file
// of the evidence store. Effects are observed from outside, at a gateway before the API server, by the registry's hooks and
// by inotify; the program is the one that ships. How many statuses and events are written depends a little on timing, so that an
// effect of the clean run may not come in another one; such rounds are counted apart.
package kill_test

import (
	"path/filepath"
	"sync"
	"testing"
)

// waiting is how many children of the indexer may wait for the next image.
const waiting = 2

// arenas is how many rounds run at a time at most.
const arenas = 2

func TestKilledAtEveryEffect(t *testing.T) {
	f := newFixture(t)
	free := make(chan *arena, arenas)
	for range arenas {
		free <- newArena(t)
	}
	effects := cleanRun(t, f, free)
	t.Logf("n = %d external effects in a clean run", len(effects))
	for k, e := range effects {
		t.Logf("%3d %s", k+1, e)
	}
	var s sum
	t.Run("rounds", func(t *testing.T) {
		for _, e := range effects {
			for _, after := range []bool{false, true} {
				target := moment{effect: e, after: after}
				t.Run(target.String(), func(t *testing.T) {
					t.Parallel()
					s.add(killedRun(t, f, take(t, free), target))
				})
			}
		}
	})
	t.Logf("%d kills: %d left a file of the store half written, %d came after the inventory was stored; %d rounds ended before their effect came",
		s.kills, s.halfWritten, s.indexed, s.missed)
	if s.halfWritten == 0 || s.indexed == 0 || s.kills < 2*len(effects)*3/4 {
		t.Error("too few kills hit what they were meant for: the test shows nothing")
	}
}

// take takes an arena until the test has ended and cleaned up.
func take(t *testing.T, free chan *arena) *arena {
	t.Helper()
	a := <-free
	t.Cleanup(func() { free <- a })
	return a
}

// cleanRun tells the story without a kill and returns the effects.
func cleanRun(t *testing.T, f *fixture, free chan *arena) (effects []effect) {
	t.Helper()
	t.Run("nobody is killed", func(t *testing.T) {
		r := newRound(t, f, take(t, free), nil)
		life := r.live("only life")
		r.endsWell(life)
		effects = r.meter.counted()
		r.checkAttached()
		if pulls := r.pulls(); pulls != 1 {
			t.Errorf("the image was indexed %d times", pulls)
		}
		check(t, life.Kill())
	})
	if t.Failed() {
		t.FailNow()
	}
	return effects
}

// killedRun tells the story with one kill and a new start.
func killedRun(t *testing.T, f *fixture, a *arena, target moment) (found *atDeath) {
	t.Helper()
	r := newRound(t, f, a, &target)
	life := r.live("first life")
	r.first <- life
	if r.endsWell(life) {
		t.Log("the story ended before this effect came")
		check(t, life.Kill())
	} else {
		state := r.look()
		found = &state
	}
	before := r.look()
	r.count(nil)
	life = r.live("second life")
	r.endsWell(life)
	check(t, life.Kill())

	r.checkAttached()
	again := r.pulls() - before.pulls
	if before.inventory && again > 0 {
		t.Errorf("the image was indexed again %d times after its inventory was stored", again)
	}
	if before.pulls > 1 || again > 1 {
		t.Errorf("the image was indexed %d times before and %d times after the kill", before.pulls, again)
	}
	if n := leftovers(t, r.store()); n > 0 {
		t.Errorf("%d half-written files are left", n)
	}
	// The children of one image wait for the next, each with an empty folder.
	folders, left := must(filepath.Glob(filepath.Join(r.dir, "data", "scratch", "*")))(t), must(filepath.Glob(filepath.Join(r.dir, "data", "scratch", "*", "*")))(t)
	if len(folders) > waiting || len(left) > 0 {
		t.Errorf("scratch files are left: %v %v", folders, left)
	}
	return found
}

// sum adds up what rounds found.
type sum struct {
	mu                                  sync.Mutex
	kills, missed, halfWritten, indexed int
}

func (s *sum) add(found *atDeath) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found == nil {
		s.missed++
		return
	}
	s.kills++
	if found.halfWritten > 0 {
		s.halfWritten++
	}
	if found.inventory {
		s.indexed++
	}
}
