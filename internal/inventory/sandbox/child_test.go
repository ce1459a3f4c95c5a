// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/confine"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// The children of these tests are the test's own program under other names: a child gets no arguments and no environment,
// so all that it knows is what it is called.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if behave, ok := behaviours[name]; ok {
		behave(wire.NewReader(os.Stdin))
		os.Exit(0)
	}
	if name == "parent" {
		parent(os.Args[1], os.Args[2])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program is the path of a child that behaves as its name says.
func program(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// seen is what a good child tells of itself, as the detail of its inventory.
type seen struct {
	Layers      []int64 // bytes
	Environment []string
	Files       []string // open ones, by what they are
	Folder      string
	Request     wire.Request
}

var behaviours = map[string]func(*wire.Reader){
	"good": func(r *wire.Reader) {
		request, img := prologue(r)
		report := seen{Environment: os.Environ(), Files: openFiles(), Request: request}
		report.Folder, _ = os.Getwd()
		for range img.Distinct() {
			n, err := io.Copy(io.Discard, r.Stream())
			check(err)
			report.Layers = append(report.Layers, n)
		}
		check(os.MkdirAll(filepath.Join(request.Scratch, "some", "folder"), 0o700))
		check(os.WriteFile(filepath.Join(request.Scratch, "some", "file"), []byte("left behind"), 0o400))
		detail, err := json.Marshal(report)
		check(err)
		say(wire.Result{Outcome: wire.Indexed, Contents: &wire.Contents{
			Detail: detail, Packages: 3,
			Problems:     []inventory.Problem{{Path: "z\x1b[2J", Message: "second"}, {Path: "a", Message: strings.Repeat("long", 100)}},
			Unidentified: []string{"b.jar", "a.jar"},
		}, Confinement: wire.Confinement{Landlock: 1, NoSockets: true}})
	},
	"unconfined": func(r *wire.Reader) {
		_, img := prologue(r)
		for range img.Distinct() {
			_, err := io.Copy(io.Discard, r.Stream())
			check(err)
		}
		say(wire.Result{Outcome: wire.Indexed, Contents: &wire.Contents{Detail: json.RawMessage("{}")}})
	},
	"verbose": func(r *wire.Reader) {
		prologue(r)
		var many []inventory.Problem
		for i := range 1000 {
			many = append(many, inventory.Problem{Path: fmt.Sprintf("path/%04d", i)})
		}
		say(wire.Result{Outcome: wire.Indexed, Contents: &wire.Contents{Detail: json.RawMessage("{}"), Problems: many}})
	},
	"verbose without end": func(r *wire.Reader) {
		request, _ := prologue(r)
		const opening, closing = `{"Outcome":"Indexed","Contents":{"Detail":{},"Problems":[{}`, `]}}`
		room := int(request.Limits.ResultBytes) - len(opening) - len(closing)
		fmt.Print(opening + strings.Repeat(",{}", room/3) + closing)
	},
	"gives up at once": func(r *wire.Reader) {
		prologue(r)
		say(wire.Result{Outcome: wire.MalformedLayer, Message: "layer 1 of 1 is not a tar archive\x00"})
	},
	"over limit": func(r *wire.Reader) {
		prologue(r)
		say(wire.Result{Outcome: wire.OverLimit, Message: "the layers hold more than 10 files"})
	},
	"fails": func(r *wire.Reader) {
		prologue(r)
		say(wire.Result{Outcome: wire.Failed, Message: "no room"})
	},
	"says nothing":  func(r *wire.Reader) { prologue(r) },
	"says nonsense": func(r *wire.Reader) { prologue(r); fmt.Print(`{"Outcome": [`) },
	"empty": func(r *wire.Reader) {
		prologue(r)
		say(wire.Result{Outcome: wire.Indexed})
	},
	"floods": func(r *wire.Reader) {
		prologue(r)
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	},
	"panics": func(r *wire.Reader) { prologue(r); panic("at something hostile") },
	"exits":  func(r *wire.Reader) { prologue(r); fmt.Fprint(os.Stderr, "said by an image"); os.Exit(3) },
	"hangs": func(r *wire.Reader) {
		request, _ := prologue(r)
		check(os.WriteFile(filepath.Join(request.Scratch, "pid"), strconv.AppendInt(nil, int64(os.Getpid()), 10), 0o600))
		never, _, err := os.Pipe()
		check(err)
		_, _ = never.Read(make([]byte, 1))
	},
	"is killed": func(r *wire.Reader) { prologue(r); check(syscall.Kill(os.Getpid(), syscall.SIGKILL)) },
	"eats memory": func(r *wire.Reader) {
		request, _ := prologue(r)
		_, err := confine.Apply(request.Scratch, request.Limits)
		check(err)
		fmt.Print(len(bytes.Repeat([]byte{1}, 2*int(request.Limits.Memory))))
	},
	"leaves another": func(r *wire.Reader) {
		leaveAnother(r)
		say(wire.Result{Outcome: wire.Indexed, Contents: &wire.Contents{Detail: json.RawMessage("{}")}})
	},
	"leaves another and hangs": func(r *wire.Reader) {
		leaveAnother(r)
		never, _, err := os.Pipe()
		check(err)
		_, _ = never.Read(make([]byte, 1))
	},
	"another": func(*wire.Reader) {
		_, _ = os.NewFile(3, "life").Read(make([]byte, 1)) // until the test ends
	},
	"eats time": func(r *wire.Reader) {
		request, _ := prologue(r)
		_, err := confine.Apply(request.Scratch, request.Limits)
		check(err)
		for i := 0; ; i++ {
			_ = i
		}
	},
}

func prologue(r *wire.Reader) (request wire.Request, img wire.Image) {
	check(r.ReadMessage(&request))
	check(r.ReadMessage(&img))
	return request, img
}

// leaveAnother starts a process that has this one's standard files and lives until nobody has the other end of the pipe
// beside the program open.
func leaveAnother(r *wire.Reader) {
	prologue(r)
	life, err := os.Open(filepath.Join(filepath.Dir(os.Args[0]), "life"))
	check(err)
	self, err := os.Executable()
	check(err)
	_, err = os.StartProcess(self, []string{"another"}, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, life}})
	check(err)
}

func openFiles() []string {
	var files []string
	entries, err := os.ReadDir("/proc/self/fd")
	check(err)
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		// Not counted: the folder that is being read, and what the runtime opens for itself.
		own := strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/fs/cgroup/") || strings.HasPrefix(target, "anon_inode:")
		if err == nil && !own {
			kind, _, _ := strings.Cut(target, ":")
			files = append(files, entry.Name()+" "+kind)
		}
	}
	return files
}

func say(result wire.Result) { check(json.NewEncoder(os.Stdout).Encode(result)) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
}
