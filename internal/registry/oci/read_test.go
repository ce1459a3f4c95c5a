// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

func TestAnImageIsReadWithOneRequestForEachPiece(t *testing.T) {
	r := testregistry.New(t)
	want, layer := push(t, r, "1.8")
	client := newClient(t, r)
	reader := readerOf(t, client, registry.Credentials{})
	for range 3 {
		got, err := reader.Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
		if err != nil || got.Digest != want.Digest || !bytes.Equal(got.Raw, want.Raw) {
			t.Fatalf("resolved %s, %v, want %s", got.Digest, err, want.Digest)
		}
	}
	reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: want.Digest}
	if got, err := reader.Document(t.Context(), reference); err != nil || got.Digest != want.Digest {
		t.Fatalf("read %s, %v, want %s", got.Digest, err, want.Digest)
	}
	other := readerOf(t, client, registry.Credentials{})
	blob, err := other.Blob(t.Context(), reference.Repository, want.Manifest.Layers[0])
	must(t, err)
	content, err := io.ReadAll(blob)
	must(t, err)
	must(t, blob.Close())
	if !bytes.Equal(content, layer) {
		t.Error("the layer is another one")
	}
	for kind, times := range map[testregistry.Kind]int{
		testregistry.Ping: 1, testregistry.ManifestByTag: 3, testregistry.ManifestByDigest: 1, testregistry.Blob: 1,
	} {
		if n := r.Count(testregistry.Matcher{Kind: kind}); n != times {
			t.Errorf("%d requests of kind %s, want %d", n, kind, times)
		}
	}
	if served, size := r.BytesServed(repositoryPath), int64(4*len(want.Raw)+len(layer)); served != size {
		t.Errorf("%d bytes pulled, want %d", served, size)
	}
}

// What goes wrong with a tag, and what becomes of it.
func TestResolveFaults(t *testing.T) {
	for about, test := range map[string]struct {
		row  testregistry.Row
		want registry.Kind
		says string
	}{
		"the connection is reset at once":     {testregistry.Row{Fault: testregistry.ResetAtByte}, registry.KindUnavailable, "the connection broke"},
		"the connection is reset within":      {testregistry.Row{Fault: testregistry.ResetAtByte, Offset: 20}, registry.KindUnavailable, "the connection broke"},
		"nothing is said":                     {testregistry.Row{Fault: testregistry.Hang}, registry.KindUnavailable, "does not answer in time"},
		"a byte at a time":                    {testregistry.Row{Fault: testregistry.SlowBody}, registry.KindUnavailable, "does not answer in time"},
		"401":                                 {testregistry.Row{Fault: testregistry.Unauthorized}, registry.KindUnauthorized, "wants credentials for shop/checkout"},
		"403":                                 {testregistry.Row{Fault: testregistry.Forbidden}, registry.KindUnauthorized, "add a pull secret"},
		"404":                                 {testregistry.Row{Fault: testregistry.NotFound}, registry.KindNotFound, "does not have the tag 1.8 of shop/checkout"},
		"405":                                 {testregistry.Row{Fault: testregistry.MethodNotAllowed}, registry.KindUnavailable, "status 405"},
		"429":                                 {testregistry.Row{Fault: testregistry.TooManyRequests}, registry.KindUnavailable, "fewer requests"},
		"500":                                 {testregistry.Row{Fault: testregistry.InternalError}, registry.KindUnavailable, "status 500"},
		"503":                                 {testregistry.Row{Fault: testregistry.Unavailable}, registry.KindUnavailable, "status 503"},
		"schema 1 (SEC-04)":                   {testregistry.Row{Fault: testregistry.Schema1}, registry.KindUnsupported, "schema 1"},
		"both kinds (SEC-07, CVE-2021-41190)": {testregistry.Row{Fault: testregistry.AmbiguousDocument}, registry.KindUnsupported, "CVE-2021-41190"},
		"a manifest without end":              {testregistry.Row{Fault: testregistry.EndlessManifest}, registry.KindOverLimit, "more than 4194304 bytes"},
		"another Content-Type":                {testregistry.Row{Fault: testregistry.WrongContentType}, registry.KindUnsupported, "Content-Type"},
		"a body cut short":                    {testregistry.Row{Fault: testregistry.TruncatedBody, Offset: 30}, registry.KindUnsupported, "not valid JSON"},
		"a Content-Length that is too large":  {testregistry.Row{Fault: testregistry.WrongContentLength, Offset: 9}, registry.KindUnavailable, "the connection broke"},
		"a redirect to itself":                {testregistry.Row{Fault: testregistry.Redirect}, registry.KindUnavailable, "redirects without end"},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			r := testregistry.New(t)
			push(t, r, "1.8")
			test.row.On = testregistry.Matcher{Kind: testregistry.ManifestByTag}
			if test.row.Fault == testregistry.Redirect {
				test.row.Target = r.URL()
			}
			r.Script(test.row)
			client := newClient(t, r)
			if test.row.Fault == testregistry.Hang || test.row.Fault == testregistry.SlowBody {
				client.options.Timeout = 300 * time.Millisecond
			}
			_, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
			wantKind(t, err, test.want)
			if !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), r.Host()) {
				t.Errorf("the message is %q, want one with %q and the host", err, test.says)
			}
			// A kept connection that breaks before a byte of an answer came is net/http's to replace; then nobody resolved anything.
			unanswered := test.row.Fault == testregistry.ResetAtByte && test.row.Offset == 0
			if n := r.Count(testregistry.Matcher{Kind: testregistry.ManifestByTag}); n != 1 && test.row.Fault != testregistry.Redirect && !unanswered {
				t.Errorf("%d requests for the tag, want 1", n)
			}
		})
	}
}

