// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	Layers      []int64  // bytes of those it looked into
	Found       []string // in all layers
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
		check(os.MkdirAll(filepath.Join(request.Scratch, "some", "folder"), 0o700))
		check(os.WriteFile(filepath.Join(request.Scratch, "some", "file"), []byte("left behind"), 0o400))
		work(r, img, func(_ int, size int64) []byte {
			report.Layers = append(report.Layers, size)
			return fmt.Appendf(nil, "%d bytes", size)
		}, func(found []string) (wire.Contents, wire.Details) {
			report.Found = found
			detail, err := json.Marshal(report)
			check(err)
			return wire.Contents{
				Packages: 3,
				Problems: []inventory.Problem{{Path: "z\x1b[2J", Message: "second"}, {Path: "a", Message: strings.Repeat("long", 100)}},
			}, wire.Details{Detail: detail, Jars: []inventory.Jar{{Path: "b.jar"}, {Path: "a.jar"}}}
		})
	},
	"unconfined": func(r *wire.Reader) {
		confinement = wire.Confinement{}
		_, img := prologue(r)
		work(r, img, nothing, empty)
	},
	"verbose": func(r *wire.Reader) {
		_, img := prologue(r)
		work(r, img, nothing, func([]string) (wire.Contents, wire.Details) {
			var many []inventory.Problem
			for i := range 1000 {
				many = append(many, inventory.Problem{Path: fmt.Sprintf("path/%04d", i)})
			}
			return wire.Contents{Problems: many}, wire.Details{Detail: []byte("{}")}
		})
	},
	"verbose without end": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		const room, opening, closing = 8 << 20, `{"Outcome":"Indexed","Contents":{"Problems":[{}`, `]}}`
		answer := opening + strings.Repeat(",{}", (room-len(opening)-len(closing))/3) + closing
		sayRaw(answer)
		check(stdout.WriteBytes([]byte(`{"Detail":{}}`)))
	},
	"gives up at once": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		say(wire.Answer{Outcome: wire.MalformedLayer, Message: "layer 1 of 1 is not a tar archive\x00"})
	},
	"over limit": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		say(wire.Answer{Outcome: wire.OverLimit, Message: "the layers hold more than 10 files"})
	},
	"fails": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		say(wire.Answer{Outcome: wire.Failed, Message: "no room"})
	},
	"fails at the layer with three bytes": func(r *wire.Reader) {
		_, img := prologue(r)
		work(r, img, func(index int, size int64) []byte {
			if size == 3 {
				say(wire.Answer{Outcome: wire.MalformedLayer, Message: fmt.Sprintf("layer %d", index)})
				os.Exit(0)
			}
			return nil
		}, empty)
	},
	"finds much in each layer": func(r *wire.Reader) {
		_, img := prologue(r)
		work(r, img, func(int, int64) []byte { return make([]byte, 600<<10) }, empty)
	},
	"cannot read what it is told": func(r *wire.Reader) {
		_, img := prologue(r)
		work(r, img, nothing, func(found []string) (wire.Contents, wire.Details) {
			if slices.Contains(found, "garbage") {
				say(wire.Answer{Outcome: wire.Forgotten, Message: "it is garbage"})
				os.Exit(0)
			}
			return empty(found)
		})
	},
	"never remembers": func(r *wire.Reader) {
		_, img := prologue(r)
		work(r, img, nothing, func([]string) (wire.Contents, wire.Details) {
			say(wire.Answer{Outcome: wire.Forgotten})
			os.Exit(0)
			return wire.Contents{}, wire.Details{}
		})
	},
	"knows without looking": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		check(os.Stdin.Close())
		say(wire.Answer{Outcome: wire.Indexed, Measures: &wire.Measures{}})
		check(stdout.WriteBytes(nil))
		never()
	},
	"counts below zero": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		_, err := io.Copy(io.Discard, r.Stream())
		check(err)
		say(wire.Answer{Outcome: wire.Indexed, Measures: &wire.Measures{Bytes: -1}})
		check(stdout.WriteBytes(nil))
	},
	"says nothing": func(r *wire.Reader) { prologue(r) },
	"says nonsense": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		_, err := io.Copy(io.Discard, r.Stream())
		check(err)
		sayRaw(`{"Outcome": [`)
		never()
	},
	"empty": func(r *wire.Reader) {
		_, img := prologue(r)
		work(r, img, nothing, func([]string) (wire.Contents, wire.Details) { return wire.Contents{}, wire.Details{} })
	},
	"floods": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		_, err := io.Copy(io.Discard, r.Stream())
		check(err)
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	},
	"floods with findings": func(r *wire.Reader) {
		prologue(r)
		readTask(r)
		_, err := io.Copy(io.Discard, r.Stream())
		check(err)
		say(wire.Answer{Outcome: wire.Indexed, Measures: &wire.Measures{}})
		_ = stdout.WriteStream(zeros{})
	},
	"panics": func(r *wire.Reader) { prologue(r); readTask(r); panic("at something hostile") },
	"exits":  func(r *wire.Reader) { prologue(r); readTask(r); fmt.Fprint(os.Stderr, "said by an image"); os.Exit(3) },
	"hangs": func(r *wire.Reader) {
		request, _ := prologue(r)
		check(os.WriteFile(filepath.Join(request.Scratch, "pid"), strconv.AppendInt(nil, int64(os.Getpid()), 10), 0o600))
		never()
	},
	"is killed": func(r *wire.Reader) { prologue(r); readTask(r); check(syscall.Kill(os.Getpid(), syscall.SIGKILL)) },
	"eats memory": func(r *wire.Reader) {
		request, _ := prologue(r)
		readTask(r)
		_, err := confine.Apply(request.Scratch, request.Limits)
		check(err)
		fmt.Print(len(bytes.Repeat([]byte{1}, 2*int(request.Limits.Memory))))
	},
	"leaves another": func(r *wire.Reader) {
		_, img := prologue(r)
		leaveAnother()
		work(r, img, nothing, empty)
	},
	"leaves another and hangs": func(r *wire.Reader) {
		prologue(r)
		leaveAnother()
		never()
	},
	"another": func(*wire.Reader) {
		_, _ = os.NewFile(3, "life").Read(make([]byte, 1)) // until the test ends
	},
	"eats time": func(r *wire.Reader) {
		request, _ := prologue(r)
		readTask(r)
		_, err := confine.Apply(request.Scratch, request.Limits)
		check(err)
		for i := 0; ; i++ {
			_ = i
		}
	},
}

