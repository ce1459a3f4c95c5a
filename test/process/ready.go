// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// FreeAddress returns an address of this host, as host:port, that nobody listens on.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// AwaitReady polls url until it answers 200 or the process ends.
func (p *Process) AwaitReady(ctx context.Context, client *http.Client, url string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		answer := get(ctx, client, url)
		if answer == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.Done():
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; its last answer: %w", url, ctx.Err(), answer)
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", response.Status)
	}
	return nil
}
