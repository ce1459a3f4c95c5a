// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kill_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// storeFile is what the meter calls a file of the evidence store.
const storeFile = "file of the store"

// watchStore shows the files of the evidence store to the meter: a file is about to come into being when its temporary file is
// created, and is there when that was renamed. The kernel tells of either without waiting, so that the controller may get a few
// system calls ahead.
func watchStore(t *testing.T, dir string, m *meter) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	w := &storeWatch{file: os.NewFile(uintptr(fd), "inotify"), fd: fd, dir: dir, meter: m, begun: map[string]effect{}}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run()
	}()
	t.Cleanup(func() {
		_ = w.file.Close() // it was only read from
		<-ended
	})
}

type storeWatch struct {
	file  *os.File
	fd    int
	dir   string
	tmp   int32 // the watch of the folder of temporary files
	meter *meter
	begun map[string]effect // by the name of the temporary file
}

// run reads events until the file is closed.
func (w *storeWatch) run() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.file.Read(buffer)
		if err != nil {
			return
		}
		for events := buffer[:n]; len(events) >= unix.SizeofInotifyEvent; {
			mask := binary.NativeEndian.Uint32(events[4:])
			length := binary.NativeEndian.Uint32(events[12:])
			name := events[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+length]
			w.handle(int32(binary.NativeEndian.Uint32(events)), mask, string(bytes.TrimRight(name, "\x00")))
			events = events[unix.SizeofInotifyEvent+length:]
		}
	}
}

func (w *storeWatch) handle(watch int32, mask uint32, name string) {
	switch {
	case watch != w.tmp:
		if name == temporary { // The store makes it anew when it is opened, and fills it later.
			tmp, err := unix.InotifyAddWatch(w.fd, filepath.Join(w.dir, name), unix.IN_CREATE|unix.IN_MOVED_FROM)
			if err == nil { // else it is gone again
				w.tmp = int32(tmp)
			}
		}
	case mask&unix.IN_CREATE != 0:
		if e, ok := w.meter.begin(storeFile); ok {
			w.begun[name] = e
		}
	case mask&unix.IN_MOVED_FROM != 0:
		if e, ok := w.begun[name]; ok {
			w.meter.end(e)
		}
	}
}

// temporary is the folder of files that are being written, as internal/evidence/disk documents it.
const temporary = "tmp"

// leftovers counts files that were being written when the controller was killed.
func leftovers(t *testing.T, store string) int {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(store, temporary))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(files)
}
