// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kill_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/test/process"
	"github.com/assay-dev/assay/test/registry"
)

// round is the story told once: an installation, an image, its way to prod, and a controller that is killed on the way.
type round struct {
	t        *testing.T
	fixture  *fixture
	arena    *arena
	dir      string // the controller's data, kept from one of its lives to the next
	registry *registry.Registry
	pushes   *pushes
	meter    *meter
	lives    *process.Group
	first    chan *process.Process // the first life
}

// newRound sets the scene. The controller will be killed at the moment given, or never.
func newRound(t *testing.T, f *fixture, a *arena, target *moment) *round {
	t.Helper()
	r := &round{t: t, fixture: f, arena: a, dir: t.TempDir(), pushes: &pushes{}, first: make(chan *process.Process, 1)}
	r.meter = newMeter(target, func() {
		if err := (<-r.first).Kill(); err != nil {
			t.Error(err)
		}
	})
	r.lives = must(process.NewGroup(filepath.Join(r.dir, "logs")))(t)
	t.Cleanup(func() { check(t, r.lives.Stop(t.Context())) }) // the context is done: whatever still runs is killed

	a.reset(t)
	a.apply(t, "environments.yaml", f.publicKey)
	a.apply(t, "passports.yaml", f.publicKey)

	r.registry = registry.New(t, registry.WithAddress(a.registry), registry.WithHooks(r.pushes.before, r.pushes.after))
	f.push(t, a.registry)
	r.registry.Forget()

	watchStore(t, r.store(), r.meter)
	r.count(r.meter)
	t.Cleanup(func() {
		r.count(nil)
		if t.Failed() {
			r.logLives()
		}
	})
	return r
}

// count has effects counted from here on; nil ends it.
func (r *round) count(m *meter) {
	r.pushes.count(m)
	r.arena.gateway.meter.Store(m)
}

// logLives puts the ends of the controller's logs into the test's.
func (r *round) logLives() {
	logs, _ := filepath.Glob(filepath.Join(r.dir, "logs", "*.log")) // the pattern is well formed
	for _, log := range logs {
		content, err := os.ReadFile(log)
		r.t.Logf("%s: %v\n%s", filepath.Base(log), err, content[max(0, len(content)-logTail):])
	}
}

// logTail is how many bytes of the end of a log are shown.
const logTail = 4096

func (r *round) store() string { return filepath.Join(r.dir, "data", "evidence") }

// live starts the controller.
func (r *round) live(name string) *process.Process {
	r.t.Helper()
	return must(r.lives.Start(process.Spec{
		Name: name,
		Path: filepath.Join(r.fixture.bin, "assay-controller"),
		Args: []string{
			"--kubeconfig=" + r.arena.kubeconfig,
			"--namespace=" + namespace,
			"--data-dir=" + filepath.Join(r.dir, "data"),
			"--indexer=" + filepath.Join(r.fixture.bin, "assay-index"),
			"--database-file=" + r.fixture.database,
			"--kev=" + r.fixture.kev,
			"--insecure-registry=" + r.arena.registry,
			"--allow-address=127.0.0.0/8",
			"--webhook-host=127.0.0.1",
			"--health-probe-bind-address=0",
			"--query-bind-address=0",
		},
		Env: []string{"HOME=" + r.dir}, // nothing of whoever runs the test
	}))(r.t)
}

// atDeath is what the controller left when it was killed.
type atDeath struct {
	halfWritten int  // files of the store
	inventory   bool // whether the image's inventory was stored
	pulls       int  // of the image's layer
}

// look looks at what is there without changing it.
func (r *round) look() atDeath {
	r.t.Helper()
	found := atDeath{halfWritten: leftovers(r.t, r.store()), pulls: r.pulls()}
	copied := filepath.Join(r.t.TempDir(), "evidence")
	check(r.t, os.CopyFS(copied, os.DirFS(r.store())))
	store := must(disk.Open(copied))(r.t)
	defer store.Close() //nolint:errcheck // only read from
	_, err := store.Get(r.t.Context(), must(image.ParseDigest(r.fixture.digest))(r.t), evidence.KindInventory)
	if !errors.Is(err, evidence.ErrNotFound) {
		check(r.t, err)
		found.inventory = true
	}
	return found
}

// pulls is how often the image's layer was asked for, which is once for each time that the image is indexed.
func (r *round) pulls() int {
	return r.registry.Count(registry.Matcher{Method: http.MethodGet, Kind: registry.Blob, Reference: r.fixture.layer})
}

// endsWell waits until the table is what it must be and the registry was not asked for anything for a while. It ends early when the
// controller is killed, and says so.
func (r *round) endsWell(life *process.Process) (ended bool) {
	r.t.Helper()
	const quiet = 10
	deadline := time.After(endTimeout)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for still, requests := 0, -1; ; {
		got := r.arena.table(r.t)
		if now := len(r.registry.Requests()); got != wantTable(r.fixture) || now != requests {
			still, requests = 0, now
		} else if still++; still >= quiet {
			return true
		}
		select {
		case <-tick.C:
		case <-life.Done():
			if r.meter.killed() {
				return false
			}
			r.t.Fatal(life.Err())
		case <-deadline:
			r.t.Fatalf("the story does not end well: got\n%s\nwant\n%s", got, wantTable(r.fixture))
		}
	}
}

// endTimeout bounds a life, which takes about a second on an idle host.
const endTimeout = time.Minute