// SEC-01, SEC-04: what a registry says of digests is not believed.
func TestDigestsAreComputed(t *testing.T) {
	for about, test := range map[string]struct {
		fault testregistry.Fault
		ok    bool
		want  registry.Kind
	}{
		"another manifest under the digest": {testregistry.LyingDigest, false, registry.KindDigestMismatch},
		"a lying header":                    {testregistry.LyingDigestHeader, true, 0},
		"a byte that differs":               {testregistry.FlippedByte, false, registry.KindDigestMismatch},
		"cut short":                         {testregistry.TruncatedBody, false, registry.KindDigestMismatch},
		"schema 1 with the right header":    {testregistry.Schema1, false, registry.KindDigestMismatch},
	} {
		t.Run(about, func(t *testing.T) {
			r := testregistry.New(t)
			want, _ := push(t, r, "1.8")
			other, _ := push(t, r, "evil")
			r.Script(testregistry.Row{On: testregistry.Matcher{Kind: testregistry.ManifestByDigest}, Fault: test.fault, Target: other.Digest.String()})
			reader := readerOf(t, newClient(t, r), registry.Credentials{})
			got, err := reader.Document(t.Context(), image.Reference{Repository: repositoryAt(t, r.Host()), Digest: want.Digest})
			if test.ok {
				if err != nil || got.Digest != want.Digest {
					t.Errorf("read %s, %v", got.Digest, err)
				}
				return
			}
			wantKind(t, err, test.want)
		})
	}
}

