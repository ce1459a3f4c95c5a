// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// TestAChildThatDiedWhileItWaitedIsReplaced has all of them die.
func TestAChildThatDiedWhileItWaitedIsReplaced(t *testing.T) {
	x := newIndexer(t, "good", Options{})
	for _, waiting := range x.spares.waiting {
		c := <-waiting
		if err := c.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-c.gone
		waiting <- c
	}
	if _, err := x.Index(t.Context(), sourceOf("layer")); err != nil {
		t.Error(err)
	}
}

// TestChildrenForTheNextImageAreStartedInTheCalm looks at images that come one after the other.
func TestChildrenForTheNextImageAreStartedInTheCalm(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	x := newIndexer(t, "good", Options{Clock: clock})
	spares := func() int {
		x.spares.mu.Lock()
		defer x.spares.mu.Unlock()
		return len(x.spares.waiting)
	}
	want := func(when string, want int) {
		t.Helper()
		if got := spares(); got != want {
			t.Errorf("%s: %d children wait, want %d", when, got, want)
		}
	}
	want("at first", atOnce())
	for range children { // which take all that wait
		if _, err := x.Index(t.Context(), sourceOf("layer")); err != nil {
			t.Fatal(err)
		}
		clock.Step(calm / 2)
	}
	want("while images come", 0)
	clock.Step(calm / 4)
	want("a little later", 0)
	clock.Step(calm / 4)
	want("in the calm", atOnce())
}
