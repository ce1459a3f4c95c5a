// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func withSubject(img v1.Image, subject v1.Descriptor) v1.Image {
	return mutate.Subject(mutate.MediaType(img, types.OCIManifestSchema1), subject).(v1.Image) //nolint:forcetypeassert // what Subject returns for an image
}

func TestClassify(t *testing.T) {
	type want struct {
		Kind                  Kind
		Repository, Reference string
	}
	tests := map[string]want{
		"/v2/":                              {Ping, "", ""},
		"/token":                            {Token, "", ""},
		"/v2/a/manifests/1.0":               {ManifestByTag, "a", "1.0"},
		"/v2/a/b/c/manifests/sha256:00":     {ManifestByDigest, "a/b/c", "sha256:00"},
		"/v2/a/manifests/sha256-00.sig":     {ManifestByTag, "a", "sha256-00.sig"},
		"/v2/a/blobs/sha256:00":             {Blob, "a", "sha256:00"},
		"/v2/a/b/blobs/uploads/":            {Upload, "a/b", ""},
		"/v2/a/b/blobs/uploads/77":          {Upload, "a/b", "77"},
		"/v2/a/referrers/sha256:00":         {Referrers, "a", "sha256:00"},
		"/v2/a/tags/list":                   {Tags, "a", ""},
		"/v2/_catalog":                      {Other, "", ""},
		"/favicon.ico":                      {Other, "", ""},
		"/v2/blobs/uploads/manifests/1.0":   {ManifestByTag, "blobs/uploads", "1.0"},
		"/v2/manifests/manifests/manifests": {ManifestByTag, "manifests", "manifests"},
	}
	for path, want1 := range tests {
		t.Run(path, func(t *testing.T) {
			var got want
			got.Kind, got.Repository, got.Reference = classify(path)
			if diff := cmp.Diff(want1, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryRequestIsCounted(t *testing.T) {
	c := newClient(t)
	if _, err := c.pull("1.8", remote.WithUserAgent("assay-test")); err != nil {
		t.Fatal(err)
	}
	counts := map[Kind]int{}
	var sent int64
	for _, r := range c.r.Requests() {
		counts[r.Kind]++
		sent += r.Sent
		if r.Authorized || r.User != "" || r.Status != http.StatusOK || r.UserAgent[:len("assay-test")] != "assay-test" {
			t.Errorf("odd request: %+v", r)
		}
	}
	want := map[Kind]int{Ping: 1, ManifestByTag: 1, Blob: 2}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("requests: %s", diff)
	}
	if got := c.r.BytesServed(repository); got != sent || sent < 512 {
		t.Errorf("%d bytes served, %d in the list", got, sent)
	}
}

func TestBytesServedAreThoseOfTheImage(t *testing.T) {
	c := newClient(t)
	d, err := c.pull("1.8")
	if err != nil {
		t.Fatal(err)
	}
	img, err := d.Image()
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.r.BytesServed(repository), d.Size+m.Config.Size+m.Layers[0].Size; got != want {
		t.Errorf("%d bytes served, the image has %d", got, want)
	}
}

func TestReferrersAPICanBeSwitchedOff(t *testing.T) {
	c := newClient(t, WithoutReferrers())
	if resp, _, err := c.get("/v2/" + repository + "/referrers/" + c.digest); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Fatalf("referrers: %v, %v; want 404", resp, err)
	}
	c.attach()
	fallback := "sha256-" + c.digest[len("sha256:"):]
	if n := c.r.Count(Matcher{Method: http.MethodPut, Kind: ManifestByTag, Reference: fallback}); n != 1 {
		t.Errorf("the fallback tag was written %d times", n)
	}
	if n, err := c.listReferrers(5); n != 1 || err != nil {
		t.Errorf("listed %d referrers, %v; want 1", n, err)
	}
}

func TestAccounts(t *testing.T) {
	robot := Account{User: "robot", Password: "s3cret", Prefixes: []string{"shop/"}}
	reader := Account{User: "reader", Password: "r3ad", PullOnly: true}
	stranger := Account{User: "stranger", Password: "x", Prefixes: []string{"other/"}}
	type outcome struct{ Pull, Push int }
	tests := map[string]struct {
		auth         authn.Authenticator
		basic, token outcome
	}{
		"his own repository":    {&authn.Basic{Username: "robot", Password: "s3cret"}, outcome{}, outcome{}},
		"may only pull":         {&authn.Basic{Username: "reader", Password: "r3ad"}, outcome{0, 403}, outcome{0, 401}},
		"somebody else's":       {&authn.Basic{Username: "stranger", Password: "x"}, outcome{403, 403}, outcome{401, 401}},
		"the wrong password":    {&authn.Basic{Username: "robot", Password: "wrong"}, outcome{401, 401}, outcome{401, 401}},
		"no credentials at all": {authn.Anonymous, outcome{401, 401}, outcome{401, 401}},
	}
	schemes := map[string]Option{
		"basic": WithBasicAuth(robot, reader, stranger),
		"token": WithTokenAuth(robot, reader, stranger),
	}
	for scheme, option := range schemes {
		for name, tt := range tests {
			t.Run(scheme+" "+name, func(t *testing.T) {
				c := client{T: t, r: New(t, option), ctx: t.Context()}
				owner := remote.WithAuth(&authn.Basic{Username: "robot", Password: "s3cret"})
				img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
				if err := remote.Write(c.ref("1.8"), img, c.options(owner)...); err != nil {
					t.Fatal(err)
				}
				want := tt.basic
				if scheme == "token" {
					want = tt.token
				}
				_, pull := remote.Get(c.ref("1.8"), c.options(remote.WithAuth(tt.auth))...)
				push := remote.Put(c.ref("1.9"), img, c.options(remote.WithAuth(tt.auth))...)
				if diff := cmp.Diff(want, outcome{statusOf(pull), statusOf(push)}); diff != "" {
					t.Errorf("%s\npull: %v\npush: %v", diff, pull, push)
				}
			})
		}
	}
}

func TestJournalKnowsWhoAsked(t *testing.T) {
	robot := Account{User: "robot", Password: "s3cret"}
	for name, option := range map[string]Option{"by password": WithBasicAuth(robot), "by token": WithTokenAuth(robot)} {
		t.Run(name, func(t *testing.T) {
			c := client{T: t, r: New(t, option), ctx: t.Context()}
			auth := remote.WithAuth(&authn.Basic{Username: "robot", Password: "s3cret"})
			_, err := remote.Get(c.ref("1.8"), c.options(auth)...)
			if statusOf(err) != http.StatusNotFound {
				t.Fatalf("get: %v; want 404", err)
			}
			for _, r := range c.r.Requests() {
				if r.Kind == ManifestByTag && (!r.Authorized || r.User != "robot") {
					t.Errorf("request of nobody: %+v", r)
				}
			}
		})
	}
}

func TestDockerConfigLogsIn(t *testing.T) {
	robot := Account{User: "robot", Password: "s3cret"}
	c := client{T: t, r: New(t, WithBasicAuth(robot)), ctx: t.Context()}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), robot.DockerConfig(c.r.Host()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	_, err := remote.Get(c.ref("1.8"), c.options(remote.WithAuthFromKeychain(authn.DefaultKeychain))...)
	if statusOf(err) != http.StatusNotFound {
		t.Errorf("get: %v; want 404, not 401", err)
	}
}

func TestDownRefusesAndUpRemembers(t *testing.T) {
	c := newClient(t)
	host := c.r.Host()
	c.r.Down()
	if _, err := c.pull("1.8"); err == nil {
		t.Fatal("pulled from a registry that is down")
	}
	if err := c.r.Up(); err != nil {
		t.Fatal(err)
	}
	if d, err := c.pull("1.8"); err != nil || d.Digest.String() != c.digest || c.r.Host() != host {
		t.Errorf("after the outage: %v, %v at %s", d, err, c.r.Host())
	}
}

func TestHooksSeePushesBeforeAndAfterTheyTakeEffect(t *testing.T) {
	var c client
	var got []bool
	look := func(r Request) {
		if r.IsPush() && r.Reference == "1.9" {
			a := c.r.ask(http.MethodGet, manifestPath(repository, "1.9"), "", nil)
			got = append(got, a.ok())
		}
	}
	c = client{T: t, r: New(t, WithHooks(look, look)), ctx: t.Context()}
	c.push("1.9")
	if diff := cmp.Diff([]bool{false, true}, got); diff != "" {
		t.Errorf("manifest there: %s", diff)
	}
}

func TestBlobsOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	c := newClient(t, WithBlobDir(dir))
	if _, err := c.pull("1.8"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sha256", c.layer[len("sha256:"):])); err != nil {
		t.Error(err)
	}
}

func TestPutStoresWhatIsNoManifest(t *testing.T) {
	c := newClient(t)
	if err := c.r.Put(repository, c.digest, types.OCIManifestSchema1, []byte("no manifest")); err != nil {
		t.Fatal(err)
	}
	if _, body, err := c.get(manifestPath(repository, c.digest)); err != nil || string(body) != "no manifest" {
		t.Errorf("got %q, %v", body, err)
	}
}
