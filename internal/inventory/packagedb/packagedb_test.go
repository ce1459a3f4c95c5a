// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package packagedb

import (
	"bytes"
	"strings"
	"testing"
)

// Whatever stands in a database, reading it ends, and what it claims is a fault or has a name.
func fuzzDatabase(f *testing.F, read Reader) {
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := read(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		for id := range c.packages {
			if strings.LastIndex(id, "@") < 1 {
				t.Errorf("claims %q", id)
			}
		}
		if problem := c.Compare(nil); problem == "" && len(c.packages) > 0 {
			t.Error("nobody misses what is claimed and not found")
		}
	})
}

func FuzzReadDpkg(f *testing.F) {
	f.Add([]byte("Package: bash\nStatus: install ok installed\nVersion: 5.2\nDescription: a shell\n .\n of many\n\n"))
	f.Add([]byte("Package: a\r\nVersion: 1\r\n\r\n:\n\n \nPACKAGE:b\nversion:2"))
	f.Add(bytes.Repeat([]byte("x"), 2*maxField))
	fuzzDatabase(f, readDpkg)
}

func FuzzReadApk(f *testing.F) {
	f.Add([]byte("C:Q1==\nP:musl\nV:1.2.5-r0\nF:lib\nR:ld.so\n\nP:curl\nV:8"))
	f.Add([]byte("P:\nV:\n\n:\nP"))
	fuzzDatabase(f, readApk)
}

func TestCompare(t *testing.T) {
	found := []string{"a@1", "b"}
	for name, test := range map[string]struct {
		claim Claim
		want  string
	}{
		"all are found":                {Claim{packages: map[string]bool{"a@1": true, "b": true}}, ""},
		"nothing is claimed":           {Claim{}, ""},
		"some package is wanted":       {Claim{anyPackage: true}, ""},
		"some are missing":             {Claim{packages: map[string]bool{"a@1": true, "d@1": true, "c@1": true}}, "2 of 3 packages cannot be read, the first is c@1"},
		"the database itself is wrong": {Claim{fault: "torn"}, "torn"},
	} {
		if got := test.claim.Compare(found); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestWhichFilesAreDatabases(t *testing.T) {
	for file, want := range map[string]struct{ read, unsupported bool }{
		"var/lib/dpkg/status":                     {read: true},
		"var/lib/dpkg/status.d/bash":              {read: true},
		"var/lib/dpkg/status.d/bash.md5sums":      {},
		"var/lib/dpkg/status.d/more/bash":         {},
		"var/lib/dpkg/status-old":                 {},
		"app/var/lib/dpkg/status":                 {},
		"lib/apk/db/installed":                    {read: true},
		"usr/lib/apk/db/installed":                {read: true},
		"var/lib/rpm/Packages":                    {read: true},
		"usr/share/rpm/rpmdb.sqlite":              {read: true},
		"var/lib/rpm/rpmdb.sqlite-wal":            {},
		"var/lib/pacman/local/bash-5.2-1/desc":    {unsupported: true},
		"var/lib/pacman/sync/core.db":             {},
		"var/db/pkg/app-shells/bash-5.2/CONTENTS": {unsupported: true},
		"nix/var/nix/db/db.sqlite":                {unsupported: true},
	} {
		_, read := ReaderOf(file)
		if got := Unsupported(file); read != want.read || got != want.unsupported {
			t.Errorf("%s: read %t, unsupported %t", file, read, got)
		}
	}
}

func TestPackagesThatAreNotInstalledAreNotClaimed(t *testing.T) {
	c, err := readDpkg(strings.NewReader("Package: a\nStatus: deinstall ok config-files\nVersion: 1\n\n" +
		"Package: b\nStatus: purge ok not-installed\nVersion: 1\n\nPackage: c\nStatus: install ok not-installed\n\n" +
		"Package: d\nStatus: hold ok config-files\n\nPackage: e\nStatus: install ok half-configured\nVersion: 1\n"))
	if err != nil || len(c.packages) != 1 || !c.packages["e@1"] || c.fault != "" {
		t.Errorf("claims %v, fault %q, error %v", c.packages, c.fault, err)
	}
}
