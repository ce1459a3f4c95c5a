// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package worlds makes random images and vulnerability databases, which tests hold against each other.
package worlds

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	fanal "github.com/aquasecurity/trivy/pkg/fanal/types"
)

// World makes random images of one distribution and databases that know something of them. Few names and versions make sure
// that packages meet advisories, and each other.
type World struct {
	*rand.Rand
	OS         fanal.OS
	repository *fanal.Repository
	buckets    []string
	advisory   func(w World) string
	// Vulnerabilities is how many there are of at most; a package has up to half of them.
	Vulnerabilities int
}

func (w World) pick(from ...string) string { return from[w.IntN(len(from))] }

func (w World) likely() bool { return w.IntN(10) < 7 }

func (w World) rarely() bool { return w.IntN(40) == 0 }

// later is an advisory of a distribution with one fixed version, or none.
func later(w World) string {
	return fmt.Sprintf(`{"FixedVersion":%q,"Severity":%d,"VendorIDs":[%q]}`, w.pick("", "1.0-1", "1.1-2", "1:0.9-1", "2.0-1.module_el8", "2.0-1.el8_fips"),
		w.IntN(5), w.pick("", "XSA-1", "XSA-2"))
}

func byArch(w World) string {
	return fmt.Sprintf(`{"Entries":[{"FixedVersion":%q,"Arches":["x86_64"],"VendorIDs":["XSA-3"]},{"FixedVersion":"1.1-1","Arches":["x86_64","aarch64"]}]}`,
		w.pick("1.0-1", "2.0-1", "2.0-1.el8_fips"))
}

// byCPE is an advisory of Red Hat. Those that mend a vulnerability in the same version rate it alike, since trivy takes any.
func byCPE(w World) string {
	fixed := w.pick("", "1.0-1", "0:1.1-2", "1:0.9-1")
	severity := 1 + len(strings.TrimPrefix(fixed, "0:"))%4
	return fmt.Sprintf(`{"Entries":[{"FixedVersion":%q,"Affected":[%d],"Arches":[%q],"Cves":[{"ID":"CVE-2020-0009","Severity":%d}]},{"Affected":[%d],"Cves":[{"ID":"CVE-2020-0008","Severity":1}]}]}`,
		fixed, w.IntN(3), w.pick("x86_64", "aarch64"), severity, w.IntN(3))
}

func ranges(w World) string {
	version := w.pick("1.0.0", "1.1.0", "2.0.0")
	return fmt.Sprintf(`{"VulnerableVersions":["<%s"],"PatchedVersions":[%q],"VendorIDs":["GHSA-1"]}`, version, version)
}

// Content is a database that covers the world.
func (w World) Content() Advisories {
	content := Advisories{
		"Red Hat CPE": {"repository": {
			"rhel-8-for-x86_64-baseos-rpms": fmt.Sprintf("[%d]", w.IntN(3)), "extras": fmt.Sprintf("[%d]", w.IntN(3)),
		}, "nvr": {"base-8-x86_64": "[1]"}},
	}
	sources := map[string]string{}
	content["data-source"] = map[string]map[string]string{"": sources}
	for _, bucket := range append(w.buckets, "root.io debian 12", "root.io ubuntu 22.04", "root.io alpine 3.18") {
		content[bucket] = map[string]map[string]string{}
		for _, name := range []string{"a", "b", "c", "nodejs:12::a", "seal-a"} {
			w.fill(content[bucket], name, w.advisory)
		}
	}
	for _, bucket := range []string{"seal alpine", "seal debian", "seal Red Hat", "seal Red Hat 8"} {
		content[bucket] = map[string]map[string]string{}
		w.fill(content[bucket], "seal-a", ranges)
		w.fill(content[bucket], "seal-b", ranges)
	}
	for _, bucket := range []string{"go::One", "go::Two", "npm::One", "pip::One", "seal go::", "seal npm::", "seal pip::"} {
		content[bucket] = map[string]map[string]string{}
		for _, name := range []string{"a", "b-c", "seal-a", "@seal-security/a", "sealsecurity.io/a"} {
			w.fill(content[bucket], name, ranges)
		}
	}
	for _, bucket := range slices.Sorted(maps.Keys(content)) {
		sources[bucket] = w.source(bucket)
	}
	described := map[string]string{}
	content[Described] = map[string]map[string]string{"": described}
	for range w.Vulnerabilities {
		described[w.id()] = w.details()
	}
	return content
}

