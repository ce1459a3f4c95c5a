// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// testdata holds package metadata of distributions: the fields and versions are theirs, the descriptions ours.
//
//go:embed testdata
var testdata embed.FS

// Releases whose metadata is under testdata; see [Metadata].
const (
	debian12u1  = "debian-12.1"
	debian12u11 = "debian-12.11"
	alpine3200  = "alpine-3.20.0"
)

// Metadata is the folder of package metadata that the images of Debian and Alpine are made of: debian-12.1/status,
// debian-12.11/status, alpine-3.20.0/installed and their releases.
func Metadata() fs.FS {
	sub, err := fs.Sub(testdata, "testdata")
	if err != nil {
		return embed.FS{} // not with a constant, valid name
	}
	return sub
}

// VulnerableDebian is Debian 12.1 as it was released, for root: glibc, openssl, curl, expat and nghttp2 have vulnerabilities
// that were fixed later, among them critical and known-exploited ones, and zlib has a critical one that Debian does not fix.
func VulnerableDebian() (v1.Image, error) { return debian(debian12u1, Spec{}) }

// PatchedDebian is Debian 12.11 with security updates, for another user than root. It has none of those vulnerabilities.
func PatchedDebian() (v1.Image, error) { return debian(debian12u11, Spec{User: NonRoot}) }

// VulnerableDebianARM is [VulnerableDebian] for linux/arm64.
func VulnerableDebianARM() (v1.Image, error) {
	return debian(debian12u1, Spec{Platform: v1.Platform{OS: "linux", Architecture: "arm64"}})
}

// DistrolessDebian has the packages of [VulnerableDebian] in the way of distroless: no package manager, a file for each
// package in status.d, and another user than root.
func DistrolessDebian() (v1.Image, error) {
	files, err := debianFiles(debian12u1, "amd64")
	if err != nil {
		return nil, err
	}
	var all []File
	for _, f := range files {
		if f.Path != dpkgStatus {
			all = append(all, f)
			continue
		}
		for _, stanza := range strings.Split(strings.TrimSpace(string(f.Body)), "\n\n") {
			all = append(all, File{Path: path.Join("var/lib/dpkg/status.d", packageName(stanza)), Body: []byte(stanza + "\n")})
		}
	}
	return fromFiles(Spec{User: NonRoot}, all...)
}

// UncoveredDebian is Debian 13, a release that the test advisories say nothing about.
func UncoveredDebian() (v1.Image, error) {
	files, err := debianFiles(debian12u11, "amd64")
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		switch f.Path {
		case "etc/debian_version":
			files[i].Body = []byte("13.1\n")
		case "usr/lib/os-release":
			files[i].Body = []byte(strings.NewReplacer("12", "13", "bookworm", "trixie").Replace(string(f.Body)))
		}
	}
	return fromFiles(Spec{User: NonRoot}, files...)
}

func debian(release string, s Spec, more ...File) (v1.Image, error) {
	arch := s.Platform.Architecture
	if arch == "" {
		arch = "amd64"
	}
	files, err := debianFiles(release, arch)
	if err != nil {
		return nil, err
	}
	return fromFiles(s, append(files, more...)...)
}

const dpkgStatus = "var/lib/dpkg/status"

// debianFiles is the root file system of a release, as far as a scanner looks at it.
func debianFiles(release, arch string) ([]File, error) {
	files, err := readAll(release, map[string]string{
		"debian_version": "etc/debian_version",
		"os-release":     "usr/lib/os-release",
		"status":         dpkgStatus,
	})
	if err != nil {
		return nil, err
	}
	for i := range files {
		files[i].Body = bytes.ReplaceAll(files[i].Body, []byte("Architecture: amd64"), []byte("Architecture: "+arch))
	}
	return append(files, File{Path: "etc/os-release", Type: symlink, Link: "../usr/lib/os-release"}), nil
}

// readAll reads the files of a release and puts them at their places, in the order of their names.
func readAll(release string, places map[string]string) ([]File, error) {
	entries, err := fs.ReadDir(testdata, path.Join("testdata", release))
	if err != nil {
		return nil, fmt.Errorf("read the metadata of %s: %w", release, err)
	}
	var files []File
	for _, e := range entries {
		body, err := fs.ReadFile(testdata, path.Join("testdata", release, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the metadata of %s: %w", release, err)
		}
		files = append(files, File{Path: places[e.Name()], Body: body})
	}
	return files, nil
}

func packageName(stanza string) string {
	first, _, _ := strings.Cut(stanza, "\n")
	return strings.TrimPrefix(first, "Package: ")
}
