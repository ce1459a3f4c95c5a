// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gcpkms starts the part of Google Cloud KMS that signs (see test/gcpkms/server), and serves the token exchange that lets a
// Kubernetes service account in (workload identity federation), both by their own names.
package gcpkms

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-dev/assay/test/byname"
	"github.com/assay-dev/assay/test/process"
)

// The names by which the services are reached, the key that is there, and who is let in.
const (
	host     = "cloudkms.googleapis.com"
	exchange = "sts.googleapis.com"
	key      = "projects/assay/locations/europe-west3/keyRings/release/cryptoKeys/seal"
	audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/cluster/providers/kubernetes"
	subject  = "canary-of-a-service-account-token"
)

// startTimeout bounds its start, which takes less than a second on an idle host.
const startTimeout = time.Minute

// Service is a running one.
type Service struct {
	network     *byname.Network
	credentials string
}

// ForTest starts one with the program in the folder bin of the project, and ends it with the test. Without it the test is skipped.
func ForTest(t *testing.T, binaries string) *Service {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(binaries, "gcpkms", "server"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: bin/gcpkms is not built; make test builds it")
	}
	s := &Service{network: byname.New(t, host, exchange)}
	access := rand.Text()
	s.network.Serve(t, exchangeFor(access), exchange)
	s.writeCredentials(t)
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s.start(t, path, address, s.network.CertificateFile, s.network.KeyFile, access, key)
	s.network.Lead(host, address)
	return s
}

// start starts the program and waits until it listens.
func (s *Service) start(t *testing.T, path string, args ...string) {
	t.Helper()
	group, err := process.NewGroup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), startTimeout) // t.Context is done by now
		defer cancel()
		if err := group.Stop(stopping); err != nil {
			t.Error(err)
		}
	})
	started, err := group.Start(process.Spec{Name: "gcpkms", Path: path, Args: args, Env: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(startTimeout); ; {
		var dialer net.Dialer
		connection, err := dialer.DialContext(t.Context(), "tcp", args[0])
		if err == nil {
			_ = connection.Close()
			return
		}
		select {
		case <-started.Done():
			t.Fatal(started.Err())
		case <-deadline:
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URI names the key in Sigstore's form.
func (s *Service) URI() string { return "gcpkms://" + key }

// Environment is what a pod with workload identity federation has, and the way to the services.
func (s *Service) Environment() []string {
	return append(s.network.Environment(), "GOOGLE_APPLICATION_CREDENTIALS="+s.credentials)
}

// Stop takes the way to it away, before the test ends.
func (s *Service) Stop() { s.network.Stop() }

// writeCredentials writes what the client is set up with (Google, AIP-4117).
func (s *Service) writeCredentials(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	token := filepath.Join(folder, "token")
	content, err := json.Marshal(map[string]any{
		"type": "external_account", "audience": audience, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url": "https://" + exchange + "/v1/token", "credential_source": map[string]any{"file": token},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.credentials = filepath.Join(folder, "credentials.json")
	for path, content := range map[string][]byte{s.credentials: content, token: []byte(subject)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// exchangeFor gives the access token for that of the service account (RFC 8693).
func exchangeFor(access string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/v1/token" || r.PostFormValue("subject_token") != subject || r.PostFormValue("audience") != audience {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": "invalid_grant"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": access, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600,
		})
	})
}
