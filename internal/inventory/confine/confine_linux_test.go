// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"time"

	landlocksys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/assay-dev/assay/internal/inventory/wire"
	"github.com/assay-dev/assay/internal/resident"
)

// attempts are what a confined process tries. Each returns what it got.
var attempts = map[string]func(folder string) error{
	"read a file elsewhere": func(string) error {
		_, err := os.ReadFile("/etc/passwd")
		return err
	},
	"write to a folder elsewhere": func(folder string) error {
		return os.WriteFile(filepath.Join(filepath.Dir(folder), "escaped"), nil, 0o600)
	},
	"write to its folder": func(folder string) error {
		return os.WriteFile(filepath.Join(folder, "file"), []byte("content"), 0o600)
	},
	"write a file that is too large": func(folder string) error {
		return os.WriteFile(filepath.Join(folder, "large"), make([]byte, testLimits.FileSize+1), 0o600)
	},
	"open a socket": func(string) error {
		_, err := net.Dial("udp", "192.0.2.1:53")
		return err
	},
	"open a socket in another thread": func(string) error {
		failed := make(chan error)
		go func() {
			runtime.LockOSThread() // and so a thread of its own, which the goroutine takes with it
			_, err := net.Dial("tcp", "192.0.2.1:80")
			failed <- err
		}()
		return <-failed
	},
	"start a program": func(string) error {
		return syscall.Exec(os.Args[0], []string{"program"}, nil)
	},
	"take too much memory": func(string) error {
		return fmt.Errorf("got %d bytes", len(bytes.Repeat([]byte{1}, 2*int(testLimits.Memory))))
	},
	"take too much time": func(string) error {
		for i := 0; ; i++ { // until the kernel ends it
			_ = i
		}
	},
	"gain privileges in another thread": func(string) error {
		failed := make(chan error)
		go func() {
			runtime.LockOSThread()
			noNewPrivileges, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
			failed <- cmp.Or(err, fmt.Errorf("no new privileges: %d", noNewPrivileges))
		}()
		return <-failed
	},
}

var testLimits = wire.Limits{Memory: 512 << 20, CPU: 2 * time.Second, FileSize: 1 << 20}

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "attempt" {
		resident.ForgetStart() // as the indexer does, which must not harm anything
		confinement, err := Apply(os.Args[3], testLimits)
		fmt.Printf("%+v %v: %v\n", confinement, err, attempts[os.Args[2]](os.Args[3]))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestConfined(t *testing.T) {
	version, err := landlocksys.LandlockGetABIVersion()
	landlocked := err == nil && version > 0
	if !landlocked {
		t.Log("the kernel has no Landlock: files elsewhere are not tried")
	}
	for attempt, test := range map[string]struct {
		want          string // in the output, as a regular expression
		needsLandlock bool
	}{
		"read a file elsewhere":             {want: "permission denied", needsLandlock: true},
		"write to a folder elsewhere":       {want: "permission denied", needsLandlock: true},
		"write to its folder":               {want: "<nil>\n"},
		"write a file that is too large":    {want: "file too large"},
		"open a socket":                     {want: "operation not permitted"},
		"open a socket in another thread":   {want: "operation not permitted"},
		"start a program":                   {want: "operation not permitted"},
		"gain privileges in another thread": {want: "no new privileges: 1"},
		// In the middle of a collection, the runtime of Go 1.26 faults instead.
		"take too much memory": {want: "out of memory|cannot allocate memory|SIGSEGV: segmentation violation"},
		"take too much time":   {want: "killed"},
	} {
		t.Run(attempt, func(t *testing.T) {
			if test.needsLandlock && !landlocked {
				t.Skip("needs Landlock")
			}
			folder := filepath.Join(t.TempDir(), "scratch")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			output := try(t, attempt, folder)
			if !regexp.MustCompile(test.want).MatchString(output) {
				t.Errorf("got %.300q, want %q", output, test.want)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(folder), "escaped")); landlocked && err == nil {
				t.Error("it wrote outside of its folder")
			}
		})
	}
}

// try runs an attempt in a process of its own and returns what it said, or that it was killed.
func try(t *testing.T, attempt, folder string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "attempt", attempt, folder)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return "killed"
	}
	return string(output)
}
