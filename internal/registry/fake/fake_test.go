// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fake_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/fake"
)

func TestWhatIsPutIsRead(t *testing.T) {
	var r fake.Registry
	repository, document, tag := world(t, &r)
	reader, err := r.Reader(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	reference := image.Reference{Repository: repository, Digest: document.Digest}
	if got, err := reader.Resolve(t.Context(), tag); err != nil || got.Digest != document.Digest {
		t.Errorf("resolved %s, %v", got.Digest, err)
	}
	if got, err := reader.Document(t.Context(), reference); err != nil || got.Digest != document.Digest {
		t.Errorf("read %s, %v", got.Digest, err)
	}
	blob, err := reader.Blob(t.Context(), repository, document.Manifest.Config)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(blob); err != nil || string(content) != "{}" {
		t.Errorf("the blob is %q, %v", content, err)
	}
	if calls := r.Calls(); len(calls) != 3 || calls[0] != "Resolve "+tag.String() {
		t.Errorf("calls: %q", calls)
	}
}

func TestWhatIsAttachedIsAReferrerOnce(t *testing.T) {
	var r fake.Registry
	repository, document, _ := world(t, &r)
	subject := image.Descriptor{MediaType: document.MediaType(), Digest: document.Digest, Size: int64(len(document.Raw))}
	var digest image.Digest
	for range 2 {
		var err error
		if digest, err = r.Attach(t.Context(), repository, subject, registry.Artifact{MediaType: "a/b", Content: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := r.Referrers(t.Context(), image.Reference{Repository: repository, Digest: document.Digest})
	if err != nil || len(list) != 1 || list[0].Digest != digest || list[0].ArtifactType != "a/b" {
		t.Errorf("the referrers are %v, %v", list, err)
	}
}

func TestWhatIsAppendedIsListedOnce(t *testing.T) {
	var r fake.Registry
	_, _, tag := world(t, &r)
	tag.Name = "sha256-1.sig"
	for _, signature := range []string{"a", "b", "a"} {
		artifact := registry.Artifact{MediaType: "a/b", Content: []byte("x"), Annotations: map[string]string{"signature": signature}}
		if _, err := r.Append(t.Context(), tag, artifact); err != nil {
			t.Fatal(err)
		}
	}
	document, err := r.Resolve(t.Context(), tag)
	if err != nil || len(document.Manifest.Layers) != 2 || document.Manifest.Layers[1].Annotations["signature"] != "b" {
		t.Errorf("the tag names %s, %v", document.Raw, err)
	}
}

func TestWhatIsNotThereAndFailures(t *testing.T) {
	var r fake.Registry
	repository, document, tag := world(t, &r)
	missing := image.Reference{Repository: repository, Digest: image.DigestOf([]byte("missing"))}
	_, documentErr := r.Document(t.Context(), missing)
	_, blobErr := r.Blob(t.Context(), repository, image.Descriptor{Digest: missing.Digest})
	for _, err := range []error{documentErr, blobErr} {
		if !registry.IsKind(err, registry.KindNotFound) {
			t.Errorf("error %v", err)
		}
	}
	config := document.Manifest.Config
	config.Size++
	if _, err := r.Blob(t.Context(), repository, config); !registry.IsKind(err, registry.KindDigestMismatch) {
		t.Errorf("another size: %v", err)
	}
	broken := errors.New("broken")
	r.Fail(broken)
	if _, err := r.Resolve(t.Context(), tag); !errors.Is(err, broken) {
		t.Errorf("failing: %v", err)
	}
}

// world puts an image with a tag into the registry.
func world(t *testing.T, r *fake.Registry) (image.Repository, image.Document, image.Tag) {
	t.Helper()
	repository, err := image.ParseRepository("registry.example.com/shop/checkout")
	if err != nil {
		t.Fatal(err)
	}
	tag, err := image.ParseTag(repository, "1.8")
	if err != nil {
		t.Fatal(err)
	}
	config := r.PutBlob(repository, "application/vnd.oci.image.config.v1+json", []byte("{}"))
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`, config.MediaType, config.Digest, config.Size)
	document, err := r.Put(repository, image.MediaTypeManifest, raw)
	if err != nil {
		t.Fatal(err)
	}
	r.Tag(tag, document.Digest)
	return repository, document, tag
}
