// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// TestFaultsOfAccessAndService drives each fault that a status tells through a real client.
func TestFaultsOfAccessAndService(t *testing.T) {
	tests := map[string]struct {
		row  Row
		want int
	}{
		"401 for ever is not a loop for ever":      {Row{Fault: Unauthorized}, http.StatusUnauthorized},
		"403 on the manifest":                      {Row{On: Matcher{Kind: ManifestByTag}, Fault: Forbidden}, http.StatusForbidden},
		"404 on the blob":                          {Row{On: Matcher{Kind: Blob}, Fault: NotFound}, http.StatusNotFound},
		"405 on the manifest":                      {Row{On: Matcher{Kind: ManifestByTag}, Fault: MethodNotAllowed}, http.StatusMethodNotAllowed},
		"429 on the manifest":                      {Row{On: Matcher{Kind: ManifestByTag}, Fault: TooManyRequests}, http.StatusTooManyRequests},
		"500 on the ping":                          {Row{On: Matcher{Kind: Ping}, Fault: InternalError}, http.StatusInternalServerError},
		"503 on everything":                        {Row{Fault: Unavailable}, http.StatusServiceUnavailable},
		"a read-only registry still lets one pull": {Row{Fault: ReadOnly}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			c.r.Script(tt.row)
			_, err := c.pull("1.8")
			if got := statusOf(err); got != tt.want || (err == nil) != (tt.want == 0) {
				t.Errorf("pull: status %d, %v; want %d", got, err, tt.want)
			}
		})
	}
}

func TestReadOnlyDeniesPushes(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{Fault: ReadOnly})
	d, err := c.pull("1.8")
	if err != nil {
		t.Fatal(err)
	}
	img, err := d.Image()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(c.ref("1.9"), img, c.options()...); statusOf(err) != http.StatusForbidden {
		t.Errorf("push: %v; want 403", err)
	}
}

func TestTooManyRequestsSaysWhenToComeBack(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{Fault: TooManyRequests, RetryAfter: "3600"})
	resp, _, err := c.get("/v2/")
	if err != nil || resp.Header.Get("Retry-After") != "3600" {
		t.Errorf("got %v, %v; want Retry-After: 3600", resp, err)
	}
}

func TestConnectionReset(t *testing.T) {
	tests := map[string]struct {
		offset int64
		opts   []Option
	}{
		"before the status line":       {0, nil},
		"in the middle of the blob":    {100, nil},
		"in the middle of it over TLS": {100, []Option{WithTLS()}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, tt.opts...)
			c.r.Script(Row{On: Matcher{Kind: Blob}, Fault: ResetAtByte, Offset: tt.offset})
			if _, err := c.pull("1.8"); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("pull: %v; want a connection that breaks", err)
			}
		})
	}
}

func TestHangEndsWhenTheClientGivesUp(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	hung := func(r Request) {
		if r.Fault == Hang {
			giveUp()
		}
	}
	c := newClient(t, WithHooks(hung, nil))
	c.ctx = ctx
	c.r.Script(Row{On: Matcher{Kind: ManifestByTag}, Fault: Hang})
	if _, err := c.pull("1.8"); !errors.Is(err, context.Canceled) {
		t.Errorf("pull: %v; want that it was cancelled", err)
	}
}

func TestSlowBodyArrivesByteByByte(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{Fault: SlowBody, Pause: time.Hour})
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.r.URL()+manifestPath(repository, "1.8"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 64)
	if n, err := resp.Body.Read(buf); n != 1 || err != nil {
		t.Fatalf("first read: %d bytes, %v; want 1", n, err)
	}
	giveUp()
	if _, err := resp.Body.Read(buf); err == nil {
		t.Error("a second byte came at once")
	}
}

// TestFaultsOfContent shows that each of them reaches a client, and that a careful client refuses it.
func TestFaultsOfContent(t *testing.T) {
	tests := map[string]struct {
		row  func(client) Row
		from func(client) string // the reference that is pulled; the tag if nil
		want string              // in the error
	}{
		"another manifest under the digest": {
			row: func(c client) Row {
				return Row{On: Matcher{Kind: ManifestByDigest}, Fault: LyingDigest, Target: c.other}
			},
			from: func(c client) string { return c.digest },
			want: "manifest digest",
		},
		"a byte of the layer is flipped": {
			row:  func(c client) Row { return Row{On: Matcher{Reference: c.layer}, Fault: FlippedByte, Offset: 200} },
			want: "error verifying sha256",
		},
		"the layer ends early": {
			row:  func(c client) Row { return Row{On: Matcher{Reference: c.layer}, Fault: TruncatedBody, Offset: 200} },
			want: "does not match expected size",
		},
		"the Content-Length is too large": {
			row:  func(c client) Row { return Row{On: Matcher{Reference: c.layer}, Fault: WrongContentLength, Offset: 7} },
			want: "does not match expected size",
		},
		"the Content-Type is not the mediaType": {
			row:  func(client) Row { return Row{On: Matcher{Kind: ManifestByTag}, Fault: WrongContentType} },
			want: "no child with platform",
		},
		"a schema 1 manifest": {
			row:  func(client) Row { return Row{On: Matcher{Kind: ManifestByTag}, Fault: Schema1} },
			want: "unsupported MediaType",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			reference := "1.8"
			if tt.from != nil {
				reference = tt.from(c)
			}
			c.r.Script(tt.row(c))
			if _, err := c.pull(reference); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("pull: %v; want an error with %q", err, tt.want)
			}
		})
	}
}

