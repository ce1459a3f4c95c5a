// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// signed is a layer that is told apart by an annotation, as signatures over one payload are.
func signed(content, signature string) registry.Artifact {
	return registry.Artifact{MediaType: "application/x-payload", Content: []byte(content), Annotations: map[string]string{"signature": signature}}
}

// listed are the layers under the tag, each as its content and its signature.
func listed(t *testing.T, client *Client, tag image.Tag) (layers []string) {
	t.Helper()
	document, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tag)
	must(t, err)
	for _, layer := range document.Manifest.Layers {
		layers = append(layers, layer.Digest.Short()+" "+layer.Annotations["signature"])
	}
	return layers
}

func line(content, signature string) string {
	return image.DigestOf([]byte(content)).Short() + " " + signature
}

func TestWhatIsAppendedStandsInAList(t *testing.T) {
	r := testregistry.New(t)
	client := newClient(t, r)
	tag := tagAt(t, r.Host(), "sha256-1.sig")
	for _, layer := range []registry.Artifact{signed("payload", "<a>"), signed("payload", "b"), signed("other", "a"), signed("payload", "b")} {
		_, err := writerOf(t, client).Append(t.Context(), tag, layer)
		must(t, err)
	}
	want := []string{line("payload", "<a>"), line("payload", "b"), line("other", "a")}
	if got := listed(t, client, tag); !slices.Equal(got, want) {
		t.Errorf("the list is %q, want %q", got, want)
	}
	r.Forget()
	_, err := writerOf(t, client).Append(t.Context(), tag, signed("payload", "b"))
	must(t, err)
	for _, request := range r.Requests() {
		if request.IsPush() {
			t.Errorf("what is there is written again: %s %s", request.Method, request.Path)
		}
	}
	// The list is an image that another client can read and write again.
	parsed, err := name.NewTag(tag.String())
	must(t, err)
	read, err := remote.Image(parsed, remote.WithContext(t.Context()))
	must(t, err)
	config, err := read.ConfigFile()
	must(t, err)
	if len(config.RootFS.DiffIDs) != 3 || len(config.History) != 3 {
		t.Errorf("3 layers have %d diff IDs and %d entries of history", len(config.RootFS.DiffIDs), len(config.History))
	}
	for i, diffID := range config.RootFS.DiffIDs {
		if layers, err := read.Layers(); err != nil || len(layers) != 3 || diffID.String() != image.DigestOf([]byte([]string{"payload", "payload", "other"}[i])).String() {
			t.Errorf("the diff ID of layer %d is %s, %v", i, diffID, err)
		}
	}
	must(t, validate.Image(read, validate.Fast))
}

// Whatever effect was the last before Assay was killed, appending again completes it.
func TestAppendingAgainCompletesWhatWasInterrupted(t *testing.T) {
	r := testregistry.New(t)
	client := newClient(t, r)
	tag := tagAt(t, r.Host(), "sha256-1.att")
	for i := range 6 {
		content := fmt.Sprint("content ", i)
		r.Script(testregistry.Row{On: testregistry.Matcher{Method: []string{http.MethodPost, http.MethodPut}[i%2]}, From: 1 + i/2, Fault: testregistry.InternalError})
		_, _ = writerOf(t, client).Append(t.Context(), tag, signed(content, ""))
		r.Script()
		_, err := writerOf(t, client).Append(t.Context(), tag, signed(content, ""))
		must(t, err)
		if got := listed(t, client, tag); len(got) != i+1 || got[i] != line(content, "") {
			t.Errorf("after interruption %d: %q", i, got)
		}
	}
}

func TestManyAppendAtOnce(t *testing.T) {
	r := testregistry.New(t)
	client := newClient(t, r)
	tag := tagAt(t, r.Host(), "sha256-1.sig")
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			if _, err := writerOf(t, client).Append(t.Context(), tag, signed("payload", fmt.Sprint(i%4))); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := listed(t, client, tag); len(got) != 4 {
		t.Errorf("the list is %q, want 4 layers", got)
	}
}

