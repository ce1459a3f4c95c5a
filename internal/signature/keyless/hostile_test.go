// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keyless_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/signature/keyless"
)

const noRoot = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`

// configuration names one place for all services.
func configuration(url string, rekor int) []byte {
	service := func(version int) string {
		return fmt.Sprintf(`[{"url":%q,"majorApiVersion":%d,"validFor":{"start":"2026-01-01T00:00:00Z"},"operator":"test"}]`, url, version)
	}
	return fmt.Appendf(nil, `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","caUrls":%s,"rekorTlogUrls":%s,"tsaUrls":%s,`+
		`"rekorTlogConfig":{"selector":"ANY"},"tsaConfig":{"selector":"ANY"}}`, service(1), service(rekor), service(1))
}

// optionsFor sign with a token that holds a canary.
func optionsFor(t *testing.T, url string) keyless.Options {
	t.Helper()
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://issuer.example.com","sub":"assay"}`))
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("e30."+claims+".canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	return keyless.Options{
		SigningConfig: configuration(url, 2), TrustedRoot: []byte(noRoot), TokenFile: path, Subject: "assay", Issuer: "https://issuer.example.com",
		Clock: clocktesting.NewFakePassiveClock(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)),
	}
}

// TestHostileServicesGetNothingAndChangeNothing is CVE-2026-49478, too: a token follows no redirect.
func TestHostileServicesGetNothingAndChangeNothing(t *testing.T) {
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	redirect := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) }
	}
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(strings.ReplaceAll(body, "TOKEN", r.Header.Get("Authorization"))))
		}
	}
	for name, test := range map[string]struct {
		handler   http.HandlerFunc
		want      error
		complaint string
	}{
		"a redirect 302":            {redirect(http.StatusFound), keyless.ErrRefused, "redirect"},
		"a redirect 307":            {redirect(http.StatusTemporaryRedirect), keyless.ErrRefused, "redirect"},
		"a redirect 308":            {redirect(http.StatusPermanentRedirect), keyless.ErrRefused, "redirect"},
		"a refusal with the token":  {answer(http.StatusUnauthorized, "TOKEN is not good"), keyless.ErrRefused, "status 401"},
		"trouble inside":            {answer(http.StatusServiceUnavailable, "TOKEN"), keyless.ErrUnreachable, "status 503"},
		"too many requests":         {answer(http.StatusTooManyRequests, "TOKEN"), keyless.ErrUnreachable, "status 429"},
		"no certificate":            {answer(http.StatusOK, "{}"), keyless.ErrRefused, "no certificates"},
		"no JSON":                   {answer(http.StatusOK, "TOKEN"), keyless.ErrRefused, ""},
		"8 MiB":                     {answer(http.StatusOK, strings.Repeat("[", 8<<20)), keyless.ErrRefused, ""},
		"a certificate that is not": {answer(http.StatusOK, `{"signedCertificateEmbeddedSct":{"chain":{"certificates":["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]}}}`), keyless.ErrRefused, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			_, err := open(t, optionsFor(t, server.URL)).Bundle(t.Context(), []byte(statement))
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.complaint) {
				t.Fatalf("Bundle: %v, want %v that says %q", err, test.want, test.complaint)
			}
			if strings.Contains(err.Error(), "canary") || len(err.Error()) > 256 {
				t.Errorf("the error is not fit to be shown: %v", err)
			}
		})
	}
	if visits.Load() != 0 {
		t.Errorf("%d requests went elsewhere", visits.Load())
	}
}

func TestSilenceEndsWithTheContext(t *testing.T) {
	silent := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer server.Close()
	defer close(silent)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := open(t, optionsFor(t, server.URL)).Bundle(ctx, []byte(statement)); !errors.Is(err, keyless.ErrUnreachable) {
		t.Errorf("Bundle: %v", err)
	}
	if _, err := open(t, optionsFor(t, "http://127.0.0.1:1")).Bundle(t.Context(), []byte(statement)); !errors.Is(err, keyless.ErrUnreachable) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestWhatCannotWorkIsSaidAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		change    func(*keyless.Options)
		complaint string
	}{
		"no signing configuration":    {func(o *keyless.Options) { o.SigningConfig = []byte("{}") }, "signing_config.json"},
		"no trust root":               {func(o *keyless.Options) { o.TrustedRoot = nil }, "trusted_root.json"},
		"no subject":                  {func(o *keyless.Options) { o.Subject = "" }, "subject"},
		"no issuer":                   {func(o *keyless.Options) { o.Issuer = "" }, "issuer"},
		"a Rekor of version 1":        {func(o *keyless.Options) { o.SigningConfig = configuration("https://rekor.example.com", 1) }, "Rekor of version 2"},
		"services that are not there": {func(o *keyless.Options) { o.Clock = clocktesting.NewFakePassiveClock(time.Unix(0, 0)) }, "Fulcio"},
	} {
		t.Run(name, func(t *testing.T) {
			options := optionsFor(t, "https://sigstore.example.com")
			test.change(&options)
			if _, err := keyless.Open(options); !errors.Is(err, keyless.ErrRefused) || !strings.Contains(err.Error(), test.complaint) {
				t.Errorf("Open: %v, want one that says %q", err, test.complaint)
			}
		})
	}
}
