// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// exchange is one request on its way to a faulty answer.
type exchange struct {
	registry *Registry
	row      Row
	about    Request
	w        http.ResponseWriter
	req      *http.Request
}

// injector is the code behind a fault's name.
func injector(f Fault) func(exchange) {
	return map[Fault]func(exchange){
		ResetAtByte: exchange.reset,
		Hang:        exchange.hang,
		SlowBody:    exchange.drip,

		Unauthorized: exchange.challenge,
		ForeignRealm: exchange.foreignRealm,
		Forbidden:    refusal(http.StatusForbidden, "DENIED"),
		ReadOnly:     exchange.readOnly,
		Redirect:     exchange.redirect,

		NotFound:         refusal(http.StatusNotFound, "NOT_FOUND"),
		MethodNotAllowed: refusal(http.StatusMethodNotAllowed, "UNSUPPORTED"),
		TooManyRequests:  exchange.tooMany,
		InternalError:    refusal(http.StatusInternalServerError, "UNKNOWN"),
		Unavailable:      refusal(http.StatusServiceUnavailable, "UNAVAILABLE"),

		LyingDigest:        exchange.lyingDigest,
		LyingDigestHeader:  exchange.lyingHeader,
		MovedTag:           exchange.movedTag,
		FlippedByte:        exchange.flip,
		TruncatedBody:      exchange.truncate,
		WrongContentLength: exchange.wrongLength,
		WrongContentType:   exchange.wrongType,
		Schema1:            exchange.schema1,
		AmbiguousDocument:  exchange.ambiguous,
		EndlessManifest:    exchange.endlessManifest,

		ReferrersLoop:    exchange.referrersLoop,
		EndlessReferrers: exchange.endlessReferrers,
	}[f]
}

// reset cuts the connection such that the client's kernel sees RST, not FIN. RST may overtake bytes that were sent.
func (x exchange) reset() {
	a := x.truth()
	n := min(x.row.Offset, int64(len(a.body)))
	conn, buf, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return // the client is gone already
	}
	under := plain(conn)                 // closed without TLS's word of farewell
	defer func() { _ = under.Close() }() // a broken connection is what is wanted
	if n > 0 {
		_, _ = fmt.Fprintf(buf, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
		_ = a.header.Write(buf)
		_, _ = fmt.Fprintf(buf, "\r\n%s", a.body[:n])
		_ = buf.Flush()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// plain is the connection under TLS, or the connection itself.
func plain(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return c.NetConn()
	}
	return conn
}

// hang takes the body first: the server notices that a client left only when it reads no body any more.
func (x exchange) hang() {
	_, _ = io.Copy(io.Discard, x.req.Body)
	<-x.req.Context().Done()
}

func (x exchange) drip() {
	pause := x.row.Pause
	if pause == 0 {
		pause = 50 * time.Millisecond
	}
	a := x.truth()
	a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	a.writeHead(x.w)
	clock := time.NewTicker(pause)
	defer clock.Stop()
	for i := range a.body {
		if _, err := x.w.Write(a.body[i : i+1]); err != nil {
			return
		}
		_ = http.NewResponseController(x.w).Flush() // the next write reports a client that is gone
		select {
		case <-clock.C:
		case <-x.req.Context().Done():
			return
		}
	}
}

func (x exchange) challenge() {
	x.registry.gate.challenge(x.w, x.registry.URL(), x.about)
}

func (x exchange) foreignRealm() {
	challengeBearer(x.w, x.row.Target, x.about)
}

func (x exchange) readOnly() {
	if x.about.IsPush() {
		refuse(x.w, http.StatusForbidden, "DENIED")
		return
	}
	x.registry.answer(x.w, x.req)
}

func (x exchange) redirect() {
	x.w.Header().Set("Location", x.row.Target+x.req.URL.RequestURI())
	x.w.WriteHeader(http.StatusTemporaryRedirect)
}

func (x exchange) tooMany() {
	after := x.row.RetryAfter
	if after == "" {
		after = "1"
	}
	x.w.Header().Set("Retry-After", after)
	refuse(x.w, http.StatusTooManyRequests, "TOOMANYREQUESTS")
}

func refusal(status int, code string) func(exchange) {
	return func(x exchange) { refuse(x.w, status, code) }
}

// refuse sends an error in the form of the distribution-spec.
func refuse(w http.ResponseWriter, status int, code string) {
	type one struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(map[string][]one{"errors": {{Code: code, Message: http.StatusText(status)}}})
}