func TestAMovedTagIsLookedAtOnce(t *testing.T) {
	r := testregistry.New(t)
	good, _ := push(t, r, "1.8")
	evil, _ := push(t, r, "evil")
	r.Script(testregistry.Row{On: testregistry.Matcher{Reference: "1.8"}, From: 2, Fault: testregistry.MovedTag, Target: evil.Digest.String()})
	got, err := readerOf(t, newClient(t, r), registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
	if err != nil || got.Digest != good.Digest {
		t.Errorf("resolved %s, %v, want %s", got.Digest, err, good.Digest)
	}
}

func TestBlobFaults(t *testing.T) {
	for about, test := range map[string]struct {
		row  testregistry.Row
		want registry.Kind
	}{
		"a byte that differs":            {testregistry.Row{Fault: testregistry.FlippedByte, Offset: 3}, registry.KindDigestMismatch},
		"the last byte differs":          {testregistry.Row{Fault: testregistry.FlippedByte, Offset: 5199}, registry.KindDigestMismatch},
		"cut short":                      {testregistry.Row{Fault: testregistry.TruncatedBody, Offset: 30}, registry.KindDigestMismatch},
		"announced longer than it is":    {testregistry.Row{Fault: testregistry.WrongContentLength, Offset: 1}, registry.KindDigestMismatch},
		"the connection is reset within": {testregistry.Row{Fault: testregistry.ResetAtByte, Offset: 100}, registry.KindUnavailable},
		"a byte at a time (slow loris)":  {testregistry.Row{Fault: testregistry.SlowBody, Pause: 20 * time.Millisecond}, registry.KindUnavailable},
		"404":                            {testregistry.Row{Fault: testregistry.NotFound}, registry.KindNotFound},
		"403":                            {testregistry.Row{Fault: testregistry.Forbidden}, registry.KindUnauthorized},
	} {
		t.Run(about, func(t *testing.T) {
			r := testregistry.New(t)
			document, layer := push(t, r, "1.8")
			descriptor := document.Manifest.Layers[0]
			if descriptor.Size != 5200 {
				t.Fatalf("the layer has %d bytes", len(layer))
			}
			test.row.On = testregistry.Matcher{Kind: testregistry.Blob}
			r.Script(test.row)
			client := newClient(t, r)
			if test.row.Fault == testregistry.SlowBody {
				client.options.StallTimeout = 200 * time.Millisecond
			}
			content, err := readBlob(t, readerOf(t, client, registry.Credentials{}), repositoryAt(t, r.Host()), descriptor)
			wantKind(t, err, test.want)
			if int64(len(content)) >= descriptor.Size {
				t.Errorf("%d bytes were given out", len(content))
			}
		})
	}
}

func TestABlobIsNeverReadBeyondItsSize(t *testing.T) {
	r := testregistry.New(t)
	document, _ := push(t, r, "1.8")
	descriptor := document.Manifest.Layers[0]
	reader := readerOf(t, newClient(t, r), registry.Credentials{})
	for about, size := range map[string]int64{"smaller": descriptor.Size - 1, "larger": descriptor.Size + 1, "nothing": 0, "negative": -1} {
		descriptor.Size = size
		content, err := readBlob(t, reader, repositoryAt(t, r.Host()), descriptor)
		if len(content) > 0 {
			t.Errorf("%s: %d bytes were given out", about, len(content))
		}
		wantKind(t, err, registry.KindDigestMismatch)
	}
}

func TestABlobIsWholeForReadersThatStopAtItsSize(t *testing.T) {
	r := testregistry.New(t)
	document, _ := push(t, r, "1.8")
	descriptor := document.Manifest.Layers[0]
	r.Script(testregistry.Row{On: testregistry.Matcher{Kind: testregistry.Blob}, Fault: testregistry.FlippedByte, Offset: 3})
	blob, err := readerOf(t, newClient(t, r), registry.Credentials{}).Blob(t.Context(), repositoryAt(t, r.Host()), descriptor)
	must(t, err)
	defer blob.Close()
	_, err = io.ReadFull(blob, make([]byte, descriptor.Size))
	wantKind(t, err, registry.KindDigestMismatch)
}

func TestTheCallersContextEndsABlob(t *testing.T) {
	r := testregistry.New(t)
	document, _ := push(t, r, "1.8")
	ctx, cancel := context.WithCancel(t.Context())
	r.Script(testregistry.Row{On: testregistry.Matcher{Kind: testregistry.Blob}, Fault: testregistry.SlowBody, Pause: time.Hour})
	blob, err := readerOf(t, newClient(t, r), registry.Credentials{}).Blob(ctx, repositoryAt(t, r.Host()), document.Manifest.Layers[0])
	must(t, err)
	defer blob.Close()
	cancel()
	_, err = io.ReadAll(blob)
	wantKind(t, err, registry.KindUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want one that is context.Canceled", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "86400": time.Hour, "999999999999999999999": 0, "-5": 0, "soon": 0,
		"Sat, 21 Nov 2026 12:01:00 GMT": time.Minute, "Sat, 21 Nov 2026 11:00:00 GMT": 0, "Sun, 21 Nov 2027 12:00:00 GMT": time.Hour,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", header, got, want)
		}
	}
	for _, kind := range []testregistry.Kind{testregistry.ManifestByTag, testregistry.Ping, testregistry.Token} {
		r := testregistry.New(t, testregistry.WithTokenAuth(dev))
		r.Script(testregistry.Row{On: testregistry.Matcher{Kind: kind}, Fault: testregistry.TooManyRequests, RetryAfter: "30"})
		_, err := readerOf(t, newClient(t, r), login(r.Host(), dev.User, dev.Password)).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
		var target *registry.Error
		if !errors.As(err, &target) || target.RetryAfter != 30*time.Second {
			t.Errorf("%s: error %+v, want one to be retried after 30 s", kind, target)
		}
	}
}

