// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keyless_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-dev/assay/internal/signature/keyless"
)

// TestCVE_2025_27144: readers of tokens took as long, and as much memory, as a token had dots. Assay reads so much of the file as a token
// may have, and refuses to sign with it soon. SEC-34, with CVE-2026-34986.
func TestCVE_2025_27144(t *testing.T) {
	const million = 1 << 20
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://issuer.example.com","sub":"assay"}`))
	for name, token := range map[string]string{
		"a million dots":                     strings.Repeat(".", million),
		"a million dots behind a token":      "e30." + claims + ".canary" + strings.Repeat(".", million),
		"a million dots before a token":      strings.Repeat(".", million) + "e30." + claims + ".canary",
		"a million empty parts with claims":  strings.Repeat("e30.", million),
		"claims of a mebibyte":               "e30." + strings.Repeat("A", million) + ".canary",
		"claims that are nested":             "e30." + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 30_000))) + ".canary",
		"an encrypted token without a key":   "e30.." + strings.Repeat("A", 30_000) + ".A.canary",
		"a header of nothing but what opens": base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(`{"a":`, 8_000))) + "." + claims + ".canary",
		"two parts":                          "e30." + claims,
		"nothing":                            "",
		"spaces":                             strings.Repeat(" ", million),
	} {
		t.Run(name, func(t *testing.T) {
			path := optionsFor(t, "https://sigstore.example.com").TokenFile
			if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
				t.Fatal(err)
			}
			refusesSoon(t, path)
		})
	}
	t.Run("a tebibyte", func(t *testing.T) {
		path := optionsFor(t, "https://sigstore.example.com").TokenFile
		if err := errors.Join(os.Truncate(path, 0), os.Truncate(path, 1<<40)); err != nil {
			t.Skipf("no file of that size can be made here: %v", err)
		}
		refusesSoon(t, path)
	})
}

// refusesSoon says that nothing is signed with the token in a file, soon and in little memory.
func refusesSoon(t *testing.T, tokenFile string) {
	t.Helper()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	options := optionsFor(t, server.URL)
	options.TokenFile = tokenFile
	signer := open(t, options)
	const soon, little = 200 * time.Millisecond, 8 << 20
	took := soon
	for range 3 { // the fastest counts: there may be other work beside
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := signer.Bundle(t.Context(), []byte(statement))
		took = min(took, time.Since(start))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, keyless.ErrRefused) {
			t.Fatalf("got %v", err)
		}
		if strings.Contains(err.Error(), "canary") || len(err.Error()) > 256 {
			t.Errorf("the error is not fit to be shown: %v", err)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > little {
			t.Errorf("it took %d bytes of memory", allocated)
		}
	}
	if took >= soon {
		t.Errorf("it took %s or longer", took)
	}
	t.Logf("%s, %d requests", took, requests.Load())
}
