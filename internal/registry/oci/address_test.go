// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// SEC-60: the addresses that nobody may be sent to.
func TestSpecialAddresses(t *testing.T) {
	special := []string{
		"127.0.0.1", "127.255.255.255", "::1", "0.0.0.0", "0.1.2.3", "::", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "100.64.0.1", "100.127.255.255", "100.100.100.200",
		"168.63.129.16", "192.0.0.192", "224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1", "255.255.255.255", "240.0.0.1",
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "100::1", "fec0::1", "2001::1", "::7f00:1",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:0",
		"64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
	}
	for _, address := range special {
		var target *addressError
		if err := (guard{}).check(netip.MustParseAddr(address)); !errors.As(err, &target) {
			t.Errorf("%s may be connected to", address)
		}
	}
	for _, address := range []string{"1.1.1.1", "172.15.255.255", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "2002:101:101::", "::ffff:1.1.1.1"} {
		if err := (guard{}).check(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAllowedAddresses(t *testing.T) {
	g := guard{allowed: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	for address, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "64:ff9b::10.1.2.3": true, "::1": true, "127.0.0.1": false, "192.168.0.1": false, "11.0.0.1": true,
	} {
		if err := g.check(netip.MustParseAddr(address)); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// SEC-60: no spelling of a forbidden address, in a reference, gets a connection.
func TestForbiddenHostsAreNotConnectedTo(t *testing.T) {
	reached := newListener(t)
	_, port, err := net.SplitHostPort(reached.Addr().String())
	must(t, err)
	for about, host := range map[string]string{
		"loopback": "127.0.0.1", "another loopback": "127.9.9.9", "localhost": "localhost", "a name under localhost": "x.localhost",
		"unspecified": "0.0.0.0", "IPv6 loopback": "[::1]", "IPv6 unspecified": "[::]", "mapped": "[::ffff:127.0.0.1]",
		"mapped in hexadecimal": "[::ffff:7f00:1]", "compatible": "[::7f00:1]", "NAT64": "[64:ff9b::7f00:1]",
		"decimal": "2130706433", "hexadecimal": "0x7f000001", "octal": "0177.0.0.1", "short": "127.1", "zero": "0",
		"a name that resolves to it": "evil.example.com",
	} {
		t.Run(about, func(t *testing.T) {
			client := clientWith(t, Options{InsecureHosts: []string{host + ":" + port}})
			client.resolver = resolver(t, netip.MustParseAddr("127.0.0.1"))
			_, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, host+":"+port, "1.8"))
			if !registry.IsKind(err, registry.KindForbiddenAddress) && !registry.IsKind(err, registry.KindUnavailable) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if reached.count() != 0 {
		t.Errorf("%d connections", reached.count())
	}
}

// A name that changes its address between the look and the connection gains nothing: what is dialled is what is checked.
func TestARebindingNameIsForbidden(t *testing.T) {
	client := clientWith(t, Options{})
	client.resolver = resolver(t, netip.MustParseAddr("169.254.169.254"))
	_, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, "registry.example.com", "1.8"))
	wantKind(t, err, registry.KindForbiddenAddress)
	if !strings.Contains(err.Error(), "a link-local address") || strings.Contains(err.Error(), "169") {
		t.Errorf("the message is %q", err)
	}
}

func TestForbiddenPlacesOfARegistry(t *testing.T) {
	for about, test := range map[string]struct {
		on    testregistry.Kind
		fault testregistry.Fault
	}{
		"a redirect":      {testregistry.ManifestByTag, testregistry.Redirect},
		"a token service": {testregistry.Ping, testregistry.ForeignRealm},
	} {
		t.Run(about, func(t *testing.T) {
			reached := newListener(t)
			target := "http://" + strings.Replace(reached.Addr().String(), "127.0.0.1", "127.0.0.2", 1)
			r := testregistry.New(t)
			push(t, r, "1.8")
			r.Script(testregistry.Row{On: testregistry.Matcher{Kind: test.on}, Fault: test.fault, Target: target})
			client := clientWith(t, Options{
				AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
				InsecureHosts:    []string{r.Host(), strings.TrimPrefix(target, "http://")},
			})
			_, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
			if test.fault == testregistry.Redirect {
				wantKind(t, err, registry.KindForbiddenAddress)
			} else if err == nil {
				t.Error("resolved")
			}
			if reached.count() != 0 {
				t.Errorf("%d connections", reached.count())
			}
		})
	}
}

// listener counts the connections that it is asked for.
type listener struct {
	net.Listener
	requests chan struct{}
}

func newListener(t *testing.T) *listener {
	t.Helper()
	requests := make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	must(t, server.Listener.Close())
	everywhere, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "0.0.0.0:0")
	must(t, err)
	server.Listener = everywhere
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			requests <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(everywhere.Addr().String())
	must(t, err)
	return &listener{Listener: named{everywhere, port}, requests: requests}
}

func (l *listener) count() int { return len(l.requests) }

// named is a listener at all addresses that says 127.0.0.1.
type named struct {
	net.Listener
	port string
}

func (n named) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:" + n.port))
}

// resolver answers every question for an address with one.
func resolver(t *testing.T, address netip.Addr) *net.Resolver {
	t.Helper()
	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return // closed
			}
			if reply := answerDNS(buffer[:n], address); reply != nil {
				_, _ = server.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func answerDNS(question []byte, address netip.Addr) []byte {
	var message dnsmessage.Message
	if message.Unpack(question) != nil || len(message.Questions) == 0 {
		return nil
	}
	message.Response, message.Additionals = true, nil
	if q := message.Questions[0]; q.Type == dnsmessage.TypeA {
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0},
			Body:   &dnsmessage.AResource{A: address.As4()},
		}}
	}
	reply, err := message.Pack()
	if err != nil {
		return nil
	}
	return reply
}
