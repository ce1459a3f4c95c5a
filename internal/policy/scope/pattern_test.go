// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package scope

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
)

func repository(t testing.TB, s string) image.Repository {
	t.Helper()
	r, err := image.ParseRepository(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMatchRepository(t *testing.T) {
	for name, test := range map[string]struct {
		pattern v1alpha1.ImagePattern
		matches []string
		not     []string
	}{
		"a name matches itself alone": {
			"registry.example.com/shop/checkout",
			[]string{"registry.example.com/shop/checkout"},
			[]string{"registry.example.com/shop/checkout2", "registry.example.com/shop", "registry.example.com/shop/checkout/v2", "evil.com/registry.example.com/shop/checkout"},
		},
		"one star stays within its segment": {
			"registry.example.com/shop/*",
			[]string{"registry.example.com/shop/checkout"},
			[]string{"registry.example.com/shop", "registry.example.com/shop/a/b"},
		},
		"one star stands within a name": {
			"registry.example.com/shop-*/check*out",
			[]string{"registry.example.com/shop-eu/checkout", "registry.example.com/shop-2/check-in-and-out"},
			[]string{"registry.example.com/shop/checkout", "registry.example.com/shop-eu/x/checkout", "registry.example.com/shop-eu/checkouts"},
		},
		"two stars stand for any number of segments, none included": {
			"registry.example.com/shop/**",
			[]string{"registry.example.com/shop", "registry.example.com/shop/a", "registry.example.com/shop/a/b/c"},
			[]string{"registry.example.com/shop-evil/a", "registry.example.com/shopping", "registry.example.com.evil.com/shop/a", "registry.example.com:8443/shop/a"},
		},
		"the default port is as none, on either side": {
			"registry.example.com:443/shop/*",
			[]string{"registry.example.com/shop/a", "registry.example.com:443/shop/a"},
			[]string{"registry.example.com:8443/shop/a"},
		},
		"two stars in the middle": {
			"registry.example.com/**/checkout",
			[]string{"registry.example.com/checkout", "registry.example.com/a/b/checkout", "registry.example.com/checkout/checkout"},
			[]string{"registry.example.com/a/checkout/b", "registry.example.com/a/precheckout"},
		},
		"two stars alone match every repository": {
			"**",
			[]string{"nginx", "localhost:5000/x", "registry.example.com/a/b/c/d"},
			nil,
		},
		"two stars in front match every host": {
			"**/checkout",
			[]string{"registry.example.com/shop/checkout", "localhost:5000/checkout", "docker.io/library/checkout"},
			[]string{"registry.example.com/checkout/shop"},
		},
		"two stars within a segment are as one": {
			"registry.example.com/shop**",
			[]string{"registry.example.com/shop", "registry.example.com/shopping"},
			[]string{"registry.example.com/shop/a"},
		},
		"a star in the first of several segments stands for hosts": {
			"*.example.com/shop/*",
			[]string{"registry.example.com/shop/a", "a.b.example.com/shop/a"},
			[]string{"example.com/shop/a", "evil.com/registry.example.com/shop/a", "registry.example.com.evil.com/shop/a"},
		},
		"a short name means Docker Hub's library": {
			"nginx",
			[]string{"nginx", "docker.io/nginx", "index.docker.io/library/nginx", "docker.io/library/nginx"},
			[]string{"shop/nginx", "quay.io/nginx", "nginx-evil"},
		},
		"a short name with a star means the library, too": {
			"ngin*", []string{"nginx"}, []string{"ngin/x", "quay.io/nginx"},
		},
		"a name without a host means Docker Hub": {
			"shop/*", []string{"shop/checkout", "docker.io/shop/checkout"}, []string{"quay.io/shop/checkout", "shop/a/b"},
		},
		"Docker Hub's other name means the same": {
			"index.docker.io/shop/*", []string{"docker.io/shop/checkout"}, nil,
		},
		"all of Docker Hub": {
			"docker.io/**", []string{"nginx", "shop/checkout"}, []string{"quay.io/nginx", "docker.io.evil.com/nginx"},
		},
		"one segment of Docker Hub is its library": {
			"docker.io/*", []string{"nginx"}, []string{"shop/checkout"},
		},
		"the case of the host does not matter": {
			"Registry.Example.COM/shop/*", []string{"registry.example.com/shop/a", "REGISTRY.example.com/shop/a"}, nil,
		},
		"a port belongs to the host": {
			"localhost:5000/*", []string{"localhost:5000/a"}, []string{"localhost/a", "localhost:5001/a"},
		},
		"localhost is a host": {
			"localhost/shop", []string{"localhost/shop"}, []string{"docker.io/localhost/shop"},
		},
		"an address of version 6": {
			"[::1]:5000/*", []string{"[::1]:5000/a"}, []string{"localhost:5000/a"},
		},
		"many stars take no time": {
			v1alpha1.ImagePattern("registry.example.com/" + strings.Repeat("*a", 100) + "b"),
			nil, []string{"registry.example.com/" + strings.Repeat("a", 200)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckPattern(test.pattern); err != nil {
				t.Errorf("the pattern is refused: %v", err)
			}
			for _, r := range test.matches {
				if !matchRepository(test.pattern, repository(t, r)) {
					t.Errorf("%s does not match %s", test.pattern, r)
				}
			}
			for _, r := range test.not {
				if matchRepository(test.pattern, repository(t, r)) {
					t.Errorf("%s matches %s", test.pattern, r)
				}
			}
		})
	}
}

func TestCheckPattern(t *testing.T) {
	for name, pattern := range map[string]v1alpha1.ImagePattern{
		"an empty segment":           "registry.example.com//shop",
		"a slash at the end":         "registry.example.com/shop/",
		"a slash in front":           "/shop",
		"a segment of dots":          "registry.example.com/../shop",
		"capitals in the path":       "registry.example.com/Shop",
		"a tag":                      "registry.example.com/shop:1.8",
		"a short name with a tag":    "nginx:latest",
		"a host alone":               "localhost:5000",
		"brackets outside of a host": "registry.example.com/[a]",
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if err := CheckPattern(pattern); !errors.Is(err, ErrPattern) {
				t.Errorf("%q: got %v", pattern, err)
			}
		})
	}
}

