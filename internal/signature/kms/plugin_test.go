// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"

	"github.com/assay-dev/assay/internal/signature/kms"
)

// plugins are programs that misbehave, by the last part of the name by which this test's own program is called.
var plugins = map[string]func(){
	"endless": func() {
		out := bufio.NewWriter(os.Stdout)
		for {
			if _, err := out.WriteString("more "); err != nil {
				os.Exit(1)
			}
		}
	},
	"silent":   func() {},
	"prose":    func() { fmt.Print("it went well") },
	"empty":    func() { fmt.Print("{}") },
	"nokey":    func() { respond(common.PluginResp{PublicKey: &common.PublicKeyResp{PublicKeyPEM: []byte("nonsense")}}) },
	"controls": func() { respond(common.PluginResp{ErrorMessage: "line\x1b[31m\nanother" + strings.Repeat("é", 500)}) },
	"tells":    func() { respond(common.PluginResp{ErrorMessage: strings.Join(os.Environ(), " ")}) },
	"names":    func() { respond(common.PluginResp{ErrorMessage: "given" + namesOf(os.Environ())}) },
	"hanging":  func() { startChild("HANGING_PIDS"); <-time.After(time.Hour) },
	"leaving":  func() { startChild("LEAVING_PIDS") },
}

// startChild starts one that holds the output open, and tells who both are.
func startChild(variable string) {
	child := exec.CommandContext(context.Background(), "/bin/sleep", "600")
	child.Stdout = os.Stdout
	if child.Start() != nil || os.WriteFile(os.Getenv(variable), fmt.Appendf(nil, "%d %d", os.Getpid(), child.Process.Pid), 0o600) != nil {
		os.Exit(1)
	}
}

func TestMain(m *testing.M) {
	if name, called := strings.CutPrefix(filepath.Base(os.Args[0]), "sigstore-kms-"); called {
		plugins[name]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func respond(answer common.PluginResp) {
	if json.NewEncoder(os.Stdout).Encode(answer) != nil {
		os.Exit(2)
	}
	if answer.ErrorMessage != "" {
		os.Exit(1)
	}
}

func namesOf(environment []string) string {
	var names []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, " "+name)
	}
	slices.Sort(names)
	return strings.Join(names, "")
}

func openPlugin(ctx context.Context, t *testing.T, name string, environment ...string) error {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, err = kms.Open(ctx, kms.Options{Program: self, URI: name + "://key", Environment: environment})
	return err
}

func TestProgramsThatMisbehave(t *testing.T) {
	for name, says := range map[string]string{
		"endless": "longer than", "silent": "not of the form", "prose": "not of the form", "empty": "no public key", "nokey": "invalid public key",
	} {
		t.Run(name, func(t *testing.T) {
			if err := openPlugin(t.Context(), t, name); !errors.Is(err, kms.ErrRefused) || !strings.Contains(err.Error(), says) {
				t.Errorf("Open: %v, want one that says %q", err, says)
			}
		})
	}
}

func TestTheWordsOfAProgramArePresentable(t *testing.T) {
	err := openPlugin(t.Context(), t, "controls")
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 256 {
		t.Errorf("Open: %q", err)
	}
}

func TestAProgramGetsWhatItsServiceNeedsAndNothingElse(t *testing.T) {
	err := openPlugin(t.Context(), t, "names", "NAMES_TOKEN=a secret", "AWS_SECRET_ACCESS_KEY=another", "PATH=/bin", "HTTPS_PROXY=http://proxy", "HOME=/root")
	if err == nil || !strings.HasSuffix(err.Error(), ": given HTTPS_PROXY NAMES_TOKEN") {
		t.Errorf("the program was given %v", err)
	}
	err = openPlugin(t.Context(), t, "names")
	if err == nil || !strings.HasSuffix(err.Error(), ": given") {
		t.Errorf("the program was given %v", err)
	}
}

func TestErrorsDoNotTellWhatAProgramWasGiven(t *testing.T) {
	err := openPlugin(t.Context(), t, "tells", "TELLS_TOKEN=hvs.canary-of-a-token")
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "TELLS_TOKEN=…") {
		t.Errorf("Open: %v", err)
	}
}

func TestAProgramIsEndedWithAllThatItStarted(t *testing.T) {
	for name, variable := range map[string]string{"hanging": "HANGING_PIDS", "leaving": "LEAVING_PIDS"} {
		t.Run(name, func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- openPlugin(ctx, t, name, variable+"="+pids) }()
			var self, child int
			eventually(t, "the program starts", func() bool {
				content, _ := os.ReadFile(pids)
				n, _ := fmt.Sscanf(string(content), "%d %d", &self, &child)
				return n == 2
			})
			if name == "hanging" {
				cancel()
			}
			if err := <-ended; err == nil {
				t.Error("Open succeeded")
			}
			eventually(t, "both are ended", func() bool { return !running(self) && !running(child) })
		})
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.After(30 * time.Second); !holds(); {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// running says that there is such a process, and that it is no zombie that waits for somebody else's parent.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ") && syscall.Kill(pid, 0) == nil
}

func TestNoProgramIsLookedUpByName(t *testing.T) {
	for name, options := range map[string]kms.Options{
		"no program":       {URI: "awskms:///alias/assay"},
		"a relative path":  {Program: "assay-kms", URI: "awskms:///alias/assay"},
		"no scheme":        {Program: "/bin/true", URI: "alias/assay"},
		"a scheme of path": {Program: "/bin/true", URI: "../x://assay"},
		"a line break":     {Program: "/bin/true", URI: "awskms://a\nb"},
		"too long":         {Program: "/bin/true", URI: "awskms://" + strings.Repeat("a", 2000)},
		"nothing there":    {Program: "/nonexistent/assay-kms", URI: "awskms:///alias/assay"},
	} {
		if _, err := kms.Open(t.Context(), options); !errors.Is(err, kms.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
