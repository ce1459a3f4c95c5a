// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"path"

	nodepkg "github.com/aquasecurity/trivy/pkg/fanal/analyzer/language/nodejs/pkg"

	"github.com/assay-dev/assay/internal/inventory/packagedb"
)

// harmless are files, by pattern, that say nothing of packages: licences, and what belongs to a package that is known.
var harmless = []string{
	"usr/share/doc/*/copyright",
	"var/lib/dpkg/available",
	"var/lib/dpkg/info/*.md5sums",
	"var/lib/dpkg/status.d/*.md5sums",
}

// releases are files, by pattern, of which it is enough that one says which operating system it is; whether one does shows
// in the end.
var releases = []string{"etc/*-release", "etc/*_version", "usr/lib/os-release"}

// problemOf says what it means that an analyzer could not parse the file; "" if nothing.
func problemOf(file string) string {
	for _, pattern := range append(harmless, releases...) {
		if match, _ := path.Match(pattern, file); match {
			return ""
		}
	}
	if _, database := packagedb.ReaderOf(file); database {
		return "" // what is missing shows in comparison with what it claims
	}
	base := path.Base(file)
	if base == "package.json" && !nodepkg.IsPackageRoot(file) {
		// Within a package of npm there may be others for its own use, and packages that parse such files ship broken ones
		// to test themselves with. None of them is installed.
		return ""
	}
	return "the file describes packages and cannot be parsed"
}
