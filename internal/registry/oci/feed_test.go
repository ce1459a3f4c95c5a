// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
	"github.com/assay-dev/assay/internal/vulnerability/kev"
)

// TestAFeedsServerIsLeftAloneForAsLongAsItAsks goes from the answer of a server to the error by which a feed is refreshed later.
func TestAFeedsServerIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	const moved = "/moved"
	for name, test := range map[string]struct {
		status      int
		header      string
		path        string
		atLeast     time.Duration
		atMost      time.Duration
		wantMessage string
	}{
		"too many requests":           {http.StatusTooManyRequests, "120", "/", 2 * time.Minute, 2 * time.Minute, "429"},
		"unavailable until a time":    {http.StatusServiceUnavailable, "Sat, 21 Nov 2026 12:30:00 GMT", "/", 30 * time.Minute, 30 * time.Minute, "503"},
		"for a day, which is bounded": {http.StatusServiceUnavailable, "86400", "/", maxRetryAfter, maxRetryAfter, "503"},
		"without saying for how long": {http.StatusServiceUnavailable, "", "/", firstPause / 2, firstPause, "503"},
		"after a redirect":            {http.StatusTooManyRequests, "120", moved, 2 * time.Minute, 2 * time.Minute, "429"},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == moved {
					http.Redirect(w, r, "/", http.StatusFound)
					return
				}
				requests++
				w.Header().Set("Retry-After", test.header)
				w.WriteHeader(test.status)
			}))
			defer site.Close()
			client, clock := patientClient(t)
			client.transports.Add(hashOf(nil), site.Client().Transport.(*http.Transport)) // which trusts the site
			catalogue := catalogueAt(t, client, site.URL+test.path)

			var refused *registry.Error
			_, err := catalogue.Refresh(t.Context())
			if !errors.As(err, &refused) || refused.RetryAfter < test.atLeast || refused.RetryAfter > test.atMost {
				t.Fatalf("error is %v (%+v), want one to be retried after %v to %v", err, refused, test.atLeast, test.atMost)
			}
			want := "catalogue of known exploited vulnerabilities: could not be fetched from " + site.Listener.Addr().String() + ": the server answers with status " + test.wantMessage
			if err.Error() != want {
				t.Errorf("error is %q, want %q", err, want)
			}
			until := noon.Add(refused.RetryAfter)
			clock.SetTime(until.Add(-time.Second / 4))
			if _, err := catalogue.Refresh(t.Context()); err == nil || err.Error() != want || requests != 1 {
				t.Errorf("before the time: %d requests are sent, error %v", requests, err)
			}
			clock.SetTime(until)
			if _, err := catalogue.Refresh(t.Context()); err == nil || requests != 2 {
				t.Errorf("after the time: %d requests are sent, error %v", requests, err)
			}
		})
	}
}

// catalogueAt is one that is read from the URL with the client's transport for feeds.
func catalogueAt(t *testing.T, client *Client, url string) *kev.Catalogue {
	t.Helper()
	transport, err := client.FeedTransport()
	if err != nil {
		t.Fatal(err)
	}
	source, err := feed.FromURL(url, transport)
	if err != nil {
		t.Fatal(err)
	}
	return kev.New(t.TempDir(), source, testingclock.NewFakePassiveClock(noon))
}
