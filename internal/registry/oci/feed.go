// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import "net/http"

// FeedTransport returns the transport for feeds that are no registries: with the same guard on addresses and without credentials.
func (c *Client) FeedTransport() (http.RoundTripper, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.transport(nil)
}
