// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"errors"
	"net/http"

	"github.com/assay-dev/assay/internal/registry"
)

// FeedTransport returns the transport for feeds that are no registries: with the same guard on addresses and the same courtesy to
// hosts, and without credentials. The error is a *registry.Error, with the time to wait, when the host asks, or asked, to come back
// later.
func (c *Client) FeedTransport() (http.RoundTripper, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	transport, err := c.transport(nil)
	if err != nil {
		return nil, err
	}
	return &feedTransport{courteous{inner: transport, insecure: c.options.InsecureHosts, hosts: c.hosts}}, nil
}

// feedTransport says in the port's words what courteous does in its own.
type feedTransport struct{ inner courteous }

// RoundTrip implements http.RoundTripper.
func (t *feedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.inner.RoundTrip(request)
	var busy *busyError
	if errors.As(err, &busy) {
		refused := failure(registry.KindUnavailable, nil, "the server answers with status %d", busy.status)
		refused.RetryAfter = busy.after
		return nil, refused
	}
	return response, err
}
