// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-dev/assay/test/process"
)

// distributionStart bounds the start of the CNCF Distribution registry, which takes a fraction of a second on an idle host.
const distributionStart = time.Minute

// Distribution starts the CNCF Distribution registry, which ends with the test, and returns its host. It has no referrers API
// and is no kin of the registry of [New]. The test is skipped where `make clients` did not build it;
// binaries is the folder bin of the project.
func Distribution(t testing.TB, binaries string) (host string) {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(binaries, "clients", "registry"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("SKIPPED: bin/clients/registry is not built; make test builds it")
	}
	host, err = process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("version: 0.1\nlog: {level: warn}\nstorage: {inmemory: {}}\nhttp: {addr: %q}\n", host)
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	group, err := process.NewGroup(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), distributionStart) // t.Context is done by now
		defer cancel()
		if err := group.Stop(stopping); err != nil {
			t.Error(err)
		}
	})
	starting, cancel := context.WithTimeout(t.Context(), distributionStart)
	defer cancel()
	registry, err := group.Start(process.Spec{Name: "registry", Path: program, Args: []string{"serve", "config.yaml"}, Env: []string{"HOME=" + dir, "OTEL_TRACES_EXPORTER=none"}})
	if err == nil {
		err = registry.AwaitReady(starting, http.DefaultClient, "http://"+host+"/v2/")
	}
	if err != nil {
		t.Fatal(err)
	}
	return host
}
