// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package purl

import (
	"errors"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for name, test := range map[string]struct {
		pattern             string
		matches, not, maybe []string
	}{
		"a name matches every version": {"pkg:npm/lodash",
			[]string{"pkg:npm/lodash@4.17.20", "pkg:npm/lodash", "pkg:npm/lodash@latest?arch=x"}, []string{"pkg:npm/lodash-es@4", "pkg:npm/x/lodash@4", "pkg:gem/lodash@4"}, nil},
		"a version matches itself, letter by letter": {"pkg:npm/lodash@4.17.20",
			[]string{"pkg:npm/lodash@4.17.20"}, []string{"pkg:npm/lodash@4.17.2", "pkg:npm/lodash@4.17.20+x", "pkg:npm/lodash"}, nil},
		"but for the v of Go": {"pkg:golang/golang.org/x/crypto@0.31.0",
			[]string{"pkg:golang/golang.org/x/crypto@v0.31.0", "pkg:golang/golang.org/x/crypto@0.31.0"}, []string{"pkg:golang/golang.org/x/crypto@v0.31"}, nil},
		"a bound excludes or includes its version": {"pkg:golang/golang.org/x/crypto@<0.31",
			[]string{"pkg:golang/golang.org/x/crypto@v0.30.0", "pkg:golang/golang.org/x/crypto@v0.0.0-20190308221718-c2843e01d9a2", "pkg:golang/golang.org/x/crypto@v0.31.0-rc.1"},
			[]string{"pkg:golang/golang.org/x/crypto@v0.31.0", "pkg:golang/golang.org/x/crypto@v0.100.0", "pkg:golang/golang.org/x/crypto@v1.0.0+incompatible"},
			[]string{"pkg:golang/golang.org/x/crypto", "pkg:golang/golang.org/x/crypto@(devel)"}},
		"all bounds must hold": {"pkg:maven/org.apache.logging.log4j/log4j-core@>=2.0,<=2.17",
			[]string{"pkg:maven/org.apache.logging.log4j/log4j-core@2.0", "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "pkg:maven/org.apache.logging.log4j/log4j-core@2.17"},
			[]string{"pkg:maven/org.apache.logging.log4j/log4j-core@2.17.1", "pkg:maven/org.apache.logging.log4j/log4j-core@2.0-beta9", "pkg:maven/org.apache.logging.log4j/log4j-core@1.2"}, nil},
		"a bound above": {"pkg:cargo/x@>1.2",
			[]string{"pkg:cargo/x@1.2.1", "pkg:cargo/x@10"}, []string{"pkg:cargo/x@1.2.0"}, nil},
		"Debian's epochs, revisions and tildes": {"pkg:deb/debian/openssl@<1:3.0.11-1~deb12u2",
			[]string{"pkg:deb/debian/openssl@3.9", "pkg:deb/debian/openssl@3.0.11-1~deb12u1?epoch=1", "pkg:deb/debian/openssl@1%3A3.0.11-1~deb12u1"},
			[]string{"pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&epoch=1", "pkg:deb/debian/openssl@1:3.0.11-1", "pkg:deb/debian/openssl@0?epoch=2"},
			[]string{"pkg:deb/debian/openssl@x", "pkg:deb/debian/openssl@1%D9%A1", "pkg:deb/debian/openssl@" + strings.Repeat("1", 300)}},
		"an epoch stands in the version or in a qualifier": {"pkg:rpm/redhat/openssl@1:1.1.1k-7.el8",
			[]string{"pkg:rpm/redhat/openssl@1.1.1k-7.el8?arch=x86_64&epoch=1", "pkg:rpm/redhat/openssl@1:1.1.1k-7.el8"},
			[]string{"pkg:rpm/redhat/openssl@1.1.1k-7.el8", "pkg:rpm/redhat/openssl@1.1.1k-7.el8?epoch=2"}, nil},
		"and in the pattern, too": {"pkg:rpm/redhat/openssl@1.1.1k-7.el8?epoch=1",
			[]string{"pkg:rpm/redhat/openssl@1:1.1.1k-7.el8?arch=x86_64"}, []string{"pkg:rpm/redhat/openssl@1.1.1k-7.el8"}, nil},
		"RPM's order": {"pkg:rpm/*/openssl@<1.1.1k-10",
			[]string{"pkg:rpm/redhat/openssl@1.1.1k-7.el8_6", "pkg:rpm/centos/openssl@1.1.1~beta1"}, []string{"pkg:rpm/redhat/openssl@1.1.1k-12.el8", "pkg:rpm/redhat/openssl@1.1.1?epoch=1"}, nil},
		"Alpine's order": {"pkg:apk/alpine/zlib@<1.2.12-r1",
			[]string{"pkg:apk/alpine/zlib@1.2.12-r0", "pkg:apk/alpine/zlib@1.2.9-r4", "pkg:apk/alpine/zlib@1.2.12_rc1-r9"}, []string{"pkg:apk/alpine/zlib@1.2.12-r1", "pkg:apk/alpine/zlib@1.2.12-r10"}, []string{"pkg:apk/alpine/zlib@new"}},
		"Python's order, and its names": {"pkg:pypi/My_Package@<2.0",
			[]string{"pkg:pypi/my-package@2.0rc1", "pkg:pypi/my_package@1.10", "pkg:pypi/MY-package@2.0.dev1"}, []string{"pkg:pypi/my-package@2.0.post1", "pkg:pypi/my-package@2.0", "pkg:pypi/my-package@1!0"}, []string{"pkg:pypi/my-package@new"}},
		"Ruby's order": {"pkg:gem/rails@>=7",
			[]string{"pkg:gem/rails@7.0.0", "pkg:gem/rails@7.0.4.3"}, []string{"pkg:gem/rails@7.0.0.rc1", "pkg:gem/rails@7.a", "pkg:gem/rails@6.1"}, []string{"pkg:gem/rails@seven"}},
		"Bitnami's revisions": {"pkg:bitnami/nginx@>1.2.3",
			[]string{"pkg:bitnami/nginx@1.2.3-1", "pkg:bitnami/nginx@1.2.4"}, []string{"pkg:bitnami/nginx@1.2.3", "pkg:bitnami/nginx@1.2.2-9"}, nil},
		"a star stands for the rest, slashes included": {"pkg:golang/github.com/Azure/*",
			[]string{"pkg:golang/github.com/azure/a@v1", "pkg:golang/github.com/Azure/a/b@v1"}, []string{"pkg:golang/github.com/azure@v1", "pkg:golang/github.com/azure-x/a@v1"}, nil},
		"a star in the namespace": {"pkg:deb/*/openssl@>=3",
			[]string{"pkg:deb/debian/openssl@3.0", "pkg:deb/ubuntu/openssl@3.0"}, []string{"pkg:deb/openssl@3.0", "pkg:deb/debian/libssl3@3.0"}, nil},
		"a star alone": {"pkg:npm/*", []string{"pkg:npm/a@1", "pkg:npm/%40a/b@1"}, []string{"pkg:gem/a@1"}, nil},
		"a scope, escaped or not": {"pkg:npm/@babel/core@<7",
			[]string{"pkg:npm/%40babel/core@6.26.3", "pkg:npm/@babel/core@6.0.0"}, []string{"pkg:npm/babel/core@6.0.0", "pkg:npm/%40babel/core@7.0.0"}, nil},
		"qualifiers restrict where they are given": {"pkg:deb/debian/openssl?arch=amd64",
			[]string{"pkg:deb/debian/openssl@1?arch=amd64&distro=debian-12"}, []string{"pkg:deb/debian/openssl@1?arch=arm64", "pkg:deb/debian/openssl@1"}, nil},
		"so does a part within the package": {"pkg:golang/example.com/a#cmd",
			[]string{"pkg:golang/example.com/a@v1#cmd"}, []string{"pkg:golang/example.com/a@v1", "pkg:golang/example.com/a@v1#lib"}, nil},
		"a version that is too long or odd cannot be ordered": {"pkg:npm/a@<2", nil, nil,
			[]string{"pkg:npm/a@" + strings.Repeat("1", 300), "pkg:npm/a@1.0%20", "pkg:npm/a@%D9%A1", "pkg:npm/a@99999999999999999999.0"}},
		"what is no package URL is not matched": {"pkg:npm/*", nil, []string{"", "npm/a", "pkg:npm", "pkg:npm/", "pkg:npm/" + strings.Repeat("a", 5000), "pkg:npm/%zz"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			pattern, err := ParsePattern(test.pattern)
			if err != nil {
				t.Fatal(err)
			}
			for want, texts := range map[Answer][]string{Yes: test.matches, No: test.not, Unsure: test.maybe} {
				for _, text := range texts {
					if pattern.Matches(text) != (want == Yes) {
						t.Errorf("%.80q: matches %t", text, want != Yes)
					}
					if parsed, err := Parse(text); err == nil && pattern.Match(parsed) != want {
						t.Errorf("%.80q: got %d, want %d", text, pattern.Match(parsed), want)
					}
				}
			}
		})
	}
}

func TestParsePattern(t *testing.T) {
	for name, test := range map[string]struct{ text, message string }{
		"a name alone":                        {"openssl", `not a pattern of package URLs: not a package URL: purl scheme is not "pkg": "openssl"`},
		"a type alone":                        {"pkg:deb", "not a pattern of package URLs: not a package URL: purl is missing type or name"},
		"a namespace alone":                   {"pkg:deb/debian/", "not a pattern of package URLs: not a package URL: purl is missing name"},
		"a bound without a version":           {"pkg:npm/a@<", `not a pattern of package URLs: "" is no version of type npm`},
		"a bound with another behind it":      {"pkg:npm/a@<1<2", `not a pattern of package URLs: "1<2" is no version of type npm`},
		"a version before a bound":            {"pkg:npm/a@1,<2", `not a pattern of package URLs: "1" begins with none of <, <=, > and >=`},
		"an empty bound":                      {"pkg:npm/a@<2,", `not a pattern of package URLs: "" begins with none of <, <=, > and >=`},
		"a bound that is no version":          {"pkg:apk/a@<new", `not a pattern of package URLs: "new" is no version of type apk`},
		"a bound that is a glob":              {"pkg:npm/a@<1.*", `not a pattern of package URLs: "1.*" is no version of type npm`},
		"a range where nobody knows an order": {"pkg:oci/a@<2", "not a pattern of package URLs: the order of versions of type oci is not known; name one version or none"},
		"very many bounds":                    {"pkg:npm/a@" + strings.Repeat(">1,", 9) + "<2", "not a pattern of package URLs: more than 8 bounds of the version"},
		"a very long pattern":                 {"pkg:npm/" + strings.Repeat("a", 250), "not a pattern of package URLs: longer than 256 bytes"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			pattern, err := ParsePattern(test.text)
			if !errors.Is(err, ErrPattern) || err.Error() != test.message {
				t.Errorf("got %v, want %s", err, test.message)
			}
			if pattern.Matches("pkg:npm/a@1.5") {
				t.Error("what is refused matches")
			}
		})
	}
}

