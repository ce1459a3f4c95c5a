// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/test/story"
)

// stored is under which TrustedImages stand in etcd, followed by namespace/name.
const stored = "/registry/assay.dev/trustedimages/"

// pageSize is how many are read at a time.
const pageSize = 500

// storedSizes reads from etcd itself, by its HTTP gateway, how many bytes each TrustedImage has there.
func storedSizes(ctx context.Context, w *story.World) (map[client.ObjectKey]int, error) {
	socket := filepath.Join(w.Dir(), "kubernetes", "etcd.sock:0")
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	etcd := &http.Client{Transport: transport}
	sizes := map[client.ObjectKey]int{}
	end := []byte(stored[:len(stored)-1] + "0") // what comes after all that begin so
	for from := []byte(stored); ; {
		page, more, err := readPage(ctx, etcd, from, end)
		if err != nil {
			return nil, fmt.Errorf("read etcd: %w", err)
		}
		for _, pair := range page {
			namespace, name, _ := strings.Cut(strings.TrimPrefix(string(pair.Key), stored), "/")
			sizes[client.ObjectKey{Namespace: namespace, Name: name}] = len(pair.Value)
			from = append(bytes.Clone(pair.Key), 0)
		}
		if !more {
			return sizes, nil
		}
	}
}

// pair is what etcd has under a key.
type pair struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

func readPage(ctx context.Context, etcd *http.Client, from, end []byte) (page []pair, more bool, err error) {
	question, err := json.Marshal(map[string]any{"key": from, "range_end": end, "limit": pageSize})
	if err != nil {
		return nil, false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://etcd/v3/kv/range", bytes.NewReader(question))
	if err != nil {
		return nil, false, err
	}
	response, err := etcd.Do(request)
	if err != nil {
		return nil, false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, false, fmt.Errorf("status %s", response.Status)
	}
	var answer struct {
		Pairs []pair `json:"kvs"`
		More  bool   `json:"more"`
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.Pairs, answer.More, err
}
