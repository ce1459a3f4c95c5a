// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/aquasecurity/trivy/pkg/fanal/types"
)

// Databases of operating systems' packages are read twice: by trivy, which drops what it cannot parse, and by a simpler
// reader, which only wants to know what trivy should have found. What is missing then makes an inventory incomplete.

// claim is what a package database says it holds.
type claim struct {
	// packages that trivy must have found, by the identifiers that it gives them.
	packages map[string]bool
	// anyPackage: the database cannot be read here, but an empty one is none.
	anyPackage bool
	// fault is what is wrong with the database itself.
	fault string
}

// reader reads a package database.
type reader func(io.Reader) (claim, error)

// databaseReader returns the reader for the file, if it is a package database that trivy reads.
func databaseReader(file string) (reader, bool) {
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

// unsupportedDatabases are those that trivy passes over: of pacman, Portage, opkg, XBPS and Nix, by their files, or by the
// files within a folder.
var unsupportedDatabases = []string{
	"var/lib/pacman/local/*/desc",
	"var/db/pkg/*/*/CONTENTS",
	"usr/lib/opkg/status",
	"var/lib/opkg/status",
	"var/db/xbps/pkgdb-*.plist",
	"nix/var/nix/db/db.sqlite",
}

// unsupportedDatabase says whether the file is one of those.
func unsupportedDatabase(file string) bool {
	return slices.ContainsFunc(unsupportedDatabases, func(pattern string) bool {
		match, _ := path.Match(pattern, file)
		return match
	})
}

// compare returns what is wrong with a database of which trivy found the packages, and "" if it found them all.
func (c claim) compare(found types.Packages) string {
	if c.fault != "" {
		return c.fault
	}
	if c.anyPackage && len(found) == 0 {
		return "no package of the database can be read"
	}
	missing := map[string]bool{}
	for id := range c.packages {
		missing[id] = true
	}
	for _, p := range found {
		delete(missing, identifier(p))
	}
	if len(missing) == 0 {
		return ""
	}
	first := ""
	for id := range missing {
		if first == "" || id < first {
			first = id
		}
	}
	return fmt.Sprintf("%d of %d packages cannot be read, the first is %.100s", len(missing), len(c.packages), first)
}

// identifier is what a claim calls a package.
func identifier(p types.Package) string {
	if p.ID == "" {
		return p.Name
	}
	return p.ID
}

// readRPM leaves reading to trivy: the formats are binary, and it fails as a whole.
func readRPM(io.Reader) (claim, error) { return claim{anyPackage: true}, nil }
