// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

func artifact(content string) registry.Artifact {
	return registry.Artifact{
		MediaType: "application/vnd.dev.sigstore.bundle.v0.3+json", Content: []byte(content),
		Annotations: map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "a": content},
	}
}

func subjectOf(document image.Document) image.Descriptor {
	return image.Descriptor{MediaType: document.MediaType(), Digest: document.Digest, Size: int64(len(document.Raw))}
}

func attacherOf(t *testing.T, client *Client, credentials registry.Credentials) registry.Attacher {
	t.Helper()
	attacher, err := client.Writer(credentials)
	must(t, err)
	return attacher
}

func attach(t *testing.T, client *Client, reference image.Reference, document image.Document, content string) image.Digest {
	t.Helper()
	digest, err := attacherOf(t, client, registry.Credentials{}).Attach(t.Context(), reference.Repository, subjectOf(document), artifact(content))
	must(t, err)
	return digest
}

func TestAnAttachedArtifactCanBeRead(t *testing.T) {
	r := testregistry.New(t)
	document, _ := push(t, r, "1.8")
	client := newClient(t, r)
	reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
	digest := attach(t, client, reference, document, "the bundle")
	reader := readerOf(t, client, registry.Credentials{})
	got, err := reader.Document(t.Context(), image.Reference{Repository: reference.Repository, Digest: digest})
	must(t, err)
	m := got.Manifest
	if m.Subject.Digest != document.Digest || m.Config.MediaType != image.MediaTypeEmpty || len(m.Layers) != 1 ||
		m.ArtifactType != artifact("").MediaType || m.Layers[0].MediaType != artifact("").MediaType || m.Annotations["a"] != "the bundle" {
		t.Errorf("the manifest is %s", got.Raw)
	}
	for want, descriptor := range map[string]image.Descriptor{"the bundle": m.Layers[0], "{}": m.Config} {
		if content, err := readBlob(t, reader, reference.Repository, descriptor); err != nil || string(content) != want {
			t.Errorf("the blob is %q, %v, want %q", content, err, want)
		}
	}
}

// The bytes of an artifact's manifest are pinned: another order of its members would attach every artifact a second time.
func TestTheManifestOfAnArtifactIsAlwaysTheSame(t *testing.T) {
	subject := wireDescriptor{MediaType: image.MediaTypeManifest, Digest: image.DigestOf([]byte("subject")), Size: 7}
	got, err := encode(&subject, artifact("x"))
	must(t, err)
	const want = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
		`"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json",` +
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
		`"layers":[{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","digest":"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","size":1}],` +
		`"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:a9491f4c1bf7b0cffbadcba2db8f028e4b3f2867cb59e1f3a0bc1968f3c51242","size":7},` +
		`"annotations":{"a":"x","dev.sigstore.bundle.content":"dsse-envelope"}}`
	if string(got) != want {
		t.Errorf("encoded\n%s\nwant\n%s", got, want)
	}
}

