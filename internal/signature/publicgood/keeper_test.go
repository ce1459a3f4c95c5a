// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package publicgood_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/assay-dev/assay/internal/signature/publicgood"
)

func TestRootIsATrustRoot(t *testing.T) {
	trusted, err := root.NewTrustedRootFromJSON(publicgood.Root())
	if err != nil {
		t.Fatal(err)
	}
	if len(trusted.RekorLogs()) == 0 || len(trusted.FulcioCertificateAuthorities()) == 0 || len(trusted.CTLogs()) == 0 || len(trusted.TimestampingAuthorities()) == 0 {
		t.Error("something is missing in it")
	}
	publicgood.Root()[0]++
	if _, err := root.NewTrustedRootFromJSON(publicgood.Root()); err != nil {
		t.Error("what is done to the answer is done to the root")
	}
}

// kept is a repository with a keeper.
type kept struct {
	t *testing.T
	*repository
	server *httptest.Server
	keeper *publicgood.Keeper
}

func newKept(t *testing.T) kept {
	t.Helper()
	r := newRepository(t)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return kept{t, r, server, &publicgood.Keeper{Folder: t.TempDir(), Mirror: server.URL, Trusted: r.file("1.root.json")}}
}

// restarted is the same after a restart.
func (k kept) restarted() kept {
	k.keeper = &publicgood.Keeper{Folder: k.keeper.Folder, Mirror: k.keeper.Mirror, Trusted: k.keeper.Trusted}
	return k
}

func (k kept) refresh(wantChanged bool) {
	k.t.Helper()
	changed, err := k.keeper.Refresh(k.t.Context())
	if err != nil || changed != wantChanged {
		k.t.Fatalf("changed: %v, %v", changed, err)
	}
}

// refused says that a refresh fails and that the root stays what it is.
func (k kept) refused() {
	k.t.Helper()
	before := k.keeper.Current()
	if changed, err := k.keeper.Refresh(k.t.Context()); err == nil || changed {
		k.t.Errorf("taken; changed: %v", changed)
	}
	k.has(before)
}

func (k kept) has(want []byte) {
	k.t.Helper()
	if !bytes.Equal(k.keeper.Current(), want) {
		k.t.Error("the keeper has another root")
	}
}

// variant is the trust root with so many more spaces: the same, and yet another file.
func variant(n int) []byte { return append(publicgood.Root(), bytes.Repeat([]byte(" "), n)...) }

func TestAKeeperContactsNobodyUntilItIsTold(t *testing.T) {
	k := newKept(t)
	k.publish(variant(1))
	k.has(publicgood.Root())
	(&publicgood.Keeper{}).Current()
	if n := k.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestRefreshGetsWhatIsPublished(t *testing.T) {
	k := newKept(t)
	for n := range 3 {
		k.publish(variant(n + 1))
		k.refresh(true)
		k.has(variant(n + 1))
		k.refresh(false)
	}
	k.rotateRoot()
	k.publish(variant(7))
	k.refresh(true)
	k = k.restarted()
	k.has(variant(7))
	k.refresh(false)
	k.publish(publicgood.Root())
	k.refresh(true)
	k.restarted().has(publicgood.Root())
}

// TestRollback: who serves an older state again does not get it taken, not even after a restart. CVE-2022-29173, CVE-2024-47534.
func TestRollback(t *testing.T) {
	k := newKept(t)
	k.publish(variant(1))
	older := k.files()
	k.rotateRoot()
	k.publish(variant(2))
	k.refresh(true)
	for name, serve := range map[string]map[string][]byte{
		"all of it":                         older,
		"the timestamp only":                with(k.files(), "timestamp.json", older["timestamp.json"]),
		"an older root under the next name": with(k.files(), "3.root.json", older["1.root.json"]),
	} {
		t.Run(name, func(t *testing.T) {
			k := k
			k.t = t
			k.serve(serve)
			k.refused()
			k = k.restarted()
			k.has(variant(2))
			k.refused()
		})
	}
}

// TestWhatIsNotSignedAsItMustBe is not taken. CVE-2026-23992, CVE-2026-24686.
func TestWhatIsNotSignedAsItMustBe(t *testing.T) {
	stranger := newRepository(t)
	stranger.publish(variant(9))
	for name, arrange := range map[string]func(k kept){
		"everything by a stranger":  func(k kept) { k.serve(stranger.files()) },
		"the timestamp's signature": func(k kept) { k.serve(with(k.files(), "timestamp.json", stranger.file("timestamp.json"))) },
		"the next root by a stranger": func(k kept) {
			stranger := newRepository(t)
			stranger.rotateRoot()
			k.serve(with(k.files(), "2.root.json", stranger.file("2.root.json")))
		},
		"the trust root's content": func(k kept) {
			files := k.files()
			for name := range files {
				if bytes.HasSuffix([]byte(name), []byte(".trusted_root.json")) {
					files[name] = variant(8)
				}
			}
			k.serve(files)
		},
		"an expired timestamp": func(k kept) { k.expires = time.Now().Add(-time.Hour); k.publish(variant(3)) },
		"no trust root":        func(k kept) { k.publish([]byte("{}")) },
		"too large":            func(k kept) { k.publish(variant(1 << 20)) },
		"too large a file": func(k kept) {
			k.serve(with(k.files(), "timestamp.json", append(k.file("timestamp.json"), bytes.Repeat([]byte(" "), 20<<10)...)))
		},
		"nothing":        func(k kept) { k.serve(nil) },
		"nobody answers": func(k kept) { k.server.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKept(t)
			k.publish(variant(1))
			k.refresh(true)
			k.publish(variant(2))
			arrange(k)
			k.refused()
			k.restarted().has(variant(1))
		})
	}
}

// TestNothingLargeIsRead, even when it is signed.
func TestNothingLargeIsRead(t *testing.T) {
	k := newKept(t)
	k.publish(variant(4 << 20))
	if _, err := k.keeper.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 4194304 bytes") {
		t.Errorf("got %v", err)
	}
}

// TestABrokenFolder does not keep a newer root from being taken, nor what was built in from being there.
func TestABrokenFolder(t *testing.T) {
	k := newKept(t)
	k.publish(variant(1))
	k.refresh(true)
	files := 0
	err := filepath.WalkDir(k.keeper.Folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		return os.WriteFile(path, []byte("broken"), 0o600)
	})
	if err != nil || files < 4 {
		t.Fatalf("%d files, %v", files, err)
	}
	k = k.restarted()
	k.has(publicgood.Root())
	k.publish(variant(2))
	k.refresh(true)
	k.has(variant(2))
}

func TestWithoutAFolderNothingIsRefreshed(t *testing.T) {
	k := newKept(t)
	k.publish(variant(1))
	k.keeper.Folder = ""
	k.refused()
	if n := k.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestRefreshEndsWithItsContext(t *testing.T) {
	k := newKept(t)
	k.publish(variant(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.keeper.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	k.has(publicgood.Root())
}