func TestProductsAreLiteral(t *testing.T) {
	for name, test := range map[string]struct {
		product, purl string
		want          bool
	}{
		"a product without a version is every version": {"pkg:npm/a", "pkg:npm/a@1", true},
		"a version is exact":                           {"pkg:npm/a@1", "pkg:npm/a@1", true},
		"a star is no wildcard":                        {"pkg:npm/*", "pkg:npm/a@1", false},
		"and stands for itself":                        {"pkg:npm/*", "pkg:npm/*@1", true},
		"a bound is no range":                          {"pkg:npm/a@<2", "pkg:npm/a@1", false},
	} {
		t.Run(name, func(t *testing.T) {
			product, err := ParseProduct(test.product)
			if err != nil || product.Wildcard() {
				t.Fatalf("%v, a wildcard: %t", err, product.Wildcard())
			}
			if got := product.Matches(test.purl); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
	if _, err := ParseProduct("openssl"); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

func TestWildcard(t *testing.T) {
	for text, want := range map[string]bool{"pkg:npm/*": true, "pkg:deb/*/a": true, "pkg:npm/%2A": true, "pkg:npm/a": false, "pkg:npm/a@<2": false} {
		if pattern, err := ParsePattern(text); err != nil || pattern.Wildcard() != want {
			t.Errorf("%s: %t, %v", text, pattern.Wildcard(), err)
		}
	}
}

func TestQualifiers(t *testing.T) {
	p, err := Parse("pkg:oci/a@sha256:1?repository_url=example.com/a&arch=amd64")
	if err != nil || p.Qualifier("repository_url") != "example.com/a" || p.Qualifier("tag") != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestTheZeroPatternMatchesNothing(t *testing.T) {
	if (Pattern{}).Match(Package{}) != No || (Pattern{}).Wildcard() {
		t.Error("it matches the package that is none")
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"pkg:golang/golang.org/x/crypto@<0.31", "pkg:golang/golang.org/x/crypto@v0.30.0"},
		{"pkg:deb/*/openssl@>=1:3.0,<1:3.0.5", "pkg:deb/debian/openssl@3.0.1-1~deb12u1?arch=amd64&epoch=1"},
		{"pkg:npm/@babel/*", "pkg:npm/%40babel/core@7.0.0"},
		{"pkg:maven/a/b@<2.0-alpha-1", "pkg:maven/a/b@1.0.0.Final"},
		{"pkg:pypi/a@<1!2", "pkg:pypi/a@1.0.post1+local"},
		{"pkg:gem/a@>1.a", "pkg:gem/a@1.0.0.pre"},
		{"pkg:apk/alpine/a@<1_rc1-r0", "pkg:apk/alpine/a@1.2.3_p1-r1"},
		{"pkg:rpm/a/b@<2", "pkg:rpm/a/b@1~2^3-4"},
		{"pkg:bitnami/a@<2", "pkg:bitnami/a@1.2.3-1"},
		{"pkg:oci/a?arch=amd64#b", "pkg:oci/a@sha256:1?arch=amd64#b"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, url string) {
		pattern, err := ParsePattern(text)
		if err != nil {
			if !errors.Is(err, ErrPattern) || pattern.Matches(url) {
				t.Fatalf("%q is refused with %v, and matches", text, err)
			}
			return
		}
		parsed, err := Parse(url)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || pattern.Matches(url) {
				t.Fatalf("%q is refused with %v, and matched", url, err)
			}
			return
		}
		answer := pattern.Match(parsed)
		if pattern.Matches(url) != (answer == Yes) {
			t.Fatalf("%q and %q: two answers", text, url)
		}
		product, err := ParseProduct(url)
		if err != nil || product.Match(parsed) != Yes {
			t.Fatalf("%q does not match itself: %v", url, err)
		}
	})
}

// A version is at most one of lower, equal and higher than another one, whichever is asked first.
func FuzzOrder(f *testing.F) {
	for _, typ := range []string{"deb", "rpm", "apk", "pypi", "gem", "maven", "bitnami", "npm"} {
		for _, seed := range [][2]string{{"1.0", "1.0.0"}, {"1:2-3", "2-3"}, {"1.0-rc1", "1.0"}, {"1~a", "1"}, {"1.a", "1.1"}, {"1_p1-r1", "1"}, {"1!1.dev0", "1.post1+x"}, {"99999999999999999999", "1"}} {
			f.Add(typ, seed[0], seed[1])
		}
	}
	f.Fuzz(func(t *testing.T, typ, a, b string) {
		forth, err := compare(typ, a, b)
		back, errBack := compare(typ, b, a)
		if (err == nil) != (errBack == nil) {
			t.Fatalf("%s: %q and %q: %v, and the other way round %v", typ, a, b, err, errBack)
		}
		if err != nil {
			return
		}
		if same, err := compare(typ, a, a); err != nil || same != 0 {
			t.Fatalf("%s: %q and itself: %d, %v", typ, a, same, err)
		}
		if sign(forth) != -sign(back) {
			t.Fatalf("%s: %q and %q: %d, and the other way round %d", typ, a, b, forth, back)
		}
	})
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func BenchmarkMatches(b *testing.B) {
	pattern, err := ParsePattern("pkg:golang/golang.org/x/crypto@<0.31")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !pattern.Matches("pkg:golang/golang.org/x/crypto@v0.30.0") {
			b.Fatal("no match")
		}
	}
}
