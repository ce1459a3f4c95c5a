// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keyless

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	// maxAnswer bounds what a service may answer, in bytes. An entry of the log with its proof has a few KiB.
	maxAnswer = 1 << 20
	// maxMessage bounds the text of an error, in bytes.
	maxMessage = 200
)

// guarded lets requests end with the context, whoever makes them, and answers only with what a service itself said. A redirect is not
// followed: it would take the token elsewhere (CVE-2026-49478 of Fulcio is one of its kind). Neither is what stands in a refusal passed on.
func guarded(ctx context.Context) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := http.DefaultTransport.RoundTrip(request.WithContext(ctx))
		if err != nil {
			return nil, &failure{ErrUnreachable, "no answer from " + request.URL.Host}
		}
		switch status := response.StatusCode; {
		case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
			err = &failure{ErrUnreachable, fmt.Sprintf("%s answers with status %d", request.URL.Host, status)}
		case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
			err = &failure{ErrRefused, fmt.Sprintf("%s answers with a redirect, which is not followed", request.URL.Host)}
		case status >= http.StatusBadRequest:
			err = &failure{ErrRefused, fmt.Sprintf("%s answers with status %d", request.URL.Host, status)}
		default:
			return response, nil
		}
		_ = response.Body.Close()
		return nil, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// log writes to a Rekor v2 (sigstore/rekor-tiles, api/openapi).
type log struct {
	url       string
	transport http.RoundTripper
}

// Add implements sign.RekorV2Client.
func (l log) Add(ctx context.Context, entry any) (*protorekor.TransparencyLogEntry, error) {
	record, isRecord := entry.(*rekortiles.HashedRekordRequestV002)
	if !isRecord {
		return nil, fmt.Errorf("an entry of type %T is not for a log of version 2", entry)
	}
	body, err := protojson.Marshal(&rekortiles.CreateEntryRequest{
		Spec: &rekortiles.CreateEntryRequest_HashedRekordRequestV002{HashedRekordRequestV002: record},
	})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(l.url, "/")+"/api/v2/log/entries", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := l.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, &failure{ErrUnreachable, "no answer from " + request.URL.Host}
	}
	var logged protorekor.TransparencyLogEntry
	if err := protojson.Unmarshal(answer, &logged); err != nil {
		return nil, &failure{ErrRefused, request.URL.Host + " answers with what is no entry of a log"}
	}
	return &logged, nil
}

// failure is an error of a service.
type failure struct {
	kind error
	text string
}

// Error implements error.
func (f *failure) Error() string { return f.kind.Error() + ": " + f.text }

// Unwrap returns the kind.
func (f *failure) Unwrap() error { return f.kind }

// explain leaves of an error what is the same each time and fit for a status.
func explain(err error) error {
	var known *failure
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, ErrUnreachable) || errors.Is(err, ErrRefused):
		return err
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return &failure{ErrUnreachable, "no answer in time"}
	}
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, err.Error())
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage-len("…")], "") + "…"
	}
	return &failure{ErrRefused, text}
}
