// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/storetest"
)

// writeInto names the folder that the test binary, started anew as a child, writes into until it is killed; writeFrom the
// first number that it writes.
const (
	writeInto = "ASSAY_TEST_WRITE_INTO"
	writeFrom = "ASSAY_TEST_WRITE_FROM"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writeInto); dir != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	writers  = 4
	subjects = 3 // of each writer
)

// generation is content that tells its number and has a size that depends on it.
func generation(n int) []byte {
	return append([]byte(strconv.Itoa(n)+"\n"), bytes.Repeat([]byte{byte(n)}, n*7919%200_000)...)
}

func numberOf(content []byte) (int, error) {
	head, _, _ := bytes.Cut(content, []byte("\n"))
	n, err := strconv.Atoi(string(head))
	if err == nil && !bytes.Equal(content, generation(n)) {
		return 0, fmt.Errorf("generation %d is not whole: %d bytes", n, len(content))
	}
	return n, err
}

func subjectName(writer, n int) string { return fmt.Sprintf("%d/%d", writer, n%subjects) }

// writeUntilKilled is the child: every writer replaces the pieces of its subjects again and again, and says so afterwards.
func writeUntilKilled(dir string) error {
	first, err := strconv.Atoi(os.Getenv(writeFrom))
	if err != nil {
		return err
	}
	store, err := Open(dir)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	failed := make(chan error, writers)
	for writer := range writers {
		wait.Go(func() {
			for n := first; ; n++ {
				name := subjectName(writer, n)
				err := store.Put(context.Background(), storetest.Subject(name), evidence.KindInventory, generation(n))
				if err == nil {
					err = store.Write(context.Background(), evidence.Environment{Namespace: "x", Name: name}, generation(n))
				}
				if err != nil {
					failed <- err
					return
				}
				fmt.Printf("%s %d\n", name, n)
			}
		})
	}
	return <-failed
}

// A process is killed with SIGKILL while it writes, again and again on the same folder: whatever it said it had written is
// there, in that state or a later one, and whatever is there is whole.
func TestKilledInTheMiddleOfAWrite(t *testing.T) {
	dir := t.TempDir()
	halves := 0
	for round := range 12 {
		said := killAfter(t, dir, 1_000_000*round, 1+round*7%23)
		leftovers, err := os.ReadDir(filepath.Join(dir, temporary))
		must(t, err)
		halves += len(leftovers)

		store := open(t, dir)
		for writer := range writers {
			for n := range subjects {
				check(t, store, subjectName(writer, n), said)
			}
		}
		must(t, store.Close())
	}
	t.Logf("12 kills left %d half-written files", halves)
	if halves == 0 {
		t.Error("no kill hit a write: the test shows nothing")
	}
}

// killAfter starts the child, kills it when it has said so many lines, and returns the last number of each subject.
func killAfter(t *testing.T, dir string, first, lines int) map[string]int {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), writeInto+"="+dir, writeFrom+"="+strconv.Itoa(first))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	said := map[string]int{}
	scanner := bufio.NewScanner(out)
	for count := 0; scanner.Scan(); count++ {
		name, number, _ := strings.Cut(scanner.Text(), " ")
		n, err := strconv.Atoi(number)
		must(t, err)
		said[name] = n
		if count == lines {
			must(t, child.Process.Kill())
		}
	}
	if err := child.Wait(); err == nil || len(said) == 0 {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return said
}

func check(t *testing.T, store *Store, name string, said map[string]int) {
	t.Helper()
	least, wasSaid := said[name]
	piece, getErr := store.Get(t.Context(), storetest.Subject(name), evidence.KindInventory)
	record, readErr := store.Read(t.Context(), evidence.Environment{Namespace: "x", Name: name})
	for about, got := range map[string]struct {
		content []byte
		err     error
	}{"piece": {piece, getErr}, "record": {record, readErr}} {
		if got.err != nil {
			if wasSaid {
				t.Errorf("%s of %s: %v, and it was said to be written", about, name, got.err)
			}
			continue
		}
		if n, err := numberOf(got.content); err != nil || n < least {
			t.Errorf("%s of %s: generation %d, %v, want at least %d", about, name, n, err, least)
		}
	}
}