func TestWrongContentLengthEndsUnexpectedly(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{On: Matcher{Kind: ManifestByTag}, Fault: WrongContentLength, Offset: 7})
	if _, _, err := c.get(manifestPath(repository, "1.8")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v; want %v", err, io.ErrUnexpectedEOF)
	}
}

func TestLyingHeaderIsBelievedOnHEAD(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{On: Matcher{Kind: ManifestByTag}, Fault: LyingDigestHeader, Target: c.other})
	if d, err := remote.Head(c.ref("1.8"), c.options()...); err != nil || d.Digest.String() != c.other {
		t.Errorf("HEAD: %v, %v; want the digest of the lie, %s", d, err, c.other)
	}
}

func TestTagMovesAfterTheSecondRequest(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{On: Matcher{Kind: ManifestByTag, Reference: "1.8"}, From: 3, Fault: MovedTag, Target: c.other})
	for i, want := range []string{c.digest, c.digest, c.other, c.other} {
		d, err := c.pull("1.8")
		if err != nil || d.Digest.String() != want {
			t.Errorf("request %d: %v, %v; want %s", i+1, d, err, want)
		}
	}
	head, err := remote.Head(c.ref("1.8"), c.options()...)
	if err != nil || head.Digest.String() != c.other {
		t.Errorf("HEAD: %v, %v; want %s", head, err, c.other)
	}
}

func TestAmbiguousDocumentHasADigestOfItsOwn(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{On: Matcher{Kind: ManifestByTag}, Fault: AmbiguousDocument})
	byTag, err := c.pull("1.8")
	if err != nil {
		t.Fatal(err)
	}
	byDigest, err := c.pull(byTag.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{`"manifests":`, `"layers":`} {
		if !strings.Contains(string(byDigest.Manifest), field) {
			t.Errorf("no %s in %s", field, byDigest.Manifest)
		}
	}
}

func TestSchema1ClaimsTheDigestThatIsAskedFor(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{On: Matcher{Kind: ManifestByDigest}, Fault: Schema1})
	d, err := remote.Get(c.ref(c.digest), c.options()...)
	if err != nil || d.MediaType != types.DockerManifestSchema1Signed {
		t.Errorf("got %v, %v; want a schema 1 manifest that this client takes for what it asked for", d, err)
	}
}

func TestEndlessManifestGoesOnAsLongAsOneReads(t *testing.T) {
	c := newClient(t)
	c.r.Script(Row{On: Matcher{Kind: ManifestByTag}, Fault: EndlessManifest})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.r.URL()+manifestPath(repository, "1.8"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.CopyN(io.Discard, resp.Body, 16<<20); err != nil {
		t.Errorf("read %d bytes, then %v; want 16 MiB", n, err)
	}
}

func TestListsOfReferrersThatDoNotEnd(t *testing.T) {
	for name, fault := range map[string]Fault{
		"the next page is the same page": ReferrersLoop,
		"there is always one more page":  EndlessReferrers,
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			c.attach()
			if n, err := c.listReferrers(50); n != 1 || err != nil {
				t.Fatalf("honest list: %d, %v; want 1", n, err)
			}
			c.r.Script(Row{On: Matcher{Kind: Referrers}, Fault: fault})
			if n, err := c.listReferrers(50); !errors.Is(err, errEnough) {
				t.Errorf("got %d, %v; want no end", n, err)
			}
		})
	}
}

func TestRedirectSendsTheClientToTheOtherHost(t *testing.T) {
	c, foreign := newClient(t), New(t)
	c.r.Script(Row{On: Matcher{Kind: Blob}, Fault: Redirect, Target: foreign.URL()})
	if _, err := c.pull("1.8"); statusOf(err) != http.StatusNotFound {
		t.Errorf("pull: %v; want 404 of a host that has nothing", err)
	}
	if n := foreign.Count(Matcher{Kind: Blob, Repository: repository}); n == 0 {
		t.Errorf("the other host was not asked: %+v", foreign.Requests())
	}
}

// TestForeignRealmLuresCredentials uses a client that follows the challenge; go-containerregistry's refuses this realm.
func TestForeignRealmLuresCredentials(t *testing.T) {
	c, foreign := newClient(t), New(t)
	c.r.Script(Row{Fault: ForeignRealm, Target: foreign.URL()})
	repo := c.paging()
	repo.Client = &auth.Client{
		Client:     http.DefaultClient,
		Credential: auth.StaticCredential(c.r.Host(), auth.Credential{Username: "robot", Password: "s3cret"}),
	}
	if _, err := repo.Resolve(t.Context(), "1.8"); err == nil {
		t.Error("resolved with a token of a host that gives none")
	}
	for _, r := range foreign.Requests() {
		if r.Kind != Token || r.User != "robot" {
			t.Errorf("the other host was asked for %+v", r)
		}
	}
	if foreign.Count(Matcher{}) == 0 {
		t.Error("the other host was not asked")
	}
	if _, err := c.pull("1.8"); err == nil || !strings.Contains(err.Error(), "realm") {
		t.Errorf("pull with a careful client: %v; want that it refuses the realm", err)
	}
}
