// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package advisories

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/aquasecurity/trivy-db/pkg/db"
	dbtypes "github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy/pkg/detector/library"
	"github.com/aquasecurity/trivy/pkg/detector/ospkg"
	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/aquasecurity/trivy/pkg/types"
	"github.com/aquasecurity/trivy/pkg/vulnerability"
	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/assay-dev/assay/test/images"
)

// matcher asks trivy's detectors with a database of ours.
type matcher struct{ *testing.T }

// open makes a database, as the change leaves it, the one that the detectors look into.
func open(t *testing.T, change func(*Database)) matcher {
	t.Helper()
	d := load(t)
	if change != nil {
		change(d)
	}
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := db.Init(dir, db.WithBoltOptions(&bolt.Options{ReadOnly: true})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return matcher{t}
}

func load(t *testing.T) *Database {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// distribution lists findings in the packages of a distribution, as "package id severity fixed".
func (m matcher) distribution(family ftypes.OSType, release string, packages []ftypes.Package) []string {
	m.Helper()
	detector, err := ospkg.NewDetector(types.ScanTarget{OS: ftypes.OS{Family: family, Name: release}, Packages: packages})
	if err != nil {
		m.Fatal(err)
	}
	found, _, err := detector.Detect(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	return findings(found)
}

// library lists findings in one package of a language.
func (m matcher) library(kind ftypes.LangType, name, version string) []string {
	m.Helper()
	found, err := library.Detect(m.Context(), kind, []ftypes.Package{{Name: name, Version: version}})
	if err != nil {
		m.Fatal(err)
	}
	return findings(found)
}

func findings(found []types.DetectedVulnerability) []string {
	vulnerability.NewClient(db.Config{}).FillInfo(found, []dbtypes.SourceID{"auto"})
	lines := []string{}
	for _, f := range found {
		line := fmt.Sprintf("%s %s %s %s", f.PkgName, f.VulnerabilityID, f.Severity, f.FixedVersion) //nolint:staticcheck // it is what trivy reports
		lines = append(lines, strings.TrimSpace(line))
	}
	slices.Sort(lines)
	return lines
}

// debian reads the package database of a Debian image.
func debian(t *testing.T, release string) (packages []ftypes.Package) {
	t.Helper()
	f, err := images.Metadata().Open(release + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	for r := textproto.NewReader(bufio.NewReader(f)); ; {
		h, err := r.ReadMIMEHeader()
		if len(h) > 0 {
			packages = append(packages, debianPackage(h))
		}
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func debianPackage(h textproto.MIMEHeader) ftypes.Package {
	p := ftypes.Package{Name: h.Get("Package"), Version: h.Get("Version"), SrcName: h.Get("Package"), SrcVersion: h.Get("Version")}
	if name, version, _ := strings.Cut(h.Get("Source"), " ("); name != "" {
		p.SrcName = name
		if version != "" {
			p.SrcVersion = strings.TrimSuffix(version, ")")
		}
	}
	return p
}

// alpine reads the package database of the Alpine image.
func alpine(t *testing.T) (packages []ftypes.Package) {
	t.Helper()
	body, err := fs.ReadFile(images.Metadata(), "alpine-3.20.0/installed")
	if err != nil {
		t.Fatal(err)
	}
	for stanza := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n\n") {
		var p ftypes.Package
		for line := range strings.SplitSeq(stanza, "\n") {
			switch field, value, _ := strings.Cut(line, ":"); field {
			case "P":
				p.Name = value
			case "V":
				p.Version, p.SrcVersion = value, value
			case "o":
				p.SrcName = value
			}
		}
		packages = append(packages, p)
	}
	return packages
}

func TestFindingsInTheImages(t *testing.T) {
	m := open(t, nil)
	tests := map[string]struct{ got, want []string }{
		"Debian 12.1 has critical ones with a fix, one without, and known-exploited ones": {
			m.distribution(ftypes.Debian, "12.1", debian(t, "debian-12.1")),
			[]string{
				"curl CVE-2023-38545 CRITICAL 7.88.1-10+deb12u4",
				"curl CVE-2023-38546 LOW 7.88.1-10+deb12u4",
				"libc6 CVE-2023-4911 HIGH 2.36-9+deb12u3",
				"libc6 CVE-2023-6246 HIGH 2.36-9+deb12u4",
				"libc6 CVE-2024-2961 HIGH 2.36-9+deb12u6",
				"libcurl4 CVE-2023-38545 CRITICAL 7.88.1-10+deb12u4",
				"libcurl4 CVE-2023-38546 LOW 7.88.1-10+deb12u4",
				"libexpat1 CVE-2024-45491 CRITICAL 2.5.0-1+deb12u1",
				"libnghttp2-14 CVE-2023-44487 HIGH 1.52.0-1+deb12u1",
				"libssl3 CVE-2023-3446 MEDIUM 3.0.10-1~deb12u1",
				"libssl3 CVE-2023-5363 HIGH 3.0.11-1~deb12u2",
				"libssl3 CVE-2024-5535 CRITICAL 3.0.15-1~deb12u1",
				"openssl CVE-2023-3446 MEDIUM 3.0.10-1~deb12u1",
				"openssl CVE-2023-5363 HIGH 3.0.11-1~deb12u2",
				"openssl CVE-2024-5535 CRITICAL 3.0.15-1~deb12u1",
				"zlib1g CVE-2023-45853 CRITICAL",
			},
		},
		"Debian 12.11 with security updates has none": {m.distribution(ftypes.Debian, "12.11", debian(t, "debian-12.11")), []string{}},
		"Debian 13 is not covered and so has none":    {m.distribution(ftypes.Debian, "13.1", debian(t, "debian-12.1")), []string{}},
		"Alpine 3.20.0 has one of unknown severity": {
			m.distribution(ftypes.Alpine, "3.20.0", alpine(t)),
			[]string{
				"busybox CVE-2023-42364 MEDIUM 1.36.1-r29",
				"busybox CVE-2023-42365 MEDIUM 1.36.1-r29",
				"libcrypto3 CVE-2024-4741 UNKNOWN 3.3.0-r3",
				"libcrypto3 CVE-2024-5535 CRITICAL 3.3.1-r1",
				"libcrypto3 CVE-2024-6119 HIGH 3.3.2-r0",
				"libssl3 CVE-2024-4741 UNKNOWN 3.3.0-r3",
				"libssl3 CVE-2024-5535 CRITICAL 3.3.1-r1",
				"libssl3 CVE-2024-6119 HIGH 3.3.2-r0",
			},
		},
		"lodash 4.17.20": {
			m.library(ftypes.NodePkg, "lodash", "4.17.20"),
			[]string{"lodash CVE-2020-28500 MEDIUM 4.17.21", "lodash CVE-2021-23337 HIGH 4.17.21"},
		},
		"lodash 4.17.21 has none": {m.library(ftypes.NodePkg, "lodash", "4.17.21"), []string{}},
		"log4j-core 2.14.1": {
			m.library(ftypes.Jar, "org.apache.logging.log4j:log4j-core", "2.14.1"),
			[]string{"org.apache.logging.log4j:log4j-core CVE-2021-44228 CRITICAL 2.15.0"},
		},
		"an old golang.org/x/crypto": {
			m.library(ftypes.GoBinary, "golang.org/x/crypto", "v0.30.0"),
			[]string{"golang.org/x/crypto CVE-2024-45337 CRITICAL 0.31.0"},
		},
		"an old golang.org/x/net": {
			m.library(ftypes.GoBinary, "golang.org/x/net", "v0.22.0"),
			[]string{"golang.org/x/net CVE-2023-45288 MEDIUM 0.23.0", "golang.org/x/net CVE-2024-45338 HIGH 0.33.0"},
		},
		"an old Go": {m.library(ftypes.GoBinary, "stdlib", "v1.22.3"), []string{"stdlib CVE-2024-24790 CRITICAL 1.21.11, 1.22.4"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTheProjectItselfIsNotBlocked holds every module of go.mod against the database: an image of the project must be good
// enough for the demo's strictest environment.
func TestTheProjectItselfIsNotBlocked(t *testing.T) {
	m := open(t, nil)
	var got []string
	for name, version := range requirements(t) {
		got = append(got, m.library(ftypes.GoBinary, name, version)...)
	}
	want := []string{"github.com/sigstore/cosign/v2 CVE-2026-24122 LOW"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAReleaseCanBeCovered(t *testing.T) {
	m := open(t, func(d *Database) {
		d.Cover("debian 13", Source{ID: "debian", Name: "Debian Security Tracker"})
		d.Set("debian 13", "glibc", "CVE-2023-4911", Advisory{Fixed: "2.36-9+deb12u3"})
	})
	got := m.distribution(ftypes.Debian, "13.1", debian(t, "debian-12.1"))
	if diff := cmp.Diff([]string{"libc6 CVE-2023-4911 HIGH 2.36-9+deb12u3"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestAmazonWithoutVersionPanicsTheDetector keeps images.AmazonWithoutVersion to what it is for.
func TestAmazonWithoutVersionPanicsTheDetector(t *testing.T) {
	m := open(t, nil)
	defer func() {
		if recover() == nil {
			t.Error("no panic: the image needs another way to be hostile")
		}
	}()
	m.distribution(ftypes.Amazon, "", []ftypes.Package{{Name: "bash", Version: "4.2.46-34"}})
}

func TestOneFactFlipsOneFinding(t *testing.T) {
	const glibc = "libc6 CVE-2023-4911"
	packages := debian(t, "debian-12.1")
	tests := map[string]struct {
		change func(*Database)
		want   string
	}{
		"as it is": {nil, glibc + " HIGH 2.36-9+deb12u3"},
		"removed":  {func(d *Database) { d.Remove("debian 12", "glibc", "CVE-2023-4911") }, ""},
		"without a fix": {
			func(d *Database) { d.Set("debian 12", "glibc", "CVE-2023-4911", Advisory{Status: "affected"}) },
			glibc + " HIGH",
		},
		"more severe": {
			func(d *Database) {
				d.Describe("CVE-2023-4911", Vulnerability{Severity: map[string]string{"nvd": "CRITICAL"}})
			},
			glibc + " CRITICAL 2.36-9+deb12u3",
		},
		"with its release uncovered": {func(d *Database) { d.Uncover("debian 12") }, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, line := range open(t, tt.change).distribution(ftypes.Debian, "12.1", packages) {
				if strings.HasPrefix(line, glibc) {
					got = line
				}
			}
			if got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}
