// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzWhereARegistrySends looks for a Link or Location header that leads Assay, with its credentials, to another place.
func FuzzWhereARegistrySends(f *testing.F) {
	f.Add(`</v2/shop/checkout/referrers/x?n=2>; rel="next"`)
	f.Add(`<?n=2>; rel=next`)
	f.Add(`/v2/shop/checkout/blobs/uploads/1?state=x`)
	f.Add(`//evil.example.com/v2/shop/checkout/referrers/x`)
	f.Add(`https://registry.example.com@evil.example.com/`)
	f.Add(`<\\evil.example.com\v2>; rel="next"`)
	here, err := url.Parse("https://registry.example.com/v2/shop/checkout/referrers/x")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		response := &http.Response{Request: &http.Request{URL: here}, Header: http.Header{"Link": {header}}}
		if next, err := (about{}).nextPage(response); err == nil && next != nil {
			checkPlace(t, next)
			if next.Path != here.Path {
				t.Errorf("the next page is at %q", next)
			}
		}
		if location, err := uploadLocation(repositoryAt(t, "registry.example.com"), answer{header: http.Header{"Location": {header}}, from: here}); err == nil {
			checkPlace(t, location)
		}
	})
}

// checkPlace reads the address anew, as the request that is made of it does.
func checkPlace(t *testing.T, place *url.URL) {
	t.Helper()
	again, err := url.Parse(place.String())
	if err != nil {
		return // no request can be made of it
	}
	if again.Scheme != "https" || again.Host != "registry.example.com" || again.User != nil || strings.Contains(again.Host, "@") {
		t.Errorf("leads to %q", again)
	}
}

// FuzzDockerConfig looks for a Docker config that panics, or whose entry is taken for another host.
func FuzzDockerConfig(f *testing.F) {
	f.Add([]byte(`{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}`))
	f.Add([]byte(`{"auths":{"registry.example.com/shop":{"username":"a","password":"b"}},"credsStore":"x"}`))
	f.Add([]byte(`{"auths":{"Registry.Example.com:443":null}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		chain, err := newKeychain([][]byte{raw})
		if err != nil {
			return
		}
		for _, login := range chain.logins(repositoryAt(t, "registry.example.com")) {
			if login != nil && !strings.Contains(strings.ToLower(string(raw)), "registry.example.com") && !strings.Contains(string(raw), `\u`) {
				t.Errorf("%s has a login for registry.example.com", raw)
			}
		}
	})
}
