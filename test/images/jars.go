// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// NamedJar is [PatchedDebian] with log4j-core 2.14.1 of Maven, as its pom.properties says: critical and known-exploited
// (CVE-2021-44228).
func NamedJar() (v1.Image, error) {
	return withJar("app/lib/log4j-core-2.14.1.jar", map[string]string{
		"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n",
		"META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties": "groupId=org.apache.logging.log4j\n" +
			"artifactId=log4j-core\nversion=2.14.1\n",
	})
}

// NamelessJar is [PatchedDebian] with a jar that neither its name nor anything in it identifies.
func NamelessJar() (v1.Image, error) {
	return withJar("app/lib/plugin.jar", map[string]string{
		"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n",
		"a/B.class":            "\xca\xfe\xba\xbe",
	})
}

// BrokenJar is [PatchedDebian] with a jar that is no zip file.
func BrokenJar() (v1.Image, error) {
	return debian(debian12u11, Spec{User: NonRoot}, File{Path: "app/lib/broken.jar", Body: noise(4 << 10)})
}

func withJar(path string, entries map[string]string) (v1.Image, error) {
	body, err := zipped(entries)
	if err != nil {
		return nil, err
	}
	return debian(debian12u11, Spec{User: NonRoot}, File{Path: path, Body: body})
}

// zipped makes a zip file with the entries in the order of their names.
func zipped(entries map[string]string) ([]byte, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		f, err := w.Create(name)
		if err != nil {
			return nil, fmt.Errorf("add %s: %w", name, err)
		}
		if _, err := f.Write([]byte(entries[name])); err != nil {
			return nil, fmt.Errorf("add %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end the zip file: %w", err)
	}
	return buf.Bytes(), nil
}
