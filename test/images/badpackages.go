// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// MalformedDpkg is [VulnerableDebian] with a line without a colon in the entry of libssl3, over which parsers stumble: the
// package is easily lost without a word.
func MalformedDpkg() (v1.Image, error) {
	return alteredDebian("Package: libssl3\n", "Package: libssl3\nthis line is no field\n")
}

// OverlongDpkg is [VulnerableDebian] with a line of 200 KiB in the entry of bash, over which scanners lose the whole database.
func OverlongDpkg() (v1.Image, error) {
	return alteredDebian("Package: bash\n", "Package: bash\nX-Filler: "+strings.Repeat("x", 200<<10)+"\n")
}

// BinaryDpkg is [VulnerableDebian] with random bytes as its package database.
func BinaryDpkg() (v1.Image, error) {
	files, err := debianFiles(debian12u1, "amd64")
	if err != nil {
		return nil, err
	}
	return fromFiles(Spec{}, append(without(files, dpkgStatus), File{Path: dpkgStatus, Body: noise(8 << 10)})...)
}

// MalformedRPM is a Rocky Linux 9.4 with random bytes as its package database.
func MalformedRPM() (v1.Image, error) {
	return fromFiles(Spec{},
		File{Path: "etc/os-release", Body: []byte("NAME=\"Rocky Linux\"\nID=rocky\nVERSION_ID=\"9.4\"\n")},
		File{Path: "etc/redhat-release", Body: []byte("Rocky Linux release 9.4 (Blue Onyx)\n")},
		File{Path: "var/lib/rpm/rpmdb.sqlite", Body: noise(8 << 10)},
	)
}

// OverlongApk is [Alpine] with dependencies of busybox that fill more than 64 KiB in one line, after which scanners stop
// without an error: the vulnerable openssl behind it stays unseen.
func OverlongApk() (v1.Image, error) {
	files, err := alpineFiles()
	if err != nil {
		return nil, err
	}
	if err := alter(files, apkInstalled, "D:so:libc.musl-x86_64.so.1\n", "D:"+strings.Repeat("so:libc.musl-x86_64.so.1 ", 4<<10)+"\n"); err != nil {
		return nil, err
	}
	return fromFiles(Spec{}, files...)
}

const lodashManifest = "app/node_modules/lodash/package.json"

// NodeModules is [PatchedDebian] with lodash 4.17.20 of npm, which has vulnerabilities that 4.17.21 fixes.
func NodeModules() (v1.Image, error) {
	return debian(debian12u11, Spec{User: NonRoot},
		File{Path: lodashManifest, Body: []byte(`{"name":"lodash","version":"4.17.20","license":"MIT"}`)})
}

// BrokenPackageJSON is [NodeModules] with the end of lodash's package.json cut off.
func BrokenPackageJSON() (v1.Image, error) {
	return debian(debian12u11, Spec{User: NonRoot},
		File{Path: lodashManifest, Body: []byte(`{"name":"lodash","version":"4.17.20","lic`)})
}

// AmazonWithoutVersion calls itself Amazon Linux and does not say which, at which trivy's detector panics.
func AmazonWithoutVersion() (v1.Image, error) {
	return fromFiles(Spec{},
		File{Path: "etc/system-release", Body: []byte("Amazon Linux \n")},
		File{Path: "var/lib/dpkg/status", Body: []byte("Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 4.2.46-34\n")},
	)
}

// alteredDebian is [VulnerableDebian] with one change in its package database.
func alteredDebian(before, after string) (v1.Image, error) {
	files, err := debianFiles(debian12u1, "amd64")
	if err != nil {
		return nil, err
	}
	if err := alter(files, dpkgStatus, before, after); err != nil {
		return nil, err
	}
	return fromFiles(Spec{}, files...)
}

// alter replaces the first occurrence of a text in one of the files.
func alter(files []File, path, before, after string) error {
	for i, f := range files {
		if f.Path == path && bytes.Contains(f.Body, []byte(before)) {
			files[i].Body = bytes.Replace(f.Body, []byte(before), []byte(after), 1)
			return nil
		}
	}
	return fmt.Errorf("alter %s: %w", path, errors.New("what to replace is not there"))
}

func without(files []File, path string) []File {
	var rest []File
	for _, f := range files {
		if f.Path != path {
			rest = append(rest, f)
		}
	}
	return rest
}

// noise is n random bytes, always the same.
func noise(n int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = source.Read(b) // it never fails
	return b
}
