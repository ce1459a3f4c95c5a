// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package packagedb reads the databases of operating systems' packages, for a second time: trivy drops what it cannot parse
// of one, and this simpler reader only wants to know what trivy should have found. What is missing then makes an inventory
// incomplete.
package packagedb

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
)

// Claim is what a package database says it holds.
type Claim struct {
	// packages that must have been found: name@version, or the name alone where the version is not read.
	packages map[string]bool
	// anyPackage: the database cannot be read here, but an empty one is none.
	anyPackage bool
	// fault is what is wrong with the database itself.
	fault string
}

// Reader reads a package database. Its errors are of what it reads from.
type Reader func(io.Reader) (Claim, error)

// ReaderOf returns the reader for a file of an image, if it is a package database that trivy reads.
func ReaderOf(file string) (Reader, bool) {
	switch file {
	case "var/lib/dpkg/status":
		return readDpkg, true
	case "lib/apk/db/installed", "usr/lib/apk/db/installed":
		return readApk, true
	case "var/lib/rpmmanifest/container-manifest-2":
		return readRPMManifest, true
	case "usr/lib/sysimage/rpm/Packages", "var/lib/rpm/Packages", // Berkeley DB
		"usr/lib/sysimage/rpm/Packages.db", "var/lib/rpm/Packages.db", // NDB
		"usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite", "usr/share/rpm/rpmdb.sqlite":
		return readRPM, true
	}
	// Distroless images have a file for each package.
	if path.Dir(file) == "var/lib/dpkg/status.d" && path.Ext(file) != ".md5sums" {
		return readDpkg, true
	}
	return nil, false
}

// unsupported are the databases that trivy passes over: of pacman, Portage, opkg, XBPS and Nix, by patterns of their files.
var unsupported = []string{
	"var/lib/pacman/local/*/desc",
	"var/db/pkg/*/*/CONTENTS",
	"usr/lib/opkg/status",
	"var/lib/opkg/status",
	"var/db/xbps/pkgdb-*.plist",
	"nix/var/nix/db/db.sqlite",
}

// Unsupported says that a file of an image is of a package database that trivy passes over.
func Unsupported(file string) bool {
	return slices.ContainsFunc(unsupported, func(pattern string) bool {
		match, _ := path.Match(pattern, file)
		return match
	})
}

// Compare returns what is wrong with a database of which the given packages were found, and "" if they are all.
func (c Claim) Compare(found []string) string {
	if c.fault != "" {
		return c.fault
	}
	if c.anyPackage && len(found) == 0 {
		return "no package of the database can be read"
	}
	missing := maps.Clone(c.packages)
	for _, p := range found {
		delete(missing, p)
	}
	if len(missing) == 0 {
		return ""
	}
	first := slices.Min(slices.Collect(maps.Keys(missing)))
	return fmt.Sprintf("%d of %d packages cannot be read, the first is %.100s", len(missing), len(c.packages), first)
}

// readRPM leaves reading to trivy: the formats are binary, and it fails as a whole.
func readRPM(io.Reader) (Claim, error) { return Claim{anyPackage: true}, nil }
