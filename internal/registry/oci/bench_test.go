// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// BenchmarkBlob reads 64 MiB, as Assay does and as a plain client that only hashes.
func BenchmarkBlob(b *testing.B) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "/blobs/") {
			_, _ = w.Write(content)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	client, err := New(Options{AllowedAddresses: allowLoopback, InsecureHosts: []string{host}, RequestsPerSecond: 1000})
	if err != nil {
		b.Fatal(err)
	}
	reader, err := client.Reader(registry.Credentials{})
	if err != nil {
		b.Fatal(err)
	}
	repository, err := image.ParseRepository(host + "/" + repositoryPath)
	if err != nil {
		b.Fatal(err)
	}
	descriptor := image.Descriptor{Digest: image.DigestOf(content), Size: int64(len(content))}
	b.Run("Assay", func(b *testing.B) {
		b.SetBytes(descriptor.Size)
		for b.Loop() {
			blob, err := reader.Blob(b.Context(), repository, descriptor)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, blob); err != nil {
				b.Fatal(err)
			}
			if err := blob.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(descriptor.Size)
		for b.Loop() {
			response, err := http.Get(server.URL + "/blobs/x") //nolint:noctx // The yardstick is as plain as can be.
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(sha256.New(), response.Body); err != nil {
				b.Fatal(err)
			}
			if err := response.Body.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
