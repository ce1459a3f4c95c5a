// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// noon is when the tests of patience begin.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// patientClient speaks plain HTTP with the registries, and its clock is the test's.
func patientClient(t *testing.T, registries ...*testregistry.Registry) (*Client, *testingclock.FakePassiveClock) {
	t.Helper()
	clock := testingclock.NewFakePassiveClock(noon)
	options := Options{AllowedAddresses: allowLoopback, Timeout: 10 * time.Second, Now: clock.Now}
	for _, r := range registries {
		options.InsecureHosts = append(options.InsecureHosts, r.Host())
	}
	return clientWith(t, options), clock
}

// refusedFor is how long a registry is to be left alone that a tag was asked of; 0 when it answered.
func refusedFor(t *testing.T, client *Client, r *testregistry.Registry, credentials registry.Credentials) time.Duration {
	t.Helper()
	_, err := readerOf(t, client, credentials).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
	if err == nil {
		return 0
	}
	wantKind(t, err, registry.KindUnavailable)
	var refused *registry.Error
	if errors.As(err, &refused); refused.RetryAfter <= 0 {
		t.Errorf("error %v does not say when to try again", err)
	}
	return refused.RetryAfter
}

func TestAHostIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	for name, test := range map[string]struct {
		header string
		want   time.Duration
	}{
		"in seconds":               {"30", 30 * time.Second},
		"until a time":             {"Sat, 21 Nov 2026 12:02:00 GMT", 2 * time.Minute},
		"but not for ever":         {"86400", time.Hour},
		"nor until the end of all": {"Fri, 31 Dec 9999 23:59:59 GMT", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			r := testregistry.New(t)
			push(t, r, "1.8")
			client, clock := patientClient(t, r)
			r.Script(testregistry.Row{
				On: testregistry.Matcher{Kind: testregistry.ManifestByTag}, Times: 1, Fault: testregistry.TooManyRequests, RetryAfter: test.header,
			})
			if wait := refusedFor(t, client, r, registry.Credentials{}); wait != test.want {
				t.Errorf("it is left alone for %v, want %v", wait, test.want)
			}
			asked := len(r.Requests())
			clock.SetTime(noon.Add(test.want - time.Second))
			// Whoever asks, for whatever.
			if wait := refusedFor(t, client, r, login(r.Host(), "somebody", "else")); wait != time.Second {
				t.Errorf("somebody else is to wait for %v", wait)
			}
			_, err := writerOf(t, client).PutTagged(t.Context(), tagAt(t, r.Host(), "record"), record("x"))
			wantKind(t, err, registry.KindUnavailable)
			if n := len(r.Requests()) - asked; n != 0 {
				t.Errorf("%d requests are sent before the time", n)
			}
			clock.SetTime(noon.Add(test.want))
			if wait := refusedFor(t, client, r, registry.Credentials{}); wait != 0 {
				t.Errorf("after the time it is left alone for %v", wait)
			}
		})
	}
}

func TestAHostThatDoesNotSayForHowLongIsLeftAloneEverLonger(t *testing.T) {
	r := testregistry.New(t)
	push(t, r, "1.8")
	client, clock := patientClient(t, r)
	onTag := testregistry.Matcher{Kind: testregistry.ManifestByTag}
	r.Script(testregistry.Row{On: onTag, Times: 12, Fault: testregistry.Unavailable})
	longest := firstPause
	for i := range 12 {
		wait := refusedFor(t, client, r, registry.Credentials{})
		if wait < longest/2 || wait > longest {
			t.Errorf("refusal %d: it is left alone for %v, want at most %v and half of it at least", i+1, wait, longest)
		}
		longest = min(2*longest, longestPause)
		clock.SetTime(clock.Now().Add(wait))
	}
	if wait := refusedFor(t, client, r, registry.Credentials{}); wait != 0 {
		t.Errorf("it answers, and is left alone for %v", wait)
	}
	r.Script(testregistry.Row{On: onTag, Fault: testregistry.Unavailable})
	if wait := refusedFor(t, client, r, registry.Credentials{}); wait > firstPause {
		t.Errorf("after an answer it is left alone for %v, want at most %v", wait, firstPause)
	}
}

func TestOneBusyHostIsNoReasonToLeaveOthersAlone(t *testing.T) {
	busy, idle := testregistry.New(t), testregistry.New(t)
	push(t, idle, "1.8")
	client, _ := patientClient(t, busy, idle)
	busy.Script(testregistry.Row{Fault: testregistry.TooManyRequests, RetryAfter: "30"})
	if wait := refusedFor(t, client, busy, registry.Credentials{}); wait != 30*time.Second {
		t.Errorf("the busy one is left alone for %v", wait)
	}
	if wait := refusedFor(t, client, idle, registry.Credentials{}); wait != 0 {
		t.Errorf("the idle one is left alone for %v", wait)
	}
}