// oracle says the same as matchRepository by translating the canonical pattern to a regular expression.
func oracle(pattern v1alpha1.ImagePattern) *regexp.Regexp {
	expression := "^"
	for _, segment := range splitPattern(pattern) {
		// Every segment of a name is written with a slash behind it, so that none of them is special.
		if segment == anySegments {
			expression += `(?:[^/]*/)*`
			continue
		}
		for _, r := range segment {
			if r == '*' {
				expression += `[^/]*`
			} else {
				expression += regexp.QuoteMeta(string(r))
			}
		}
		expression += "/"
	}
	return regexp.MustCompile("(?s)" + expression + "$")
}

func FuzzMatchRepository(f *testing.F) {
	for _, seed := range [][2]string{
		{"registry.example.com/shop/**", "registry.example.com/shop/checkout"},
		{"**/a/**/b", "registry.example.com/a/a/b/b"},
		{"*.*/*a*/**", "registry.example.com/banana/split"},
		{"nginx", "docker.io/library/nginx"},
		{"[::1]:5000/**", "[::1]:5000/x"},
		{"a**b/***/c", "a.b/c/c"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		r, err := image.ParseRepository(name)
		if err != nil || len(pattern) > 255 || strings.ContainsFunc(pattern, func(r rune) bool { return r > '~' || r < ' ' }) {
			t.Skip()
		}
		want := oracle(v1alpha1.ImagePattern(pattern)).MatchString(r.String() + "/")
		got := matchRepository(v1alpha1.ImagePattern(pattern), r)
		if got != want {
			t.Fatalf("%q and %q: got %t, want %t", pattern, r, got, want)
		}
		if got && CheckPattern(v1alpha1.ImagePattern(pattern)) != nil {
			t.Fatalf("%q is refused and matches %q", pattern, r)
		}
	})
}

func BenchmarkMatchRepository(b *testing.B) {
	r := repository(b, "registry.example.com/shop/eu/checkout")
	for b.Loop() {
		if !matchRepository("registry.example.com/shop/**", r) {
			b.Fatal("no match")
		}
	}
}

// A repository's name, in whatever form, is a pattern that matches it: patterns are normalised as names are.
func FuzzANameMatchesItself(f *testing.F) {
	for _, seed := range []string{"nginx", "docker.io/nginx", "Index.Docker.io/nginx", "localhost/x", "Registry.Example.com:5000/a/b", "[::1]:5000/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, err := image.ParseRepository(name)
		if err != nil {
			t.Skip()
		}
		for _, form := range []string{name, r.String()} {
			if !matchRepository(v1alpha1.ImagePattern(form), r) {
				t.Errorf("%q does not match %q", form, r)
			}
		}
	})
}
