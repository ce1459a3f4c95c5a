// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/chronicle"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	registryfake "github.com/assay-dev/assay/internal/registry/fake"
)

func TestACopyThatMayNotBeReadSaysWhereItIsAndWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		path, evidenceRepository string
		want                     []string
	}{
		"in the image's own repository": {"shop/checkout", "", []string{"registry.example.com/shop/checkout", "spec.imagePullSecrets", "--evidence-repository"}},
		"in one with a long name":       {strings.Repeat("a", 255), "", []string{"registry.example.com/aaa", "--evidence-repository"}},
		"in a repository for all":       {"shop/checkout", "registry.example.com/assay", []string{"repository registry.example.com/assay could", "--registry-config"}},
		"in a long one for all":         {"shop/checkout", "registry.example.com/" + strings.Repeat("b", 255), []string{"--registry-config"}},
	} {
		t.Run(name, func(t *testing.T) {
			closed := &registryfake.Registry{}
			closed.Fail(registry.NewError(registry.KindUnauthorized, nil, "denied"))
			kept := times{copies: &chronicle.Copies{Chronicle: chronicle.New(clocktesting.NewFakePassiveClock(time.Unix(0, 0)))}}
			if test.evidenceRepository != "" {
				kept.copies.Repository, kept.reader = parseRepository(t, test.evidenceRepository), closed
			}
			about := image.Reference{Repository: parseRepository(t, "registry.example.com/"+test.path), Digest: image.DigestOf([]byte("image"))}
			_, err := kept.Restore(t.Context(), closed, about)
			var told *registry.Error
			if !errors.As(err, &told) || told.Kind != registry.KindUnauthorized {
				t.Fatalf("got %v", err)
			}
			for _, want := range append(test.want, "first-seen times", "could not be read") {
				if !strings.Contains(told.Message, want) {
					t.Errorf("%q does not name %q", told.Message, want)
				}
			}
			if len(told.Message) > 256 {
				t.Errorf("the message has %d characters", len(told.Message))
			}
		})
	}
}

func parseRepository(t *testing.T, text string) image.Repository {
	t.Helper()
	repository, err := image.ParseRepository(text)
	if err != nil {
		t.Fatal(err)
	}
	return repository
}
