// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/assay-dev/assay/internal/signature"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// TestNothingButTheRegistryIsAsked: with keys no trust root is fetched and no transparency log is looked up, whatever the signature
// carries. All connections of the process are counted, and no name is looked up.
func TestNothingButTheRegistryIsAsked(t *testing.T) {
	byDigest, byTag, blob, referrers := testregistry.ManifestByDigest, testregistry.ManifestByTag, testregistry.Blob, testregistry.Referrers
	for about, test := range map[string]struct {
		sign   func(*testing.T, signer, name.Digest)
		wanted []string
		want   []testregistry.Kind
	}{
		"a signature under the tag": {signTag, nil, []testregistry.Kind{byTag, blob}},
		"a signature as a bundle":   {signBundle, nil, []testregistry.Kind{byTag, referrers, byDigest, blob}},
		"attestations, too":         {signBundle, []string{slsa}, []testregistry.Kind{byTag, byTag, referrers, byDigest, blob}},
	} {
		t.Run(about, func(t *testing.T) {
			r := testregistry.New(t)
			k := p256(t)
			digest := pushed(t, r.Host())
			test.sign(t, k, digest)
			r.Forget()
			outside := watchNetwork(t)
			found := find(t, digest, signature.Search{Anchors: []signature.Anchor{k.anchor()}, PredicateTypes: test.wanted})
			if got := found.Statements[k.anchor().ID()]; !isSigned(got, k.key, referenceOf(t, digest)) {
				t.Errorf("got %+v", got)
			}
			if asked := outside(); len(asked) > 0 {
				t.Errorf("also asked: %v", asked)
			}
			var asked []testregistry.Kind
			for _, request := range r.Requests() {
				if request.Kind != testregistry.Ping { // the client's way to learn how to authenticate
					asked = append(asked, request.Kind)
				}
			}
			if diff := cmp.Diff(test.want, asked); diff != "" {
				t.Errorf("requests to the registry (-want +got):\n%s", diff)
			}
		})
	}
}

// watchNetwork lets nothing out by the ways that all of a process shares, and returns what was asked there.
func watchNetwork(t *testing.T) (asked func() []string) {
	t.Helper()
	watched := &closedWay{}
	transport, client, resolver := http.DefaultTransport, http.DefaultClient, net.DefaultResolver
	http.DefaultTransport, http.DefaultClient = watched, &http.Client{Transport: watched}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: watched.dial}
	t.Cleanup(func() { http.DefaultTransport, http.DefaultClient, net.DefaultResolver = transport, client, resolver })
	return func() []string { return slices.Clone(watched.asked) }
}

// closedWay remembers what was asked.
type closedWay struct{ asked []string }

func (c *closedWay) RoundTrip(r *http.Request) (*http.Response, error) {
	c.asked = append(c.asked, r.URL.String())
	return nil, errors.New("no way out")
}

func (c *closedWay) dial(_ context.Context, _, address string) (net.Conn, error) {
	c.asked = append(c.asked, "names at "+address)
	return nil, errors.New("no way out")
}
