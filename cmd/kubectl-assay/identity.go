// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

// errNoToken says that the user has nothing by which Assay could know her.
var errNoToken = errors.New("your kubeconfig has no token, and a client certificate or a password cannot be sent to Assay: " +
	"give a token by --token, such as that of `kubectl create token SERVICEACCOUNT`")

// ownToken returns the bearer token that requests to the API server would bear, whether it stands in the kubeconfig or in a file, or
// comes from an exec plugin.
func ownToken(ctx context.Context, config *rest.Config) (string, error) {
	if impersonated := config.Impersonate; impersonated.UserName != "" || impersonated.UID != "" || len(impersonated.Groups) > 0 {
		return "", errors.New("Assay answers to you and not to whom you impersonate: leave out --as, --as-group and --as-uid") //nolint:staticcheck // A name.
	}
	settings, err := config.TransportConfig()
	if err != nil {
		return "", err
	}
	var seen authorization
	wrapped, err := transport.HTTPWrappersForConfig(settings, &seen)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://nobody.invalid", nil)
	if err != nil {
		return "", err
	}
	response, err := wrapped.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("get your token: %w", err)
	}
	_ = response.Body.Close()
	token, found := strings.CutPrefix(seen.header, "Bearer ")
	if !found || token == "" {
		return "", errNoToken
	}
	return token, nil
}

// authorization stands at the end of a chain of round trippers, sends nothing, and keeps what would have been sent.
type authorization struct{ header string }

// RoundTrip implements http.RoundTripper.
func (a *authorization) RoundTrip(request *http.Request) (*http.Response, error) {
	a.header = request.Header.Get("Authorization")
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: request}, nil
}
