// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/alarm"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/roster"
	"github.com/assay-dev/assay/internal/signature"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
	"github.com/assay-dev/assay/internal/workpool"
)

// repository of every image in these tests.
const repository = "registry.example.com/shop/checkout"

// world is everything around the reconciler: an API server's objects, one registry, an indexer and a database that say
// what a test tells them, and a real evidence store, seal key and clock.
type world struct {
	t          *testing.T
	api        client.Client
	clock      *clocktesting.FakeClock
	reconciler *Reconciler
	woken      chan types.NamespacedName
	recorder   *events.FakeRecorder
	registry   *fakeRegistry
	findings   *fakeFindings
	catalogue  *fakeCatalogue
	scores     *fakeScores
	chronicle  *fakeChronicle
	alarm      *alarm.Alarm
	store      *disk.Store
	// rung are the objects for which a moment came since the last call of ring.
	rung []types.NamespacedName
}

// morning is when every test begins.
var morning = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(kinds); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{
		t:        t,
		clock:    clocktesting.NewFakeClock(morning),
		recorder: events.NewFakeRecorder(64),
		registry: &fakeRegistry{tags: map[string]image.Document{}, documents: map[image.Digest]image.Document{}, blobs: map[image.Digest][]byte{}, attached: map[image.Digest][]image.Descriptor{}},
		findings: newFindings(morning), catalogue: &fakeCatalogue{}, scores: &fakeScores{}, chronicle: &fakeChronicle{by: map[string]time.Time{}},
		api: fake.NewClientBuilder().WithScheme(kinds).WithObjects(objects...).
			WithStatusSubresource(&v1alpha1.TrustedImage{}).
			WithIndex(&v1alpha1.TrustedImage{}, upstreamIndex, upstreamOf).Build(),
	}
	w.findings.now = w.clock.Now
	w.start(signerfake.NewSigner("seal"), t.TempDir())
	return w
}

// start starts a controller on a disk, as a new process would.
func (w *world) start(signer signature.Signer, folder string) {
	w.t.Helper()
	if w.store != nil {
		_ = w.store.Close()
	}
	store, err := disk.Open(folder)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = store
	w.t.Cleanup(func() { _ = store.Close() })
	w.woken = make(chan types.NamespacedName, 256)
	woken := w.woken
	w.alarm = alarm.New(w.clock)
	pool := workpool.New(2, w.clock, func(_ context.Context, name types.NamespacedName) { woken <- name })
	w.reconciler = &Reconciler{
		Client:     w.api,
		Secrets:    w.api,
		Policies:   &keys.Resolver{Policies: cluster.Policies{Reader: w.api}, Texts: cluster.Texts{Reader: w.api}, Namespace: "assay-system"},
		Registries: w.registry,
		Gatherer: &gather.Gatherer{
			Store: store, Indexer: w.registry, SBOMs: w.registry, Matcher: w.findings, Catalogue: w.catalogue,
			Scores: w.scores, Chronicle: w.chronicle, Finder: w.registry, VEX: w.registry,
		},
		Describer: w.findings,
		Roster:    roster.New(),
		Moments:   w.alarm.Bell(func(_ context.Context, name types.NamespacedName) { w.rung = append(w.rung, name) }),
		Seals:     &Seals{Signer: signer, Store: store, Ledger: store, Attacher: w.registry, Version: "test"},
		Pool:      pool,
		Recorder:  w.recorder,
		Clock:     w.clock,
	}
}

// settle reconciles the objects until no work is under way, and returns the last of them.
func (w *world) settle(names ...types.NamespacedName) *v1alpha1.TrustedImage {
	w.t.Helper()
	for round := 0; ; round++ {
		if round > 50 {
			w.t.Fatal("the objects never come to rest")
		}
		busy := false
		for _, name := range names {
			before := w.get(name).ResourceVersion
			_, _ = w.reconciler.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: name})
			busy = busy || w.get(name).ResourceVersion != before
		}
		busy = w.drain() || busy
		if !busy {
			return w.get(names[len(names)-1])
		}
	}
}

// drain does the work that the reconciler asked for, and says whether it woke anybody.
func (w *world) drain() bool {
	w.reconciler.Pool.Drain(w.t.Context())
	woke := len(w.woken) > 0
	for len(w.woken) > 0 {
		<-w.woken
	}
	return woke
}

// ring rings for whom a moment has come by now, and returns them.
func (w *world) ring() []types.NamespacedName {
	w.rung = nil
	w.alarm.Ring(w.t.Context())
	return w.rung
}

func (w *world) get(name types.NamespacedName) *v1alpha1.TrustedImage {
	w.t.Helper()
	var object v1alpha1.TrustedImage
	if err := w.api.Get(w.t.Context(), name, &object); err != nil {
		w.t.Fatal(err)
	}
	return &object
}

func (w *world) updateStatus(change func(*v1alpha1.TrustedImageStatus), name types.NamespacedName) {
	w.t.Helper()
	object := w.get(name)
	change(&object.Status)
	if err := w.api.Status().Update(w.t.Context(), object); err != nil {
		w.t.Fatal(err)
	}
}

// change changes the object as a user would.
func (w *world) change(name types.NamespacedName, change func(*v1alpha1.TrustedImage)) {
	w.t.Helper()
	object := w.get(name)
	change(object)
	object.Generation++
	if err := w.api.Update(w.t.Context(), object); err != nil {
		w.t.Fatal(err)
	}
}

// push makes the tag name a new image whose content is told apart by its label.
func (w *world) push(tag, label string) image.Digest {
	w.t.Helper()
	return w.registry.push(w.t, tag, label)
}