func TestOtherErrorsDoNotStopRequests(t *testing.T) {
	r := testregistry.New(t)
	client, _ := patientClient(t, r)
	for _, fault := range []testregistry.Fault{testregistry.NotFound, testregistry.InternalError, testregistry.Forbidden, testregistry.ResetAtByte} {
		r.Script(testregistry.Row{On: testregistry.Matcher{Kind: testregistry.ManifestByTag}, Fault: fault})
		for range 2 {
			r.Forget()
			if _, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), "1.8")); err == nil {
				t.Errorf("%s: no error", fault)
			}
			if r.Count(testregistry.Matcher{Kind: testregistry.ManifestByTag}) == 0 {
				t.Errorf("%s: the second request is not sent", fault)
			}
		}
	}
}

// A blob's request has no deadline of its own, and its answer comes later than the one that it was refused with.
func TestABlobOfABusyHost(t *testing.T) {
	r := testregistry.New(t)
	document, _ := push(t, r, "1.8")
	client, _ := patientClient(t, r)
	r.Script(testregistry.Row{On: testregistry.Matcher{Kind: testregistry.Blob}, Fault: testregistry.TooManyRequests, RetryAfter: "30"})
	for range 2 {
		_, err := readBlob(t, readerOf(t, client, registry.Credentials{}), repositoryAt(t, r.Host()), document.Manifest.Layers[0])
		var refused *registry.Error
		if !errors.As(err, &refused) || refused.RetryAfter != 30*time.Second || !strings.Contains(refused.Message, "fewer requests") {
			t.Errorf("error is %v", err)
		}
	}
	if n := r.Count(testregistry.Matcher{Kind: testregistry.Blob}); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// answers is a transport of which each answer, after a second, is the next status, and 200 when there is none left.
type answers struct {
	mutex    sync.Mutex
	statuses []int
	requests int
}

func (a *answers) RoundTrip(request *http.Request) (*http.Response, error) {
	<-time.After(time.Second) // of the test's own time
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.requests++
	status := http.StatusOK
	if len(a.statuses) > 0 {
		status, a.statuses = a.statuses[0], a.statuses[1:]
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: request}, nil
}

func courteousWith(t *testing.T, inner http.RoundTripper, o Options) *courteous {
	t.Helper()
	hosts, err := newHosts(o.withDefaults())
	must(t, err)
	return &courteous{inner: inner, hosts: hosts}
}

func ask(ctx context.Context, t *testing.T, through http.RoundTripper) error {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://registry.example.com/v2/", nil)
	must(t, err)
	response, err := through.RoundTrip(request)
	if err == nil {
		must(t, response.Body.Close())
	}
	return err
}

func TestRequestsToAHostAreSpreadAndNoneWaitsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		through := courteousWith(t, &answers{}, Options{RequestsPerSecond: 2, Burst: 3, Timeout: 5 * time.Second})
		start, results := time.Now(), make(chan error, 20)
		var running sync.WaitGroup
		for range 20 {
			running.Go(func() { results <- ask(t.Context(), t, through) })
		}
		running.Wait()
		close(results)
		sent, refused := 0, 0
		for err := range results {
			switch {
			case err == nil:
				sent++
			case errors.Is(err, context.DeadlineExceeded):
				refused++
			default:
				t.Errorf("error is %v", err)
			}
		}
		// 3 at once, and 2 in each of the 5 seconds that a request may wait.
		if sent != 13 || refused != 7 || time.Since(start) > 6*time.Second {
			t.Errorf("%d were sent and %d refused within %v", sent, refused, time.Since(start))
		}
	})
}

// A request that waits for its turn while the host asks to be left alone is not sent after all.
func TestWhoWaitsForATurnHearsOfARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &answers{statuses: []int{http.StatusServiceUnavailable}}
		through := courteousWith(t, inner, Options{RequestsPerSecond: 0.5, Burst: 1})
		results := make(chan error)
		for range 2 {
			go func() { results <- ask(t.Context(), t, through) }()
		}
		var busy *busyError
		for range 2 {
			if err := <-results; !errors.As(err, &busy) {
				t.Errorf("error is %v", err)
			}
		}
		if inner.requests != 1 {
			t.Errorf("%d requests are sent", inner.requests)
		}
		<-time.After(longestPause)
		if err := ask(t.Context(), t, through); err != nil {
			t.Errorf("error is %v", err)
		}
	})
}

func TestAnswersToRequestsThatWereUnderWayTogether(t *testing.T) {
	client, clock := patientClient(t)
	h := client.hosts.of("registry.example.com")
	busy := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"10"}}}
	_ = h.heed(busy)
	later := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"20"}}}
	if refused := h.heed(later); refused.after != 20*time.Second || h.refusals != 1 {
		t.Errorf("left alone for %v after %d refusals", refused.after, h.refusals)
	}
	if refused := h.heed(busy); refused.after != 20*time.Second {
		t.Errorf("the shorter time counts: %v", refused.after)
	}
	_ = h.heed(&http.Response{StatusCode: http.StatusOK})
	if h.paused() == nil || h.refusals != 1 {
		t.Error("an answer from before the refusal ends it")
	}
	clock.SetTime(noon.Add(-time.Hour)) // a clock that is set back does no harm
	if refused := h.heed(&http.Response{StatusCode: http.StatusServiceUnavailable}); refused.after <= 0 {
		t.Errorf("left alone for %v", refused.after)
	}
	if pause(0) <= 0 || pause(1_000_000) > longestPause {
		t.Error("a pause is not within its limits")
	}
}
