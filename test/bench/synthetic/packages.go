// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package synthetic

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/aquasecurity/trivy/pkg/purl"
	"github.com/aquasecurity/trivy/pkg/types"
)

// ecosystem is how the packages of a language lie in an image.
type ecosystem struct {
	kind ftypes.LangType
	// buckets begin with this prefix.
	prefix string
	// application is the file that all packages are in, file that of one package; one of the two is empty.
	application string
	file        func(name, version string) string
	// share of the images, of 100.
	share int
	// typical is the median of the number of packages.
	typical int
}

func ecosystems() []ecosystem {
	return []ecosystem{
		{kind: ftypes.NodePkg, prefix: "npm::", share: 30, typical: 120,
			file: func(name, _ string) string { return "app/node_modules/" + name + "/package.json" }},
		{kind: ftypes.GoBinary, prefix: "go::", share: 30, typical: 45, application: "app/server"},
		{kind: ftypes.PythonPkg, prefix: "pip::", share: 25, typical: 40,
			file: func(name, version string) string {
				return "usr/local/lib/python3/site-packages/" + name + "-" + version + ".dist-info/METADATA"
			}},
		{kind: ftypes.GemSpec, prefix: "rubygems::", share: 10, typical: 60,
			file: func(name, version string) string {
				return "usr/local/bundle/specifications/" + name + "-" + version + ".gemspec"
			}},
		{kind: ftypes.ComposerVendor, prefix: "composer::", share: 5, typical: 40, application: "app/vendor/composer/installed.json"},
	}
}

// languagePackage is one as trivy's analyzers find it.
func (e ecosystem) languagePackage(name, version string) ftypes.Package {
	if e.kind == ftypes.GoBinary {
		version = "v" + strings.TrimPrefix(version, "v")
	}
	pkg := ftypes.Package{ID: name + "@" + version, Name: name, Version: version}
	if e.file != nil {
		pkg.FilePath = e.file(name, version)
	}
	identify(e.kind, types.Metadata{}, &pkg)
	return pkg
}

// osPackage is one binary package of a source package, as trivy's analyzers find it.
func osPackage(os ftypes.OS, name, source, version string) ftypes.Package {
	pkg := ftypes.Package{ID: name + "@" + version, Name: name, SrcName: source, Arch: "amd64"}
	if os.Family == ftypes.Alpine {
		pkg.Arch, pkg.Version, pkg.SrcVersion, pkg.AnalyzedBy = "x86_64", version, version, "apk"
	} else {
		pkg.Epoch, pkg.Version, pkg.Release = splitDebian(version)
		pkg.SrcEpoch, pkg.SrcVersion, pkg.SrcRelease, pkg.AnalyzedBy = pkg.Epoch, pkg.Version, pkg.Release, "dpkg"
	}
	identify(os.Family, types.Metadata{OS: &os}, &pkg)
	return pkg
}

// splitDebian takes a version apart: [epoch:]upstream[-revision] (deb-version(7)).
func splitDebian(text string) (epoch int, upstream, revision string) {
	if before, after, found := strings.Cut(text, ":"); found {
		epoch, _ = strconv.Atoi(before) // 0 for what is no number
		text = after
	}
	if at := strings.LastIndexByte(text, '-'); at >= 0 {
		return epoch, text[:at], text[at+1:]
	}
	return epoch, text, ""
}

// identify gives a package its URL and a number of its own, as trivy does.
func identify(kind ftypes.TargetType, of types.Metadata, pkg *ftypes.Package) {
	if made, err := purl.New(kind, of, *pkg); err == nil && made != nil {
		pkg.Identifier.PURL = made.Unwrap()
	}
	hash := fnv.New64a()
	_, _ = fmt.Fprint(hash, kind, pkg.ID, pkg.FilePath) // It never fails.
	pkg.Identifier.UID = fmt.Sprintf("%016x", hash.Sum64())
}
