// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	maxHosts        = 1024
	userAgent       = "assay"
	headerUserAgent = "User-Agent"
)

// A host that asks to come back later and does not say when is left alone for firstPause, which doubles with each time in a
// row, up to longestPause. Up to half of it is left to chance, so that not all who wait come back at once.
const (
	firstPause   = 2 * time.Second
	longestPause = 5 * time.Minute
)

// courteous is the layer that every request passes, also those for tokens and after redirects: it sends nothing in the
// clear that must not be, not too much to one host, and nothing to a host that asked to come back later.
type courteous struct {
	inner    http.RoundTripper
	insecure []string
	hosts    *hosts
}

// RoundTrip implements http.RoundTripper. The error is a busyError when the host asks, or asked, to come back later.
func (t *courteous) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" && !slices.Contains(t.insecure, request.URL.Host) {
		return nil, errPlainHTTP
	}
	host := t.hosts.of(request.URL.Host)
	if err := host.wait(request.Context()); err != nil {
		return nil, err
	}
	if request.Header.Get(headerUserAgent) != userAgent {
		request = request.Clone(request.Context())
		request.Header.Set(headerUserAgent, userAgent)
	}
	response, err := t.inner.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if busy := host.heed(response); busy != nil {
		discard(response)
		return nil, busy
	}
	return response, nil
}

// busyError is an answer that asks to come back later, after a time that is never zero.
type busyError struct {
	status int
	after  time.Duration
}

func (e *busyError) Error() string { return http.StatusText(e.status) }

// hosts are those that were spoken to, without the ones that were not for longest.
type hosts struct {
	options Options
	known   *lru.Cache[string, *host]
}

func newHosts(o Options) (*hosts, error) {
	known, err := lru.New[string, *host](maxHosts)
	return &hosts{options: o, known: known}, err
}

func (h *hosts) of(name string) *host {
	made := &host{
		limiter: rate.NewLimiter(rate.Limit(h.options.RequestsPerSecond), h.options.Burst),
		timeout: h.options.Timeout, now: h.options.Now,
	}
	if known, there, _ := h.known.PeekOrAdd(name, made); there {
		h.known.Get(name) // marks it as used
		return known
	}
	return made
}

// host knows when one host may be sent the next request.
type host struct {
	limiter *rate.Limiter
	timeout time.Duration
	now     func() time.Time

	mutex    sync.Mutex
	refusals int // in a row
	status   int // of the last refusal
	until    time.Time
}

// wait returns when it is the turn of a request: at once with a busyError while the host is to be left alone, and never later
// than after the timeout.
func (h *host) wait(ctx context.Context) error {
	if busy := h.paused(); busy != nil {
		return busy
	}
	limited, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	if h.limiter.Wait(limited) != nil {
		return cmp.Or(ctx.Err(), context.DeadlineExceeded) // its turn would come too late
	}
	if busy := h.paused(); busy != nil { // since it began to wait
		return busy
	}
	return nil
}

func (h *host) paused() *busyError {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if left := h.until.Sub(h.now()); left > 0 {
		return &busyError{status: h.status, after: left}
	}
	return nil
}

// heed takes notice of an answer, and returns a busyError for one that asks to come back later. Of answers to requests that
// were under way together only the first counts as one more in a row.
func (h *host) heed(response *http.Response) *busyError {
	now := h.now()
	refused := response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable
	h.mutex.Lock()
	defer h.mutex.Unlock()
	alone := h.until.After(now)
	switch {
	case !refused && !alone:
		h.refusals = 0
	case refused && !alone:
		h.refusals++
	}
	if !refused {
		return nil
	}
	after := cmp.Or(retryAfter(response.Header.Get("Retry-After"), now), pause(h.refusals))
	if until := now.Add(after); until.After(h.until) {
		h.until, h.status = until, response.StatusCode
	}
	return &busyError{status: response.StatusCode, after: h.until.Sub(now)}
}

// pause is how long a host is left alone that refused so many times in a row.
func pause(refusals int) time.Duration {
	longest := firstPause
	for doubled := 1; doubled < refusals && longest < longestPause; doubled++ {
		longest = min(2*longest, longestPause)
	}
	return longest/2 + rand.N(longest/2)
}
