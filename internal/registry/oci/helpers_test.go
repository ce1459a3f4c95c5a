// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

const repositoryPath = "shop/checkout"

// allowLoopback is what every test needs whose registry is real.
var allowLoopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// newClient returns a client for the registries that speak plain HTTP.
func newClient(t *testing.T, insecure ...*testregistry.Registry) *Client {
	t.Helper()
	options := Options{AllowedAddresses: allowLoopback, Timeout: 10 * time.Second, RequestsPerSecond: 10_000, Burst: 1000}
	for _, r := range insecure {
		options.InsecureHosts = append(options.InsecureHosts, r.Host())
	}
	return clientWith(t, options)
}

func clientWith(t *testing.T, options Options) *Client {
	t.Helper()
	client, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func readerOf(t *testing.T, client *Client, credentials registry.Credentials) registry.Reader {
	t.Helper()
	reader, err := client.Reader(credentials)
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// login is a Docker config with one entry.
func login(host, user, password string) registry.Credentials {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return registry.Credentials{DockerConfigs: [][]byte{fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host, auth)}}
}

func repositoryAt(t *testing.T, host string) image.Repository {
	t.Helper()
	repository, err := image.ParseRepository(host + "/" + repositoryPath)
	if err != nil {
		t.Fatal(err)
	}
	return repository
}

func tagAt(t *testing.T, host, name string) image.Tag {
	t.Helper()
	tag, err := image.ParseTag(repositoryAt(t, host), name)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// push stores a small image with the tag and returns its document and the content of its layer.
func push(t *testing.T, r *testregistry.Registry, tag string) (image.Document, []byte) {
	t.Helper()
	layer := []byte(strings.Repeat("layer of "+tag+" ", 400))
	manifest := mustJSON(t, map[string]any{
		"schemaVersion": 2, "mediaType": image.MediaTypeManifest,
		"config": describe("application/vnd.oci.image.config.v1+json", emptyConfig),
		"layers": []any{describe("application/vnd.oci.image.layer.v1.tar", layer)},
	})
	for _, blob := range [][]byte{emptyConfig, layer} {
		pushBlob(t, r, blob)
	}
	for _, name := range []string{tag, image.DigestOf(manifest).String()} {
		must(t, r.Put(repositoryPath, name, types.OCIManifestSchema1, manifest))
	}
	document, err := image.ParseDocument(image.MediaTypeManifest, manifest)
	must(t, err)
	return document, layer
}

// pushBlob uploads with the library's client, as the account "dev" where accounts are asked for.
func pushBlob(t *testing.T, r *testregistry.Registry, content []byte) {
	t.Helper()
	repository, err := name.NewRepository(r.Host() + "/" + repositoryPath)
	must(t, err)
	must(t, remote.WriteLayer(repository, static.NewLayer(content, types.OCILayer),
		remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: dev.User, Password: dev.Password})), remote.WithTransport(r.Transport())))
	r.Forget()
}

// dev may do everything, in the registries that ask for accounts.
var dev = testregistry.Account{User: "dev", Password: "canary-of-dev"}

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value)
	must(t, err)
	return raw
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantKind holds an error to its kind and to what every message of the port must be.
func wantKind(t *testing.T, err error, kind registry.Kind) {
	t.Helper()
	var target *registry.Error
	if !errors.As(err, &target) {
		t.Fatalf("error %v is no registry.Error", err)
	}
	if target.Kind != kind {
		t.Errorf("kind %d, want %d: %v", target.Kind, kind, err)
	}
	if len(target.Message) > maxMessage || strings.ContainsFunc(target.Message, func(r rune) bool { return r < ' ' }) {
		t.Errorf("the message is too long or not printable: %q", target.Message)
	}
}
