// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"errors"
	"testing"

	"github.com/assay-dev/assay/internal/image"
)

func TestParseTagged(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a tag is taken as it is":             {"registry.example.com/shop/checkout:1.8", "registry.example.com/shop/checkout:1.8"},
		"no tag means latest":                 {"registry.example.com/shop/checkout", "registry.example.com/shop/checkout:latest"},
		"a port is no tag":                    {"127.0.0.1:5000/shop/checkout", "127.0.0.1:5000/shop/checkout:latest"},
		"a port and a tag":                    {"127.0.0.1:5000/shop/checkout:1.8", "127.0.0.1:5000/shop/checkout:1.8"},
		"a name without a host is Docker Hub": {"debian:12", "docker.io/library/debian:12"},
		"an empty tag is refused":             {"debian:", ""},
		"a digest is refused":                 {"debian@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ""},
		"nothing is refused":                  {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := image.ParseTagged(test.text)
			if test.want == "" {
				if !errors.Is(err, image.ErrMalformed) {
					t.Errorf("got %v, %v, want malformed", got, err)
				}
				return
			}
			if err != nil || got.String() != test.want {
				t.Errorf("got %v, %v, want %s", got, err, test.want)
			}
		})
	}
}
