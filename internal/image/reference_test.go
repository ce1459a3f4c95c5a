// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/image"
)

const (
	hexA    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB    = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	digestA = "sha256:" + hexA
	digestB = "sha256:" + hexB
)

// SEC-48: which spellings name the same repository, which name another one, and which name none.
func TestParseRepository(t *testing.T) {
	for about, test := range map[string]struct{ in, want string }{
		"a bare name is in Docker Hub's library":        {"nginx", "docker.io/library/nginx"},
		"a name with a folder is in Docker Hub":         {"grafana/loki", "docker.io/grafana/loki"},
		"Docker Hub's library written out":              {"docker.io/library/nginx", "docker.io/library/nginx"},
		"Docker Hub's library left out":                 {"docker.io/nginx", "docker.io/library/nginx"},
		"Docker Hub's old name":                         {"index.docker.io/nginx", "docker.io/library/nginx"},
		"Docker Hub's old name with the library":        {"index.docker.io/library/nginx", "docker.io/library/nginx"},
		"Docker Hub in capitals":                        {"DOCKER.io/nginx", "docker.io/library/nginx"},
		"a host in capitals":                            {"GHCR.io/Org/x", ""},
		"a host in capitals before a lower-case path":   {"GHCR.io/org/x", "ghcr.io/org/x"},
		"a host that begins like another":               {"ghcr.io.evil.com/org/x", "ghcr.io.evil.com/org/x"},
		"a host that ends like Docker Hub":              {"evil-docker.io/nginx", "evil-docker.io/nginx"},
		"Docker Hub with a port is another registry":    {"docker.io:443/nginx", "docker.io:443/nginx"},
		"a host with a port":                            {"registry.example.com:5000/x", "registry.example.com:5000/x"},
		"the default port is left out":                  {"registry.example.com:443/x", "registry.example.com/x"},
		"another port is kept":                          {"registry.example.com:8443/x", "registry.example.com:8443/x"},
		"a port that makes a name a host is kept":       {"registry:443/x", "registry:443/x"},
		"a host without a dot but with a port":          {"registry:5000/x", "registry:5000/x"},
		"localhost is a host":                           {"localhost/x", "localhost/x"},
		"localhost alone is a name":                     {"localhost", "docker.io/library/localhost"},
		"a first part without dot or colon is a folder": {"registry/x", "docker.io/registry/x"},
		"an IPv4 address":                               {"10.0.0.1:5000/x", "10.0.0.1:5000/x"},
		"an IPv6 address":                               {"[::1]:5000/x", "[::1]:5000/x"},
		"an IPv6 address spelt out":                     {"[0:0:0:0:0:0:0:1]/x", "[::1]/x"},
		"a path of many parts":                          {"a.b/c/d/e-f/g__h/i.j", "a.b/c/d/e-f/g__h/i.j"},

		"nothing":                         {"", ""},
		"a host without a path":           {"ghcr.io/", ""},
		"a path that begins with a slash": {"/nginx", ""},
		"a tag":                           {"nginx:1.25", ""},
		"a host taken for a tag":          {"localhost:5000", ""},
		"a digest":                        {"nginx@" + digestA, ""},
		"user information":                {"user:pass@ghcr.io/x", ""},
		"user information that looks like a host": {"ghcr.io@evil.com/x", ""},
		"a scheme":                            {"https://ghcr.io/x", ""},
		"a query":                             {"ghcr.io/x?y", ""},
		"a fragment":                          {"ghcr.io/x#y", ""},
		"a trailing dot after the host":       {"ghcr.io./x", ""},
		"a leading dot":                       {".ghcr.io/x", ""},
		"two dots in the host":                {"ghcr..io/x", ""},
		"an underscore in the host":           {"gh_cr.io/x", ""},
		"a dash at the end of the host":       {"ghcr-.io/x", ""},
		"an empty port":                       {"ghcr.io:/x", ""},
		"port zero":                           {"ghcr.io:0/x", ""},
		"a port out of range":                 {"ghcr.io:65536/x", ""},
		"a port with a leading zero":          {"ghcr.io:0443/x", ""},
		"a port with a sign":                  {"ghcr.io:+443/x", ""},
		"two ports":                           {"ghcr.io:1:2/x", ""},
		"an IPv6 address without brackets":    {"::1/x", ""},
		"an IPv6 address with a zone":         {"[fe80::1%25eth0]/x", ""},
		"an unclosed bracket":                 {"[::1/x", ""},
		"an IPv4 address in brackets":         {"[127.0.0.1]/x", ""},
		"a percent escape in the host":        {"ghcr%2eio/x", ""},
		"a percent escape in the path":        {"ghcr.io/x%2fy", ""},
		"a Cyrillic letter in the host":       {"ghсr.io/x", ""},
		"a Kelvin sign in the host":           {"doc\u212aer.io/nginx", ""},
		"a full-width dot":                    {"ghcr．io/x", ""},
		"a Greek letter in the path":          {"ghcr.io/οrg/x", ""},
		"an upper-case path":                  {"ghcr.io/Org/x", ""},
		"a parent folder":                     {"ghcr.io/a/../b", ""},
		"a doubled slash":                     {"ghcr.io/a//b", ""},
		"a trailing slash":                    {"ghcr.io/a/", ""},
		"a part that begins with a dash":      {"ghcr.io/-a", ""},
		"a part that ends with an underscore": {"ghcr.io/a_", ""},
		"three underscores":                   {"ghcr.io/a___b", ""},
		"two dots in the path":                {"ghcr.io/a..b", ""},
		"a space":                             {"ghcr.io/a b", ""},
		"a leading space":                     {" ghcr.io/a", ""},
		"a trailing line feed":                {"ghcr.io/a\n", ""},
		"a NUL":                               {"ghcr.io/a\x00", ""},
		"a backslash":                         {`ghcr.io\a/b`, ""},
		"a path of 256 characters":            {"ghcr.io/" + strings.Repeat("a", 256), ""},
		"a host of 254 characters":            {strings.Repeat("a.", 127) + "a/x", ""},
		"four KiB":                            {"ghcr.io/" + strings.Repeat("a/", 2048) + "a", ""},
	} {
		t.Run(about, func(t *testing.T) {
			got, err := image.ParseRepository(test.in)
			if got.String() != test.want || (err == nil) != (test.want != "") {
				t.Fatalf("ParseRepository(%.80q) = %q, %v, want %q", test.in, got, err, test.want)
			}
			if err != nil {
				checkError(t, err, image.ErrMalformed)
				return
			}
			again, err := image.ParseRepository(got.String())
			if err != nil || again != got {
				t.Errorf("the canonical name parses as %q, %v", again, err)
			}
		})
	}
}

