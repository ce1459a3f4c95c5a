// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Options of a Client. The zero value of each is its default.
type Options struct {
	// AllowedAddresses may be connected to although they are private, loopback or otherwise special. Empty by default.
	AllowedAddresses []netip.Prefix
	// InsecureHosts, each exactly as it stands in a reference (host or host:port), may be spoken to over plain HTTP.
	InsecureHosts []string
	// TokenHosts are token services, as host or host:port, that may be shown the credentials of any registry that sends Assay
	// there. Without them a token service must be the registry itself or share its registrable domain.
	TokenHosts []string
	// Proxy chooses a proxy for a request, as http.Transport.Proxy does. Nil is none; the environment is not looked at. The
	// addresses behind a proxy are the proxy's to guard.
	Proxy func(*http.Request) (*url.URL, error)
	// Timeout of a request with the whole of its answer, except for a blob's content. 1 minute by default.
	Timeout time.Duration
	// StallTimeout is how long Assay waits for the next 64 KiB of a blob. 30 seconds by default.
	StallTimeout time.Duration
	// RequestsPerSecond to one host, and how many at once after a pause. 50 and 100 by default.
	RequestsPerSecond float64
	Burst             int
	// ConnectionsPerHost open at one time. 16 by default.
	ConnectionsPerHost int
	// Now is the clock that tokens expire by, and by which a host is left alone that asks for it. time.Now by default.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	setDefault(&o.Timeout, time.Minute)
	setDefault(&o.StallTimeout, 30*time.Second)
	setDefault(&o.RequestsPerSecond, 50)
	setDefault(&o.Burst, 100)
	setDefault(&o.ConnectionsPerHost, 16)
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // The default of an injected clock.
	}
	return o
}

func setDefault[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}
