// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/assay-dev/assay/internal/signature"
)

// logKeyPEM is the key of the world's log, as an API of it would tell.
func (w *world) logKeyPEM() []byte {
	w.t.Helper()
	id, err := w.log.RekorLogID()
	if err != nil {
		w.t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(w.log.RekorLogs()[id].PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})
}

// TestCVE_2023_47122: gitsign asked the log for its keys. Here a log is known by the trust root alone: whoever runs another one is not
// asked for its keys, nor believed by them where the variables of cosign's command hand them over. SEC-25.
func TestCVE_2023_47122(t *testing.T) {
	w, stranger := newWorld(t, always, always, always), newWorld(t, always, always, always)
	stranger.signer, stranger.middle, stranger.root = w.signer, w.middle, w.root
	key := stranger.logKeyPEM()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = response.Write(key)
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "log.pub")
	if err := os.WriteFile(path, key, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"SIGSTORE_REKOR_PUBLIC_KEY": path, "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": path,
		"REKOR_SERVER": server.URL, "COSIGN_REKOR_URL": server.URL, "TUF_MIRROR": server.URL, "TUF_ROOT": t.TempDir(),
		"HTTP_PROXY": server.URL, "HTTPS_PROXY": server.URL,
	} {
		t.Setenv(name, value)
	}
	transport := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = transport })
	http.DefaultTransport = refusing{t}

	for _, form := range forms {
		for by, byKey := range signers {
			t.Run(form+" by "+by, func(t *testing.T) {
				s := signing{statement: "{}", byKey: byKey, logged: moment}
				known, other := signature.Anchor{Root: w.trustRoot(), Logged: true}, signature.Anchor{Root: stranger.trustRoot(), Logged: true}
				if byKey {
					known.Key, other.Key = w.key(), w.key()
				}
				if got, err := stranger.make(form, s).check(known); err == nil {
					t.Errorf("verified by the key of a log that is not in the trust root: %+v", got)
				}
				if got, err := stranger.make(form, s).check(other); err != nil || len(got[0].Entries) != 1 {
					t.Errorf("where it is in the trust root: %+v, %v", got, err)
				}
				if got, err := w.make(form, s).check(known); err != nil || len(got[0].Entries) != 1 {
					t.Errorf("by the log of the trust root: %+v, %v", got, err)
				}
			})
		}
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests", n)
	}
}