func TestParseReference(t *testing.T) {
	for about, test := range map[string]struct{ in, want string }{
		"a digest":                             {"nginx@" + digestA, "docker.io/library/nginx@" + digestA},
		"a tag beside the digest (SEC-06)":     {"ghcr.io/o/x:1.2@" + digestA, "ghcr.io/o/x@" + digestA},
		"a port and a tag beside the digest":   {"localhost:5000/x:1@" + digestA, "localhost:5000/x@" + digestA},
		"a port and no tag":                    {"localhost:5000/x@" + digestA, "localhost:5000/x@" + digestA},
		"a tag only":                           {"nginx:1.25", ""},
		"neither tag nor digest":               {"nginx", ""},
		"a digest only":                        {"@" + digestA, ""},
		"two digests":                          {"nginx@" + digestA + "@" + digestA, ""},
		"a digest in capitals (SEC-04)":        {"nginx@sha256:" + strings.ToUpper(hexA), ""},
		"a digest cut short":                   {"nginx@" + digestA[:70], ""},
		"a digest with a digit too many":       {"nginx@" + digestA + "a", ""},
		"another algorithm":                    {"nginx@sha512:" + hexA + hexA, ""},
		"an algorithm without its name":        {"nginx@" + hexA, ""},
		"a digest with a space":                {"nginx@" + digestA + " ", ""},
		"a tag with a slash after it":          {"nginx:a/b@" + digestA, ""},
		"an empty tag":                         {"nginx:@" + digestA, ""},
		"a tag of the fallback's form":         {"nginx:sha256-" + hexB + "@" + digestA, "docker.io/library/nginx@" + digestA},
		"user information before the digest":   {"ghcr.io@evil.com/x@" + digestA, ""},
		"a tag that is longer than 128":        {"nginx:" + strings.Repeat("a", 129) + "@" + digestA, ""},
		"a reference that is longer than some": {strings.Repeat("a/", 400) + "a@" + digestA, ""},
	} {
		t.Run(about, func(t *testing.T) {
			got, err := image.ParseReference(test.in)
			if (err == nil) != (test.want != "") || err == nil && got.String() != test.want {
				t.Fatalf("ParseReference(%.80q) = %q, %v, want %q", test.in, got, err, test.want)
			}
			if err != nil {
				checkError(t, err, image.ErrMalformed)
			}
		})
	}
}

func TestParseTag(t *testing.T) {
	repository, err := image.ParseRepository("ghcr.io/o/x")
	if err != nil {
		t.Fatal(err)
	}
	for tag, ok := range map[string]bool{
		"1.25": true, "_x": true, "V1": true, strings.Repeat("a", 128): true,
		"": false, ".x": false, "-x": false, "a:b": false, "a/b": false, "a@b": false, "a b": false, "é": false,
		strings.Repeat("a", 129): false, "a\n": false,
	} {
		got, err := image.ParseTag(repository, tag)
		if (err == nil) != ok || ok && got.String() != "ghcr.io/o/x:"+tag {
			t.Errorf("ParseTag(%.80q) = %q, %v", tag, got, err)
		}
		if err != nil {
			checkError(t, err, image.ErrMalformed)
		}
	}
}

func TestParsePlatform(t *testing.T) {
	for in, ok := range map[string]bool{
		"linux/amd64": true, "linux/arm/v7": true, "windows/amd64": true,
		"": false, "linux": false, "linux/": false, "/amd64": false, "linux/arm/": false, "a/b/c/d": false,
		"linux/am d64": false, "linux/\x1b[31m": false, "linux/" + strings.Repeat("a", 65): false,
	} {
		got, err := image.ParsePlatform(in)
		if (err == nil) != ok || ok && got.String() != in {
			t.Errorf("ParsePlatform(%q) = %q, %v", in, got, err)
		}
	}
}

// checkError holds an error to what every message of the package must be.
func checkError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v is not %v", err, want)
	}
	if message := err.Error(); len(message) > 256 || strings.ContainsFunc(message, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		t.Errorf("error is too long or not printable: %q", message)
	}
}
