// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/registry"
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
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(types); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{
		t:        t,
		clock:    clocktesting.NewFakeClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)),
		recorder: events.NewFakeRecorder(64),
		registry: &fakeRegistry{tags: map[string]image.Document{}, documents: map[image.Digest]image.Document{}, blobs: map[image.Digest][]byte{}, attached: map[image.Digest][]image.Descriptor{}},
		findings: &fakeFindings{by: map[image.Digest][]evidence.Finding{}},
		api: fake.NewClientBuilder().WithScheme(types).WithObjects(objects...).
			WithStatusSubresource(&v1alpha1.TrustedImage{}).
			WithIndex(&v1alpha1.TrustedImage{}, upstreamIndex, upstreamOf).Build(),
	}
	w.start(signerfake.NewSigner("seal"), t.TempDir())
	return w
}

// start starts a controller on a disk, as a new process would.
func (w *world) start(signer signature.Signer, folder string) {
	w.t.Helper()
	store, err := disk.Open(folder)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = store.Close() })
	w.woken = make(chan types.NamespacedName, 256)
	woken := w.woken
	pool := workpool.New(2, w.clock, func(_ context.Context, name types.NamespacedName) { woken <- name })
	w.reconciler = &Reconciler{
		Client:     w.api,
		Secrets:    w.api,
		Policies:   &keys.Resolver{Policies: cluster.Policies{Reader: w.api}, ConfigMaps: cluster.ConfigMaps{Reader: w.api}, Namespace: "assay-system"},
		Registries: w.registry,
		Gatherer: &gather.Gatherer{
			Store: store, Indexer: w.registry, SBOMs: w.registry, Matcher: w.findings, Catalogue: w.findings, Verifier: w.registry,
		},
		Intelligence: w.findings.Version,
		Seals:        &Seals{Signer: signer, Store: store, Ledger: store, Attacher: w.registry, Version: "test"},
		Pool:         pool,
		Recorder:     w.recorder,
		Clock:        w.clock,
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

// fakeRegistry is a registry, an indexer and a signer's notebook in memory.
type fakeRegistry struct {
	mu        sync.Mutex
	down      error
	denyPush  bool
	tags      map[string]image.Document
	documents map[image.Digest]image.Document
	blobs     map[image.Digest][]byte
	attached  map[image.Digest][]image.Descriptor
	signed    bool
	asked     int
	indexed   int
	attaches  int
}

func (f *fakeRegistry) Reader(registry.Credentials) (registry.Reader, error) { return f, nil }

func (f *fakeRegistry) push(t *testing.T, tag, label string) image.Digest {
	t.Helper()
	return f.tag(tag, f.manifest(t, "amd64", label))
}

// pushIndex makes the tag name an index with one image for each architecture, and returns its digest and theirs. What stands
// before a = is what the index says instead.
func (f *fakeRegistry) pushIndex(t *testing.T, tag string, architectures ...string) (index image.Digest, children []image.Digest) {
	t.Helper()
	var list []any
	for _, architecture := range architectures {
		stated, actual, lies := strings.Cut(architecture, "=")
		if !lies {
			actual = stated
		}
		child := f.manifest(t, actual, actual)
		children = append(children, child.Digest)
		list = append(list, map[string]any{
			"mediaType": child.MediaType(), "digest": child.Digest, "size": len(child.Raw),
			"platform": map[string]any{"os": "linux", "architecture": stated},
		})
	}
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": image.MediaTypeIndex, "manifests": list})
	if err != nil {
		t.Fatal(err)
	}
	return f.tag(tag, f.document(t, raw)), children
}

func (f *fakeRegistry) tag(tag string, document image.Document) image.Digest {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tags[tag] = document
	return document.Digest
}

func (f *fakeRegistry) manifest(t *testing.T, architecture, label string) image.Document {
	t.Helper()
	config := f.blob(fmt.Appendf(nil, `{"architecture":%q,"os":"linux","config":{"User":"65532","Labels":{"l":%q}},"rootfs":{"type":"layers","diff_ids":[]}}`, architecture, label))
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`,
		config, len(f.blobs[config]))
	return f.document(t, raw)
}

func (f *fakeRegistry) blob(content []byte) image.Digest {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blobs[image.DigestOf(content)] = content
	return image.DigestOf(content)
}

func (f *fakeRegistry) document(t *testing.T, raw []byte) image.Document {
	var head struct {
		MediaType string `json:"mediaType"`
	}
	_ = json.Unmarshal(raw, &head)
	document, err := image.ParseDocument(head.MediaType, raw)
	if err != nil {
		if t == nil {
			panic(err)
		}
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.documents[document.Digest] = document
	return document
}

func (f *fakeRegistry) Resolve(_ context.Context, tag image.Tag) (image.Document, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.down != nil {
		return image.Document{}, f.down
	}
	document, found := f.tags[tag.Name]
	if !found {
		return image.Document{}, registry.NewError(registry.KindNotFound, nil, "%s does not exist", tag)
	}
	return document, nil
}

func (f *fakeRegistry) Document(_ context.Context, reference image.Reference) (image.Document, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return image.Document{}, f.down
	}
	document, found := f.documents[reference.Digest]
	if !found {
		return image.Document{}, registry.NewError(registry.KindNotFound, nil, "%s does not exist", reference)
	}
	return document, nil
}

func (f *fakeRegistry) Blob(_ context.Context, _ image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return nil, f.down
	}
	return io.NopCloser(bytes.NewReader(f.blobs[descriptor.Digest])), nil
}

func (f *fakeRegistry) Referrers(_ context.Context, reference image.Reference) ([]image.Descriptor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attached[reference.Digest], f.down
}

func (f *fakeRegistry) Attach(_ context.Context, _ image.Repository, subject image.Descriptor, artifact registry.Artifact) (image.Digest, error) {
	if f.denyPush {
		return image.Digest{}, registry.NewError(registry.KindUnauthorized, nil, "read-only")
	}
	layer := f.blob(artifact.Content)
	raw, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config":  map[string]any{"mediaType": "application/vnd.oci.empty.v1+json", "digest": f.blob([]byte("{}")), "size": 2},
		"layers":  []any{map[string]any{"mediaType": artifact.MediaType, "digest": layer, "size": len(artifact.Content)}},
		"subject": map[string]any{"mediaType": subject.MediaType, "digest": subject.Digest, "size": subject.Size},
	})
	document := f.document(nil, raw)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, there := range f.attached[subject.Digest] {
		if there.Digest == document.Digest {
			return document.Digest, nil
		}
	}
	f.attaches++
	f.attached[subject.Digest] = append(f.attached[subject.Digest], image.Descriptor{Digest: document.Digest})
	return document.Digest, nil
}

func (f *fakeRegistry) Index(_ context.Context, source inventory.Source) (inventory.Inventory, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.indexed++
	return inventory.Inventory{Version: inventory.Version, Image: source.Image, Platform: source.Platform, Detail: []byte(`{}`), Packages: 1}, nil
}

func (f *fakeRegistry) SPDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte(`{"spdxVersion":"SPDX-2.3"}`), nil
}

func (f *fakeRegistry) CycloneDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte(`{"bomFormat":"CycloneDX"}`), nil
}

func (f *fakeRegistry) Verify(_ context.Context, _ registry.Reader, _ image.Reference, wanted []signature.Key) map[string]evidence.Fact[evidence.Signature] {
	facts := map[string]evidence.Fact[evidence.Signature]{}
	for _, key := range wanted {
		facts[key.Fingerprint] = evidence.Checked(evidence.Signature{Verified: f.signed})
	}
	return facts
}

// fakeFindings is a vulnerability database and a catalogue that say what a test tells them.
type fakeFindings struct {
	mu      sync.Mutex
	edition int
	by      map[image.Digest][]evidence.Finding
	err     error
}

// find makes the database know findings in the image from now on.
func (f *fakeFindings) find(digest image.Digest, findings ...evidence.Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by[digest] = findings
	f.edition++
}

func (f *fakeFindings) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	f.edition++
}

func (f *fakeFindings) Match(_ context.Context, made inventory.Inventory) ([]evidence.Finding, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]evidence.Finding(nil), f.by[made.Image]...), f.err
}

func (f *fakeFindings) Version() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprint(f.edition)
}

func (f *fakeFindings) Exploited(string) bool { return false }

func (f *fakeFindings) Feed() evidence.Fact[evidence.Feed] {
	return evidence.Checked(evidence.Feed{Version: "test"})
}

func imageDigest(content []byte) string { return image.DigestOf(content).String() }

// signedPolicy demands a signature everywhere.
func signedPolicy(t *testing.T) *v1alpha1.ClusterImagePolicy {
	t.Helper()
	public, err := cryptoutils.MarshalPublicKeyToPEM(signerfake.NewSigner("ci").Key().Public)
	if err != nil {
		t.Fatal(err)
	}
	return &v1alpha1.ClusterImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "signed"},
		Spec: v1alpha1.ClusterPolicySpec{
			Namespaces: []v1alpha1.NamespacePattern{"*"},
			PolicySpec: v1alpha1.PolicySpec{
				Authorities: []v1alpha1.Authority{{Name: "ci", Key: &v1alpha1.KeySource{Inline: string(public)}}},
				Signatures:  []v1alpha1.SignatureRule{{Name: "built-by-ci", AnyOf: []v1alpha1.RuleName{"ci"}}},
			},
		},
	}
}
