// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package vault starts a HashiCorp Vault for tests: its real core, API and transit secrets engine (see test/vault/server).
package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-dev/assay/test/process"
)

// startTimeout bounds its start, which takes less than a second on an idle host.
const startTimeout = time.Minute

// Vault is a running one.
type Vault struct {
	url, token string
	// Stop ends it, before the test does.
	Stop func()
}

// ForTest starts one with the program in the folder bin of the project, and ends it with the test. Without the program the test is skipped.
func ForTest(t *testing.T, binaries string) *Vault {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(binaries, "vault", "vault"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: bin/vault is not built; make test builds it")
	}
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	group, err := process.NewGroup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v := &Vault{url: "http://" + address, token: "canary-of-a-root-token"}
	v.Stop = func() {
		stopping, cancel := context.WithTimeout(context.Background(), startTimeout) // the test's is done by then
		defer cancel()
		if err := group.Stop(stopping); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(v.Stop)
	started, err := group.Start(process.Spec{Name: "vault", Path: path, Args: []string{address, v.token}, Env: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	starting, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if err := started.AwaitReady(starting, http.DefaultClient, v.url+"/v1/sys/health"); err != nil {
		t.Fatal(err)
	}
	v.Do(t, http.MethodPost, "sys/mounts/transit", `{"type":"transit"}`)
	return v
}

// Environment is what a client needs.
func (v *Vault) Environment() []string {
	return []string{"VAULT_ADDR=" + v.url, "VAULT_TOKEN=" + v.token}
}

// Token is the root token.
func (v *Vault) Token() string { return v.token }

// AddKey makes a key of a type such as ecdsa-p256 and returns its URI in Sigstore's form.
func (v *Vault) AddKey(t *testing.T, name, kind string) string {
	t.Helper()
	v.Do(t, http.MethodPost, "transit/keys/"+name, fmt.Sprintf(`{"type":%q}`, kind))
	return "hashivault://" + name
}

// Do asks for something as root.
func (v *Vault) Do(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, v.url+"/v1/"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Vault-Token", v.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s, %v: %s", method, path, response.Status, err, content)
	}
	var answer map[string]any
	if len(content) > 0 {
		if err := json.Unmarshal(content, &answer); err != nil {
			t.Fatal(err)
		}
	}
	return answer
}