// Somebody else writes the tag between Assay's reading and writing it: Assay reads again and adds itself anew.
func TestAListThatSomebodyElseWrites(t *testing.T) {
	const theirs = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","annotations":{"their":"own"},` +
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
		`"layers":[{"mediaType":"a/b","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"data":"e30=","annotations":{"odd":"<&>"}}]}`
	var r *testregistry.Registry
	var once sync.Once
	r = testregistry.New(t, testregistry.WithHooks(nil, func(request testregistry.Request) {
		if request.Method == http.MethodPut && strings.HasPrefix(request.Reference, "sha256-") {
			once.Do(func() { must(t, r.Put(repositoryPath, request.Reference, types.OCIManifestSchema1, []byte(theirs))) })
		}
	}))
	pushBlob(t, r, emptyConfig)
	client := newClient(t, r)
	tag := tagAt(t, r.Host(), "sha256-1.sig")
	_, err := writerOf(t, client).Append(t.Context(), tag, signed("ours", "s"))
	must(t, err)
	document, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tag)
	must(t, err)
	theirLayer := theirs[strings.Index(theirs, `{"mediaType":"a/b"`) : len(theirs)-2]
	if layers := document.Manifest.Layers; len(layers) != 2 || layers[1].Annotations["signature"] != "s" || !bytes.Contains(document.Raw, []byte(theirLayer)) {
		t.Errorf("the tag holds %s", document.Raw)
	}
	if document.Manifest.Annotations["their"] != "own" || document.Manifest.Config.MediaType != image.MediaTypeEmpty || document.Manifest.Config.Size != 2 {
		t.Errorf("what is theirs was changed: %s", document.Raw)
	}
}

func TestAListThatCannotBeAppendedTo(t *testing.T) {
	r := testregistry.New(t)
	const empty = `{"mediaType":"a/b","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}`
	withLayers := func(config string, layers ...string) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, image.MediaTypeManifest, config, strings.Join(layers, ","))
	}
	pushBlob(t, r, emptyConfig)
	pushBlob(t, r, []byte("no"))
	garbled := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":2}`, imageConfigMediaType, image.DigestOf([]byte("no")))
	must(t, r.Put(repositoryPath, "full", types.OCIManifestSchema1, withLayers(empty, slices.Repeat([]string{empty}, image.MaxLayers)...)))
	must(t, r.Put(repositoryPath, "large", types.OCIManifestSchema1, withLayers(strings.Replace(empty, `"size":2`, `"size":5000000`, 1))))
	must(t, r.Put(repositoryPath, "garbled", types.OCIManifestSchema1, withLayers(garbled)))
	must(t, r.Put(repositoryPath, "index", types.OCIImageIndex, fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, image.MediaTypeIndex)))
	client := newClient(t, r)
	for tag, kind := range map[string]registry.Kind{
		"full": registry.KindOverLimit, "large": registry.KindOverLimit, "garbled": registry.KindUnsupported, "index": registry.KindUnsupported,
	} {
		t.Run(tag, func(t *testing.T) {
			_, err := writerOf(t, client).Append(t.Context(), tagAt(t, r.Host(), tag), signed("ours", "s"))
			wantKind(t, err, kind)
		})
	}
	_, err := writerOf(t, client).Append(t.Context(), tagAt(t, r.Host(), "x"), registry.Artifact{MediaType: "a/b", Content: make([]byte, maxArtifact+1)})
	wantKind(t, err, registry.KindOverLimit)
	for fault, kind := range map[testregistry.Fault]registry.Kind{
		testregistry.ReadOnly: registry.KindUnauthorized, testregistry.Unavailable: registry.KindUnavailable,
	} {
		r.Script(testregistry.Row{Fault: fault})
		_, err := writerOf(t, client).Append(t.Context(), tagAt(t, r.Host(), "x"), signed("ours", "s"))
		wantKind(t, err, kind)
	}
	r.Script(testregistry.Row{On: testregistry.Matcher{Method: http.MethodGet, Kind: testregistry.ManifestByTag}, Fault: testregistry.NotFound})
	_, err = writerOf(t, client).Append(t.Context(), tagAt(t, r.Host(), "forgetful"), signed("ours", "s"))
	wantKind(t, err, registry.KindUnavailable)
}