func (w World) source(bucket string) string {
	return fmt.Sprintf(`{"ID":%q,"Name":%q,"BaseID":%q}`, w.pick("debian", "ghsa"), bucket, w.pick("", "debian"))
}

func (w World) details() string {
	return fmt.Sprintf(`{"Severity":%q,"VendorSeverity":{"nvd":%d,%q:%d},"PublishedDate":"20%02d-01-02T15:04:05.123Z"}`,
		w.pick("", "LOW", "HIGH"), w.IntN(5), w.pick("debian", "ghsa", "redhat"), w.IntN(5), 10+w.IntN(16))
}

func (w World) id() string {
	if w.IntN(4) == 0 {
		return fmt.Sprintf("RHSA-2020:%d", w.IntN(w.Vulnerabilities))
	}
	return fmt.Sprintf("CVE-2020-%04d", w.IntN(w.Vulnerabilities))
}

func (w World) fill(bucket map[string]map[string]string, name string, advisory func(World) string) {
	bucket[name] = map[string]string{}
	for range w.IntN(w.Vulnerabilities/2 + 2) {
		bucket[name][w.id()] = advisory(w)
	}
}

// Detail is an image.
func (w World) Detail() fanal.ArtifactDetail {
	detail := fanal.ArtifactDetail{OS: w.OS, Repository: w.repository}
	rebuilt, sealed := w.IntN(4) == 0, w.IntN(4) == 0
	for range w.IntN(12) {
		detail.Packages = append(detail.Packages, w.packaged(rebuilt, sealed))
	}
	for range w.IntN(4) {
		application := fanal.Application{Type: []fanal.LangType{fanal.GoBinary, fanal.NodePkg, fanal.PythonPkg}[w.IntN(3)]}
		if application.Type == fanal.GoBinary {
			application.FilePath = w.pick("bin/one", "bin/two")
		}
		for range w.IntN(5) {
			p := fanal.Package{
				Name: w.pick("a", "B_c", "b-c", "seal-a", "@seal-security/a", "sealsecurity.io/a"), Version: w.pick("", "0.9.0", "1.0.0", "1.1.0"),
				Dev: w.rarely(), FilePath: w.pick("", "app/one", "app/two"),
			}
			p.ID = p.Name + "@" + p.Version
			application.Packages = append(application.Packages, p)
		}
		detail.Applications = append(detail.Applications, application)
	}
	return detail
}

func (w World) packaged(rebuilt, sealed bool) fanal.Package {
	p := fanal.Package{
		Name: w.pick("a", "b", "c"), Version: w.pick("0.9", "1.0", "1.1", "2.0"), Release: w.pick("1", "2", "1.el8_fips", "1.module_el8"),
		Epoch: w.IntN(20) / 19, Arch: w.pick("x86_64", "x86_64", "aarch64", "noarch"),
	}
	if w.likely() {
		p.SrcName, p.SrcVersion, p.SrcRelease, p.SrcEpoch = w.pick("a", "b", "c"), w.pick("0.9", "1.0", "1.1"), w.pick("1", "2"), w.IntN(20)/19
	}
	if !w.likely() {
		p.Modularitylabel = w.pick("nodejs:12:8030:2", "nodejs:12", "perl:5:1:1")
	}
	if !w.likely() {
		p.BuildInfo = &fanal.BuildInfo{ContentSets: []string{w.pick("extras", "rhel-8-for-x86_64-baseos-rpms")}, Nvr: "base-8", Arch: "x86_64"}
	}
	if w.rarely() {
		p.Name = "gpg-pubkey"
	}
	if w.rarely() {
		p.Repository.Class = fanal.RepositoryClassThirdParty
	}
	if rebuilt && w.likely() {
		p.Version, p.Release = w.pick("1.0.root.io.1", "1.0"), w.pick("r10071", "1")
	}
	if sealed && w.likely() {
		p.Name = w.pick("seal-a", "Seal-b")
		p.SrcName = w.pick("", "seal-a", "seal-b")
		p.SrcRelease = w.pick("1", "1.el8+sp1")
	}
	p.ID = fmt.Sprintf("%s@%d:%s-%s.%s%s", p.Name, p.Epoch, p.Version, p.Release, p.Arch, p.Modularitylabel)
	return p
}

