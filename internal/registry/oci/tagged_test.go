// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

const recordType = "application/vnd.dev.assay.record.v1+json"

func record(content string) registry.Artifact {
	return registry.Artifact{MediaType: recordType, Content: []byte(content)}
}

// writerOf pushes with no credentials.
func writerOf(t *testing.T, client *Client) registry.Writer {
	t.Helper()
	writer, err := client.Writer(registry.Credentials{})
	must(t, err)
	return writer
}

func TestATaggedDocumentIsWrittenOverAndRead(t *testing.T) {
	r := testregistry.New(t)
	client := newClient(t, r)
	tag := tagAt(t, r.Host(), "record")
	reader := readerOf(t, client, registry.Credentials{})
	if _, err := registry.ReadTagged(t.Context(), reader, tag, recordType, 100); !registry.IsKind(err, registry.KindNotFound) {
		t.Errorf("before anything was written: %v", err)
	}
	for _, content := range []string{"one", "two", "two"} {
		r.Forget()
		digest, err := writerOf(t, client).PutTagged(t.Context(), tag, record(content))
		must(t, err)
		got, err := registry.ReadTagged(t.Context(), reader, tag, recordType, 3)
		if err != nil || string(got) != content {
			t.Errorf("read %q, %v, want %q", got, err, content)
		}
		document, err := reader.Resolve(t.Context(), tag)
		if err != nil || document.Digest != digest || document.Manifest.Subject != nil {
			t.Errorf("the tag names %s, %v, want %s", document.Raw, err, digest)
		}
	}
	for _, request := range r.Requests() {
		if request.IsPush() {
			t.Errorf("what is there is written again: %s %s", request.Method, request.Path)
		}
	}
}

func TestATagThatNamesSomethingElseIsNotReadButWrittenOver(t *testing.T) {
	r := testregistry.New(t)
	push(t, r, "image")
	must(t, r.Put(repositoryPath, "garbage", types.OCIManifestSchema1, []byte(`{"schemaVersion":1}`)))
	must(t, r.Put(repositoryPath, "endless", types.OCIManifestSchema1, []byte(strings.Repeat(" ", image.MaxDocumentSize)+`{"schemaVersion":2}`)))
	client := newClient(t, r)
	writer, reader := writerOf(t, client), readerOf(t, client, registry.Credentials{})
	_, err := writer.PutTagged(t.Context(), tagAt(t, r.Host(), "large"), record("four"))
	must(t, err)
	_, err = writer.PutTagged(t.Context(), tagAt(t, r.Host(), "other"), registry.Artifact{MediaType: "text/plain", Content: []byte("x")})
	must(t, err)
	for name, kind := range map[string]registry.Kind{
		"image": registry.KindUnsupported, "garbage": registry.KindUnsupported, "other": registry.KindUnsupported,
		"endless": registry.KindOverLimit, "large": registry.KindOverLimit,
	} {
		t.Run(name, func(t *testing.T) {
			tag := tagAt(t, r.Host(), name)
			_, err := registry.ReadTagged(t.Context(), reader, tag, recordType, 3)
			wantKind(t, err, kind)
			_, err = writer.PutTagged(t.Context(), tag, record("new"))
			must(t, err)
			if got, err := registry.ReadTagged(t.Context(), reader, tag, recordType, 3); err != nil || string(got) != "new" {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

func TestATaggedDocumentThatCannotBeWritten(t *testing.T) {
	r := testregistry.New(t)
	client := newClient(t, r)
	tag := tagAt(t, r.Host(), "record")
	_, err := writerOf(t, client).PutTagged(t.Context(), tag, registry.Artifact{MediaType: recordType, Content: make([]byte, maxArtifact+1)})
	wantKind(t, err, registry.KindOverLimit)
	r.Script(testregistry.Row{Fault: testregistry.ReadOnly})
	_, err = writerOf(t, client).PutTagged(t.Context(), tag, record("x"))
	wantKind(t, err, registry.KindUnauthorized)
	r.Script(testregistry.Row{Fault: testregistry.Unavailable})
	_, err = writerOf(t, client).PutTagged(t.Context(), tag, record("x"))
	wantKind(t, err, registry.KindUnavailable)
}

// Evidence can be kept in a repository of its own, which does not have the images.
func TestReferrersInAnotherRepository(t *testing.T) {
	for name, options := range map[string][]testregistry.Option{
		"with the API": nil, "with the fallback tag": {testregistry.WithoutReferrers()},
	} {
		t.Run(name, func(t *testing.T) {
			r := testregistry.New(t, options...)
			document, _ := push(t, r, "1.8")
			client := newClient(t, r)
			evidence, err := image.ParseRepository(r.Host() + "/assay/evidence")
			must(t, err)
			attacher := registry.AttachIn(evidence, writerOf(t, client))
			digest, err := attacher.Attach(t.Context(), repositoryAt(t, r.Host()), subjectOf(document), artifact("a seal"))
			must(t, err)
			reader := readerOf(t, client, registry.Credentials{})
			for repository, want := range map[image.Repository]int{evidence: 1, repositoryAt(t, r.Host()): 0} {
				list, err := reader.Referrers(t.Context(), image.Reference{Repository: repository, Digest: document.Digest})
				if err != nil || len(list) != want || want == 1 && list[0].Digest != digest {
					t.Errorf("the referrers in %s are %v, %v", repository, list, err)
				}
			}
		})
	}
}
