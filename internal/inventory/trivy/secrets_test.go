// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/test/images"
)

// planted is a secret as the tests plant it; part of it may be nowhere in what is told.
const (
	planted = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	beside  = "# the neighbouring line"
)

// configured adds an environment and a history to an image.
func configured(builder func() (v1.Image, error), environment []string, history ...string) func() (v1.Image, error) {
	return func() (v1.Image, error) {
		img, err := builder()
		if err != nil {
			return nil, err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		config = config.DeepCopy()
		config.Config.Env = environment
		for _, command := range history {
			config.History = append(config.History, v1.History{CreatedBy: command, EmptyLayer: true})
		}
		return mutate.ConfigFile(img, config)
	}
}

func TestSecrets(t *testing.T) {
	x := newIndexer(t, sandbox.Options{})
	secret := beside + "\ntoken = " + planted + "\n" + beside + "\n"
	for name, test := range map[string]struct {
		image    func() (v1.Image, error)
		want     []string
		problems []string
	}{
		"nothing":  {layered(debian(text("var/lib/dpkg/status", bash))), nil, nil},
		"in files": {layered([]images.File{text("srv/a", secret), text("srv/b", beside)}, []images.File{text("srv/c", secret)}), []string{"github-pat srv/a 2 of layer 1", "github-pat srv/c 2 of layer 2"}, nil},
		"in a file that a later layer deletes": {
			layered([]images.File{text("srv/a", secret)}, []images.File{text("srv/.wh.a", "")}),
			[]string{"github-pat srv/a (deleted by a later layer) 2 of layer 1"}, nil,
		},
		"in a folder that a later layer empties": {
			layered([]images.File{text("srv/a", secret)}, []images.File{text(".wh..wh..opq", "")}),
			[]string{"github-pat srv/a (deleted by a later layer) 2 of layer 1"}, nil,
		},
		"in a file that a later layer replaces": {
			layered([]images.File{text("srv/a", secret)}, []images.File{text("srv/a", beside)}, []images.File{text("srv/.wh.a", "")}),
			[]string{"github-pat srv/a (replaced by a later layer) 2 of layer 1"}, nil,
		},
		"in a layer that is there twice": {
			layered([]images.File{text("srv/a", secret)}, []images.File{text("srv/a", secret)}),
			[]string{"github-pat srv/a 2 of layer 1", "github-pat srv/a (replaced by a later layer) 2 of layer 1"}, nil,
		},
		"in the environment and the history": {
			configured(layered(nil), []string{"PATH=/bin", "TOKEN=" + planted}, "ARG TOKEN="+planted),
			[]string{"github-pat environment variable TOKEN 0 of layer 0", "github-pat history entry 2 0 of layer 0"}, nil,
		},
		"in a file that an analyzer reads": {
			layered([]images.File{text("srv/package.json", `{"name":"a","version":"1","token":"`+planted+`"}`)}),
			[]string{"github-pat srv/package.json 1 of layer 1"}, nil,
		},
		"in a large file": {
			layered([]images.File{text("srv/large", strings.Repeat(beside+"\n", 1_000_000)+planted)}),
			[]string{"github-pat srv/large 1000001 of layer 1"}, nil,
		},
		"in a file that is too large": {
			func() (v1.Image, error) { return images.CPUBomb(600 * mebibyte) }, nil,
			[]string{"the file has more than 256 MiB and is not searched for secrets"},
		},
		"in a program": {layered([]images.File{text("srv/program", "\x7fELF\x02\x01\x01\x00"+secret)}), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			img := images.Build(t, test.image)
			source := sourceOf(t, img)
			source.Secrets = true
			got, err := x.Index(t.Context(), source)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, placesOf(got)); diff != "" || !got.SecretsSought {
				t.Errorf("%s, sought is %t", diff, got.SecretsSought)
			}
			var problems []string
			for _, p := range got.SecretProblems {
				problems = append(problems, p.Message)
			}
			if diff := cmp.Diff(test.problems, problems); diff != "" {
				t.Error(diff)
			}
			wantNothingSecret(t, got)
		})
	}
}

// placesOf writes secrets with the number of the layer, 0 for the configuration.
func placesOf(i inventory.Inventory) []string {
	var places []string
	for _, s := range i.Secrets {
		layer := 0
		for index, diffID := range i.DiffIDs {
			if diffID == s.Layer && layer == 0 {
				layer = index + 1
			}
		}
		places = append(places, fmt.Sprintf("%s %s %d of layer %d", s.Rule, s.Place, s.Line, layer))
	}
	return places
}

func wantNothingSecret(t *testing.T, i inventory.Inventory) {
	t.Helper()
	stored, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range []string{planted, planted[4:20], planted[len(planted)-16:], beside, "neighbouring"} {
		if strings.Contains(string(stored), told) {
			t.Errorf("the inventory tells %q: %s", told, stored)
		}
	}
}

// An image's secrets are found in layers that were looked into without looking for secrets, and the other way round.
func TestSecretsAreSoughtOnlyWhenAskedFor(t *testing.T) {
	x := newIndexer(t, sandbox.Options{})
	img := images.Build(t, configured(layered([]images.File{text("srv/a", planted)}), []string{"TOKEN=" + planted}))
	for _, asked := range []bool{false, true, false, true} {
		source := sourceOf(t, img)
		source.Secrets = asked
		got, err := x.Index(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		if asked {
			want = 2
		}
		if len(got.Secrets) != want || got.SecretsSought != asked {
			t.Errorf("asked is %t, sought %t, found %v", asked, got.SecretsSought, got.Secrets)
		}
	}
}

func TestManySecretsAreBounded(t *testing.T) {
	source := sourceOf(t, images.Build(t, layered(
		[]images.File{text("srv/b", strings.Repeat(planted+"\n", 500))}, []images.File{text("srv/a", strings.Repeat(planted+"\n", 500))})))
	source.Secrets = true
	got, err := newIndexer(t, sandbox.Options{}).Index(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Secrets) != 100 || got.Secrets[0].Place != "srv/a" || got.Secrets[99].Place != "srv/a" || got.Secrets[99].Line != 100 {
		t.Errorf("found %d, the last is %+v", len(got.Secrets), got.Secrets[len(got.Secrets)-1])
	}
}