func TestARegistryThatIsDown(t *testing.T) {
	r := testregistry.New(t)
	want, _ := push(t, r, "1.8")
	reader := readerOf(t, newClient(t, r), registry.Credentials{})
	r.Down()
	_, err := reader.Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
	wantKind(t, err, registry.KindUnavailable)
	if !strings.Contains(err.Error(), "refuses connections") {
		t.Errorf("the message is %q", err)
	}
	must(t, r.Up())
	if got, err := reader.Resolve(t.Context(), tagAt(t, r.Host(), "1.8")); err != nil || got.Digest != want.Digest {
		t.Errorf("when it is up again: %s, %v", got.Digest, err)
	}
}

// What is no registry at all must not pass for one that lacks the image: that would be taken for "there are no referrers".
func TestAHandshakeThatIsNotFoundIsNotAbsence(t *testing.T) {
	r := testregistry.New(t)
	r.Script(testregistry.Row{On: testregistry.Matcher{Kind: testregistry.Ping}, Fault: testregistry.NotFound})
	reader := readerOf(t, newClient(t, r), registry.Credentials{})
	_, err := reader.Referrers(t.Context(), image.Reference{Repository: repositoryAt(t, r.Host()), Digest: image.DigestOf(nil)})
	wantKind(t, err, registry.KindUnavailable)
}

func TestAnIndexIsResolved(t *testing.T) {
	r := testregistry.New(t)
	document, _ := push(t, r, "amd64")
	child := describe(image.MediaTypeManifest, document.Raw)
	index := mustJSON(t, map[string]any{"schemaVersion": 2, "mediaType": image.MediaTypeIndex, "manifests": []any{child}})
	must(t, r.Put(repositoryPath, "multi", types.OCIImageIndex, index))
	got, err := readerOf(t, newClient(t, r), registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), "multi"))
	if err != nil || got.Index == nil || got.Digest != image.DigestOf(index) {
		t.Errorf("resolved %+v, %v", got, err)
	}
}

func readBlob(t *testing.T, reader registry.Reader, repository image.Repository, descriptor image.Descriptor) ([]byte, error) {
	t.Helper()
	blob, err := reader.Blob(t.Context(), repository, descriptor)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

// SEC-06: a digest that another repository holds is not in this one, whatever tag stands beside it.
func TestADigestOfAnotherRepositoryIsNotFound(t *testing.T) {
	r := testregistry.New(t)
	document, _ := push(t, r, "1.8")
	reference, err := image.ParseReference(r.Host() + "/shop/other:1.8@" + document.Digest.String())
	must(t, err)
	_, err = readerOf(t, newClient(t, r), registry.Credentials{}).Document(t.Context(), reference)
	wantKind(t, err, registry.KindNotFound)
}
