// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// addressError says that Assay may not connect to an address. It names the kind of address only, which is the same at
// every try when a name resolves to several.
type addressError struct{ kind string }

func (e *addressError) Error() string { return e.kind + " may not be connected to" }

// guard decides which addresses may be connected to. It looks at the address that is being dialled, after names were resolved
// and redirects followed, so that no spelling of a host and no change of a DNS answer gets past it.
type guard struct{ allowed []netip.Prefix }

// control is called with each address that is about to be dialled (net.Dialer.ControlContext).
func (g guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("no TCP address: %s", network)
	}
	return g.check(target.Addr())
}

// check returns an addressError for an address that may not be connected to.
func (g guard) check(address netip.Addr) error {
	address = address.WithZone("").Unmap()
	kind := special(address)
	if kind == "" || g.allows(address) {
		return nil
	}
	if inner, found := embedded(address); found && g.allows(inner) {
		return nil
	}
	return &addressError{kind: kind}
}

func (g guard) allows(address netip.Addr) bool {
	return slices.ContainsFunc(g.allowed, func(p netip.Prefix) bool { return p.Contains(address) })
}

// special names the kind of an address that is not a public host's; "" for one that is.
func special(address netip.Addr) string {
	switch {
	case address.IsUnspecified():
		return "an unspecified address"
	case address.IsLoopback():
		return "a loopback address"
	case address.IsLinkLocalUnicast(), address.IsLinkLocalMulticast():
		return "a link-local address"
	case address.IsMulticast():
		return "a multicast address"
	case address.IsPrivate():
		return "a private address"
	}
	for _, block := range specialBlocks {
		if block.prefix.Contains(address) {
			return block.kind
		}
	}
	if inner, found := embedded(address); found {
		return special(inner)
	}
	return ""
}

type block struct {
	prefix netip.Prefix
	kind   string
}

// specialBlocks are of the IANA special-purpose address registries (RFC 6890); what netip knows by itself is left out.
var specialBlocks = []block{
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a carrier's address"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's own address"}, // Azure's platform services
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "a documentation address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "a benchmarking address"},
	{netip.MustParsePrefix("198.51.100.0/24"), "a documentation address"},
	{netip.MustParsePrefix("203.0.113.0/24"), "a documentation address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	{netip.MustParsePrefix("::/96"), "a reserved address"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a private address"}, // local NAT64, RFC 8215
	{netip.MustParsePrefix("100::/64"), "a reserved address"},
	{netip.MustParsePrefix("2001::/32"), "a tunnel's address"}, // Teredo, whose inner address is the sender's to choose
	{netip.MustParsePrefix("2001:db8::/32"), "a documentation address"},
	{netip.MustParsePrefix("fec0::/10"), "a private address"}, // site-local, RFC 3879
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixTo4 = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// embedded returns the IPv4 address that a gateway would connect to for an IPv6 one.
func embedded(address netip.Addr) (netip.Addr, bool) {
	raw := address.As16()
	switch {
	case nat64.Contains(address):
		return netip.AddrFrom4([4]byte(raw[12:16])), true
	case sixTo4.Contains(address):
		return netip.AddrFrom4([4]byte(raw[2:6])), true
	}
	return netip.Addr{}, false
}