// All are one of each kind of distribution.
func All() map[string]World {
	return map[string]World{
		"Alma":                  {OS: fanal.OS{Family: fanal.Alma, Name: "8.9"}, buckets: []string{"alma 8"}, advisory: later},
		"Alpine":                {OS: fanal.OS{Family: fanal.Alpine, Name: "3.18.9"}, buckets: []string{"alpine 3.18"}, advisory: later},
		"Alpine, mixed":         {OS: fanal.OS{Family: fanal.Alpine, Name: "3.18.9"}, repository: &fanal.Repository{Family: fanal.Alpine, Release: "3.17.1"}, buckets: []string{"alpine 3.17", "alpine 3.18"}, advisory: later},
		"Amazon Linux":          {OS: fanal.OS{Family: fanal.Amazon, Name: "2023.1.20230705 (Amazon Linux)"}, buckets: []string{"amazon linux 2023"}, advisory: later},
		"Azure Linux":           {OS: fanal.OS{Family: fanal.Azure, Name: "3.0.20240727"}, buckets: []string{"Azure Linux 3.0"}, advisory: later},
		"Bottlerocket":          {OS: fanal.OS{Family: fanal.Bottlerocket, Name: "1.20.0"}, buckets: []string{"bottlerocket"}, advisory: later},
		"CBL-Mariner":           {OS: fanal.OS{Family: fanal.CBLMariner, Name: "2.0.20240123"}, buckets: []string{"CBL-Mariner 2.0"}, advisory: later},
		"CentOS":                {OS: fanal.OS{Family: fanal.CentOS, Name: "8.4"}, buckets: []string{"Red Hat"}, advisory: byCPE},
		"Chainguard":            {OS: fanal.OS{Family: fanal.Chainguard, Name: "20230201"}, buckets: []string{"chainguard"}, advisory: later},
		"Debian":                {OS: fanal.OS{Family: fanal.Debian, Name: "12.5"}, buckets: []string{"debian 12"}, advisory: later},
		"Echo":                  {OS: fanal.OS{Family: fanal.Echo, Name: "1"}, buckets: []string{"echo"}, advisory: later},
		"MinimOS":               {OS: fanal.OS{Family: fanal.MinimOS, Name: "20241031"}, buckets: []string{"minimos"}, advisory: later},
		"openSUSE Leap":         {OS: fanal.OS{Family: fanal.OpenSUSELeap, Name: "15.5"}, buckets: []string{"openSUSE Leap 15.5"}, advisory: later},
		"openSUSE Tumbleweed":   {OS: fanal.OS{Family: fanal.OpenSUSETumbleweed, Name: "20240607"}, buckets: []string{"openSUSE Tumbleweed"}, advisory: later},
		"Oracle Linux":          {OS: fanal.OS{Family: fanal.Oracle, Name: "8.9"}, buckets: []string{"Oracle Linux 8"}, advisory: byArch},
		"Photon":                {OS: fanal.OS{Family: fanal.Photon, Name: "5.0"}, buckets: []string{"Photon OS 5.0"}, advisory: later},
		"Red Hat":               {OS: fanal.OS{Family: fanal.RedHat, Name: "8.9"}, buckets: []string{"Red Hat"}, advisory: byCPE},
		"Rocky":                 {OS: fanal.OS{Family: fanal.Rocky, Name: "9.2"}, buckets: []string{"rocky 9"}, advisory: byArch},
		"SUSE Linux Micro":      {OS: fanal.OS{Family: fanal.SLEMicro, Name: "5.3"}, buckets: []string{"SUSE Linux Enterprise Micro 5.3"}, advisory: later},
		"SUSE Linux Enterprise": {OS: fanal.OS{Family: fanal.SLES, Name: "15.4"}, buckets: []string{"SUSE Linux Enterprise 15.4"}, advisory: later},
		"Ubuntu":                {OS: fanal.OS{Family: fanal.Ubuntu, Name: "22.04"}, buckets: []string{"ubuntu 22.04"}, advisory: later},
		"Ubuntu, extended":      {OS: fanal.OS{Family: fanal.Ubuntu, Name: "16.04", Extended: true}, buckets: []string{"ubuntu 16.04-ESM"}, advisory: later},
		"Wolfi":                 {OS: fanal.OS{Family: fanal.Wolfi, Name: "20230201"}, buckets: []string{"wolfi"}, advisory: later},
	}
}
