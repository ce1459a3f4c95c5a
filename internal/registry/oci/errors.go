// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

const (
	maxMessage    = 256
	maxRetryAfter = time.Hour
)

// about is what a request is about, for messages. They name the registry, what was asked for and what to do, and nothing
// that changes from one try to the next or that the registry wrote.
type about struct {
	repository image.Repository
	// what is asked for, such as "the tag 1.8 of shop/checkout".
	what string
	// anonymous says that no credentials were given for the repository.
	anonymous bool
	// push says that something is being written.
	push bool
}

// failure makes an error whose message is bounded and printable whatever stands in it.
func failure(kind registry.Kind, cause error, format string, args ...any) *registry.Error {
	message := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, fmt.Sprintf(format, args...))
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage-3], "") + "..."
	}
	return registry.NewError(kind, cause, "%s", message)
}

// answered turns a response that is no success into an error.
func (a about) answered(response *http.Response, now time.Time) *registry.Error {
	return a.status(response.StatusCode, retryAfter(response.Header.Get("Retry-After"), now))
}

func (a about) status(status int, after time.Duration) *registry.Error {
	host := a.repository.Host()
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, a.push && status == http.StatusMethodNotAllowed:
		return a.unauthorized()
	case status == http.StatusNotFound:
		return failure(registry.KindNotFound, nil, "registry %s does not have %s: push it there, or correct the reference", host, a.what)
	case status == http.StatusTooManyRequests:
		err := failure(registry.KindUnavailable, nil, "registry %s asks for fewer requests: Assay tries again later", host)
		err.RetryAfter = after
		return err
	}
	err := failure(registry.KindUnavailable, nil, "registry %s answered with status %d when asked for %s", host, status, a.what)
	err.RetryAfter = after
	return err
}

func (a about) unauthorized() *registry.Error {
	host, path := a.repository.Host(), a.repository.Path()
	switch {
	case a.push:
		return failure(registry.KindUnauthorized, nil,
			"registry %s does not let Assay push to %s: allow it in the registry, and give Assay credentials for it", host, path)
	case a.anonymous:
		return failure(registry.KindUnauthorized, nil,
			"registry %s wants credentials for %s: add a pull secret for it to spec.imagePullSecrets", host, path)
	}
	return failure(registry.KindUnauthorized, nil,
		"registry %s refused the credentials for %s: correct the pull secret in spec.imagePullSecrets", host, path)
}

// failed turns an error of the way to the registry and back into one of the port.
func (a about) failed(ctx context.Context, err error) *registry.Error {
	var known *registry.Error
	if errors.As(err, &known) {
		return known
	}
	host := a.repository.Host()
	var address *addressError
	var refusal *transport.Error
	var busy *busyError
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		return failure(registry.KindUnavailable, ctx.Err(), "registry %s was not waited for: the work was ended", host)
	case errors.As(err, &address):
		return failure(registry.KindForbiddenAddress, nil,
			"registry %s, or where it sends Assay, has %s, which Assay may not connect to: have it allowed where Assay is installed", host, address.kind)
	case errors.As(err, &busy):
		return a.status(busy.status, busy.after)
	case errors.As(err, &refusal) && refusal.StatusCode != http.StatusNotFound:
		return a.status(refusal.StatusCode, 0)
	case errors.As(err, &refusal): // of the handshake, which says nothing of what is asked for
		return failure(registry.KindUnavailable, nil, "registry %s cannot be used: it does not answer as a registry does", host)
	case errors.Is(err, errTokenHost):
		return failure(registry.KindUnauthorized, nil,
			"registry %s sends for tokens to another owner's host, which may not see its credentials: list that token service where Assay is installed", host)
	}
	return failure(registry.KindUnavailable, ended(err), "registry %s cannot be used: %s", host, a.cause(err))
}

// ended is what is kept of an error's chain. The rest may hold what a token service wrote.
func ended(err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// cause says in words that do not change what stands between Assay and the registry.
func (a about) cause(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case isCertificateError(err):
		return "its certificate is not valid or not trusted; give its authority in spec.source.registry.certSecretRef"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "its host name does not exist"
	case errors.As(err, &dns):
		return "its host name cannot be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refuses connections"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no way to its address"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time"
	case errors.Is(err, errPlainHTTP), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it speaks plain HTTP, which is not allowed for it"
	case errors.Is(err, errRedirects):
		return "it redirects without end"
	case errors.Is(err, errForeignHost), errors.Is(err, errRealm):
		return "what it says of how to log in cannot be followed"
	}
	return "the connection broke"
}

func isCertificateError(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// retryAfter reads the header of that name (RFC 9110): seconds or a date. What is neither is nothing.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// sameOrigin says that two URLs are of one host over one scheme.
func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