func TestAttachingAgainWritesNothing(t *testing.T) {
	for about, options := range map[string][]testregistry.Option{
		"with the API": nil, "with the fallback tag": {testregistry.WithoutReferrers()},
	} {
		t.Run(about, func(t *testing.T) {
			r := testregistry.New(t, options...)
			document, _ := push(t, r, "1.8")
			client := newClient(t, r)
			reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
			first := attach(t, client, reference, document, "one")
			r.Forget()
			if second := attach(t, client, reference, document, "one"); second != first {
				t.Errorf("attached %s and %s", first, second)
			}
			for _, request := range r.Requests() {
				if request.IsPush() {
					t.Errorf("%s %s", request.Method, request.Path)
				}
			}
			if n := len(r.Requests()); n > 3 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// Whatever effect was the last before Assay was killed, attaching again completes it.
func TestAttachingAgainCompletesWhatWasInterrupted(t *testing.T) {
	r := testregistry.New(t, testregistry.WithoutReferrers())
	document, _ := push(t, r, "1.8")
	client := newClient(t, r)
	reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
	writes := []string{http.MethodPost, http.MethodPut}
	for i := range 6 {
		// The i-th write of each method fails, and all after it.
		content := fmt.Sprint("content ", i)
		r.Script(testregistry.Row{On: testregistry.Matcher{Method: writes[i%2]}, From: 1 + i/2, Fault: testregistry.InternalError})
		_, _ = attacherOf(t, client, registry.Credentials{}).Attach(t.Context(), reference.Repository, subjectOf(document), artifact(content))
		r.Script()
		digest := attach(t, client, reference, document, content)
		list, err := readerOf(t, client, registry.Credentials{}).Referrers(t.Context(), reference)
		must(t, err)
		if len(list) != i+1 || list[i].Digest != digest {
			t.Errorf("after interruption %d: %v", i, list)
		}
	}
}

func TestManyAttachAtOnceToAFallbackTag(t *testing.T) {
	r := testregistry.New(t, testregistry.WithoutReferrers())
	document, _ := push(t, r, "1.8")
	client := newClient(t, r)
	reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			if _, err := attacherOf(t, client, registry.Credentials{}).Attach(t.Context(), reference.Repository, subjectOf(document), artifact(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if list, err := readerOf(t, client, registry.Credentials{}).Referrers(t.Context(), reference); err != nil || len(list) != 8 {
		t.Errorf("%d are listed, %v", len(list), err)
	}
}

// Somebody else writes the fallback tag between Assay's reading and writing it: Assay reads again and adds itself anew.
func TestAFallbackTagThatSomebodyElseWrites(t *testing.T) {
	var r *testregistry.Registry
	var once sync.Once
	var document image.Document
	r = testregistry.New(t, testregistry.WithoutReferrers(), testregistry.WithHooks(nil, func(request testregistry.Request) {
		if request.Method == http.MethodPut && strings.HasPrefix(request.Reference, "sha256-") {
			once.Do(func() {
				theirs := mustJSON(t, map[string]any{
					"schemaVersion": 2, "mediaType": image.MediaTypeIndex, "annotations": map[string]string{"their": "own"},
					"manifests": []any{map[string]any{"mediaType": image.MediaTypeManifest, "digest": document.Digest, "size": 3, "data": "e30="}},
				})
				must(t, r.Put(repositoryPath, request.Reference, types.OCIImageIndex, theirs))
			})
		}
	}))
	document, _ = push(t, r, "1.8")
	client := newClient(t, r)
	reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
	digest := attach(t, client, reference, document, "ours")
	tag, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), fallbackTag(document.Digest)))
	must(t, err)
	if list := tag.Index.Manifests; len(list) != 2 || list[1].Digest != digest || !bytes.Contains(tag.Raw, []byte(`"data":"e30="`)) || tag.Index.Annotations["their"] != "own" {
		t.Errorf("the tag holds %s", tag.Raw)
	}
}

func TestAFallbackTagThatKeepsNothing(t *testing.T) {
	r := testregistry.New(t, testregistry.WithoutReferrers())
	document, _ := push(t, r, "1.8")
	client := newClient(t, r)
	reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
	r.Script(testregistry.Row{On: testregistry.Matcher{Method: http.MethodGet, Kind: testregistry.ManifestByTag}, Fault: testregistry.NotFound})
	_, err := attacherOf(t, client, registry.Credentials{}).Attach(t.Context(), reference.Repository, subjectOf(document), artifact("one"))
	wantKind(t, err, registry.KindUnavailable)
}

func TestAFullFallbackTag(t *testing.T) {
	r := testregistry.New(t, testregistry.WithoutReferrers())
	document, _ := push(t, r, "1.8")
	entries := make([]json.RawMessage, maxReferrers)
	for i := range entries {
		entries[i] = json.RawMessage(strings.Replace(entry(fmt.Sprint(i)), image.MediaTypeManifest, "a/b", 1))
	}
	index := mustJSON(t, map[string]any{"schemaVersion": 2, "mediaType": image.MediaTypeIndex, "manifests": entries})
	must(t, r.Put(repositoryPath, fallbackTag(document.Digest), types.OCIImageIndex, index))
	_, err := attacherOf(t, newClient(t, r), registry.Credentials{}).Attach(t.Context(), repositoryAt(t, r.Host()), subjectOf(document), artifact("one"))
	wantKind(t, err, registry.KindOverLimit)
}

func TestAttachFaults(t *testing.T) {
	for about, test := range map[string]struct {
		row  testregistry.Row
		want registry.Kind
	}{
		"a read-only registry":        {testregistry.Row{Fault: testregistry.ReadOnly}, registry.KindUnauthorized},
		"pushes are not allowed":      {testregistry.Row{On: testregistry.Matcher{Method: http.MethodPost}, Fault: testregistry.MethodNotAllowed}, registry.KindUnauthorized},
		"the credentials are refused": {testregistry.Row{On: testregistry.Matcher{Method: http.MethodPut}, Fault: testregistry.Unauthorized}, registry.KindUnauthorized},
		"the manifest is not taken":   {testregistry.Row{On: testregistry.Matcher{Method: http.MethodPut, Kind: testregistry.ManifestByDigest}, Fault: testregistry.InternalError}, registry.KindUnavailable},
		"too many requests":           {testregistry.Row{On: testregistry.Matcher{Method: http.MethodHead}, Fault: testregistry.TooManyRequests}, registry.KindUnavailable},
		"nothing is said":             {testregistry.Row{On: testregistry.Matcher{Method: http.MethodPut}, Fault: testregistry.Hang}, registry.KindUnavailable},
		"an upload is redirected":     {testregistry.Row{On: testregistry.Matcher{Method: http.MethodPost}, Fault: testregistry.Redirect}, registry.KindUnavailable},
		"a manifest is redirected":    {testregistry.Row{On: testregistry.Matcher{Method: http.MethodPut, Kind: testregistry.ManifestByDigest}, Fault: testregistry.Redirect}, registry.KindUnavailable},
	} {
		t.Run(about, func(t *testing.T) {
			other := newCanary(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
			r := testregistry.New(t)
			document, _ := push(t, r, "1.8")
			test.row.Target = other.URL
			r.Script(test.row)
			client := newClient(t, r)
			client.options.InsecureHosts = append(client.options.InsecureHosts, other.host())
			if test.row.Fault == testregistry.Hang {
				client.options.Timeout = 300 * time.Millisecond
			}
			_, err := attacherOf(t, client, registry.Credentials{}).Attach(t.Context(), repositoryAt(t, r.Host()), subjectOf(document), artifact("one"))
			wantKind(t, err, test.want)
			other.check(t, false)
		})
	}
}

func TestAPullOnlyAccountCannotAttach(t *testing.T) {
	reader := testregistry.Account{User: "reader", Password: "canary-of-reader", PullOnly: true}
	for about, option := range map[string]testregistry.Option{
		"basic": testregistry.WithBasicAuth(dev, reader), "token": testregistry.WithTokenAuth(dev, reader),
	} {
		r := testregistry.New(t, option)
		document, _ := push(t, r, "1.8")
		client := newClient(t, r)
		for user, credentials := range map[string]registry.Credentials{
			"reader": login(r.Host(), reader.User, reader.Password), "nobody": {},
		} {
			_, err := attacherOf(t, client, credentials).Attach(t.Context(), repositoryAt(t, r.Host()), subjectOf(document), artifact("one"))
			wantKind(t, err, registry.KindUnauthorized)
			if !strings.Contains(err.Error(), "does not let Assay push to shop/checkout") {
				t.Errorf("%s, %s: the message is %q", about, user, err)
			}
		}
		_, err := attacherOf(t, client, login(r.Host(), dev.User, dev.Password)).Attach(t.Context(), repositoryAt(t, r.Host()), subjectOf(document), artifact("one"))
		if err != nil {
			t.Errorf("%s, dev: %v", about, err)
		}
	}
}

func TestUploadsGoToTheRegistryOnly(t *testing.T) {
	repository := repositoryAt(t, "registry.example.com")
	from, err := url.Parse("https://registry.example.com/v2/shop/checkout/blobs/uploads/")
	must(t, err)
	begun := func(location string) answer { return answer{header: http.Header{"Location": {location}}, from: from} }
	for location, want := range map[string]string{
		"/v2/shop/checkout/blobs/uploads/1?state=x":                     "https://registry.example.com/v2/shop/checkout/blobs/uploads/1?state=x",
		"https://registry.example.com/v2/shop/checkout/blobs/uploads/1": "https://registry.example.com/v2/shop/checkout/blobs/uploads/1",
		"http://registry.example.com/v2/shop/checkout/blobs/uploads/1":  "",
		"https://evil.example.com/upload":                               "",
		"//evil.example.com/upload":                                     "",
		"https://registry.example.com:8443/upload":                      "",
		"https://a:b@registry.example.com/upload":                       "",
		"http://169.254.169.254/latest/meta-data":                       "",
		"":    "",
		"%zz": "",
	} {
		got, err := uploadLocation(repository, begun(location))
		if want == "" {
			wantKind(t, err, registry.KindUnsupported)
		} else if err != nil || got.String() != want {
			t.Errorf("uploadLocation(%q) = %v, %v", location, got, err)
		}
	}
}

func TestWhatCannotBeAttached(t *testing.T) {
	attacher := attacherOf(t, newClient(t), registry.Credentials{})
	repository := repositoryAt(t, "registry.example.com")
	good := image.Descriptor{MediaType: image.MediaTypeManifest, Digest: image.DigestOf(nil), Size: 1}
	_, err := attacher.Attach(t.Context(), repository, good, registry.Artifact{Content: make([]byte, maxArtifact+1)})
	wantKind(t, err, registry.KindOverLimit)
	for _, subject := range []image.Descriptor{
		{}, {MediaType: good.MediaType, Size: 1}, {MediaType: good.MediaType, Digest: good.Digest}, {Digest: good.Digest, Size: 1},
	} {
		_, err = attacher.Attach(t.Context(), repository, subject, artifact("x"))
		wantKind(t, err, registry.KindUnsupported)
	}
}

// A registry that says that it took notice of the subject is not asked for its referrers, nor is a fallback tag written.
func TestARegistryThatTookNoticeOfTheSubject(t *testing.T) {
	r := testregistry.New(t, testregistry.WithoutReferrers())
	document, _ := push(t, r, "1.8")
	behind, err := url.Parse(r.URL())
	must(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) { request.SetURL(behind) },
		ModifyResponse: func(response *http.Response) error {
			if response.Request.Method == http.MethodPut && strings.Contains(response.Request.URL.Path, "/manifests/") {
				response.Header.Set("OCI-Subject", document.Digest.String())
			}
			return nil
		},
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	host := strings.TrimPrefix(front.URL, "http://")
	client := clientWith(t, Options{AllowedAddresses: allowLoopback, InsecureHosts: []string{host}})
	attach(t, client, image.Reference{Repository: repositoryAt(t, host), Digest: document.Digest}, document, "one")
	for _, request := range r.Requests() {
		if request.Kind == testregistry.Referrers || request.Kind == testregistry.ManifestByTag {
			t.Errorf("%s %s", request.Method, request.Path)
		}
	}
}
