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

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
)

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
	// signedAt are the times that somebody vouches for.
	signedAt []evidence.TrustedTime
	// broken are digests that cannot be read.
	broken   map[image.Digest]error
	asked    int
	requests int
	indexed  int
	attaches int
	indexErr error
	secrets  []inventory.Secret
	// jars of every image that is indexed.
	jars []inventory.Jar
	// ignoredVEX is the number of VEX documents on every image that nobody signed.
	ignoredVEX int
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
	f.requests++
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
	f.requests++
	if f.down != nil {
		return image.Document{}, f.down
	}
	if err := f.broken[reference.Digest]; err != nil {
		return image.Document{}, err
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
	f.requests++
	if f.down != nil {
		return nil, f.down
	}
	return io.NopCloser(bytes.NewReader(f.blobs[descriptor.Digest])), nil
}

func (f *fakeRegistry) Referrers(_ context.Context, reference image.Reference) ([]image.Descriptor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	return f.attached[reference.Digest], f.down
}

func (f *fakeRegistry) Attach(_ context.Context, _ image.Repository, subject image.Descriptor, artifact registry.Artifact) (image.Digest, error) {
	f.requests++
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
	made := inventory.Inventory{
		Version: inventory.Version, Image: source.Image, Platform: source.Platform, Detail: []byte(`{}`), Packages: 1, SecretsSought: source.Secrets,
		Jars: f.jars,
	}
	made.Identify(inventory.Naming{})
	if source.Secrets {
		made.Secrets = f.secrets
	}
	return made, f.indexErr
}

func (f *fakeRegistry) SPDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte(`{"spdxVersion":"SPDX-2.3"}`), nil
}

func (f *fakeRegistry) CycloneDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte(`{"bomFormat":"CycloneDX"}`), nil
}

func (f *fakeRegistry) PredicateTypes() []string { return []string{"https://openvex.dev/ns"} }

func (f *fakeRegistry) Read(image.Reference, evidence.Signed) evidence.Fact[[]evidence.VEXStatement] {
	return evidence.Checked[[]evidence.VEXStatement](nil)
}

func (f *fakeRegistry) Find(_ context.Context, _ registry.Reader, search signature.Search) signature.Found {
	f.requests++
	found := signature.Found{
		Statements: map[string]evidence.Statements{},
		Strangers:  map[string]int{"https://openvex.dev/ns": f.ignoredVEX},
	}
	for _, anchor := range search.Anchors {
		statements := evidence.Statements{Rest: evidence.Checked("")}
		if f.signed && anchor.Key != nil {
			statements.Signed = []evidence.Signed{{
				PredicateType: evidence.SignaturePredicate, Manifests: []image.Digest{search.Reference.Digest},
				Payload: search.Reference.Digest, Attached: signedByCI, Signer: evidence.Signer{Key: anchor.Key.Fingerprint, Times: f.signedAt},
			}}
		}
		found.Statements[anchor.ID()] = statements
	}
	return found
}

// signedByCI is what the signature of every image is attached as.
var signedByCI = image.DigestOf([]byte("the signature"))

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