// confinement is what the child says of itself.
var confinement = wire.Confinement{Landlock: 1, NoSockets: true}

var stdout = wire.NewWriter(os.Stdout)

// prologue is the conversation up to the image.
func prologue(r *wire.Reader) (request wire.Request, img wire.Image) {
	check(r.ReadMessage(&request))
	check(stdout.WriteMessage(wire.Greeting{Analyzers: "those of the test", Confinement: confinement}))
	if err := r.ReadMessage(&img); err != nil {
		fmt.Fprintln(os.Stderr, "no image:", err)
		os.Exit(0) // nobody had an image for it
	}
	return request, img
}

func readTask(r *wire.Reader) (task wire.Task) {
	if err := r.ReadMessage(&task); err != nil {
		fmt.Fprintln(os.Stderr, "no task:", err)
		os.Exit(0)
	}
	return task
}

// work does tasks as a good child does.
func work(r *wire.Reader, img wire.Image, layer func(int, int64) []byte, apply func([]string) (wire.Contents, wire.Details)) {
	for {
		task := readTask(r)
		if task.Apply {
			break
		}
		size, err := io.Copy(io.Discard, r.Stream())
		check(err)
		content := layer(task.Layer, size)
		say(wire.Answer{Outcome: wire.Indexed, Measures: &wire.Measures{Bytes: size, Entries: 1}})
		check(stdout.WriteBytes(content))
	}
	var found []string
	for range img.Distinct() {
		content, err := r.ReadBytes(1 << 20)
		check(err)
		found = append(found, string(content))
	}
	_, err := r.ReadBytes(1 << 20)
	check(err)
	contents, details := apply(found)
	encoded, err := json.Marshal(details)
	check(err)
	say(wire.Answer{Outcome: wire.Indexed, Contents: &contents})
	check(stdout.WriteBytes(encoded))
}

func nothing(int, int64) []byte { return nil }

func empty([]string) (wire.Contents, wire.Details) {
	return wire.Contents{}, wire.Details{Detail: []byte("{}")}
}

func never() {
	end, _, err := os.Pipe()
	check(err)
	_, _ = end.Read(make([]byte, 1))
}

// leaveAnother starts a process that has this one's standard files and lives until nobody has the other end of the pipe
// beside the program open.
func leaveAnother() {
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

func say(answer wire.Answer) { check(stdout.WriteMessage(answer)) }

func sayRaw(answer string) {
	_, err := os.Stdout.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...))
	check(err)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
}
