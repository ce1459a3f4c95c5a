// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

func TestWhatLibrariesSayIsForDebugging(t *testing.T) {
	for name, test := range map[string]struct {
		debug bool
		want  []string
	}{
		"usually":       {false, []string{"broken"}},
		"for debugging": {true, []string{"severities of others", "broken"}},
	} {
		t.Run(name, func(t *testing.T) {
			var written bytes.Buffer
			library := slog.New(librariesTo(zap.New(zap.UseDevMode(test.debug), zap.WriteTo(&written))))
			library.Debug("every list of packages")
			library.Info("every list of packages")
			library.Warn("severities of others")
			library.Error("broken")
			lines := strings.Split(strings.TrimSpace(written.String()), "\n")
			for i, want := range test.want {
				if i >= len(lines) || !strings.Contains(lines[i], want) {
					t.Fatalf("written:\n%s\nwant %q", written.String(), test.want)
				}
			}
			if strings.Contains(written.String(), "every list") {
				t.Errorf("written:\n%s", written.String())
			}
		})
	}
}
