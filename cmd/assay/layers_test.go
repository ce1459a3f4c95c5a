// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/assay-dev/assay/test/images"
)

// token looks like one of GitHub's, in two parts so that nobody finds it here.
const token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

// sharing returns two images with the same layers, of which the last holds a secret. The history and the environment of the first
// hold another, in another place each.
func sharing(t *testing.T) (talkative, quiet v1.Image) {
	t.Helper()
	layer := images.Build(t, func() (v1.Layer, error) {
		return images.Layer(images.File{Path: "app/settings", Body: []byte("neighbour=1\ntoken=" + token + "\n")})
	})
	quiet = images.Build(t, func() (v1.Image, error) {
		return mutate.AppendLayers(images.Build(t, images.VulnerableDebian), layer)
	})
	talkative = images.Build(t, func() (v1.Image, error) {
		config, err := quiet.ConfigFile()
		if err != nil {
			return nil, err
		}
		config = config.DeepCopy()
		config.Config.Env = []string{"GITHUB_TOKEN=" + token}
		config.History[0].CreatedBy = "RUN curl --header 'Authorization: token " + token + "'"
		return mutate.ConfigFile(quiet, config)
	})
	return talkative, quiet
}

// judged is what is said of an image, without what depends on when and where it was looked at.
func (w workshop) judged(t *testing.T, layout, policy, cache string) map[string]any {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, "verify", layout, "--as", "registry.example.com/shop/checkout:1.8",
		"--policy", policy, "--database-file", w.database, "--registry-config", "", "--cache-dir", cache, "-o", "json")
	output, _ := command.Output()
	if strings.Contains(string(output), token) || strings.Contains(string(output), "neighbour") {
		t.Errorf("the report holds the secret:\n%s", output)
	}
	var report map[string]any
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	delete(report, "judgedAt")
	delete(report, "image")
	platform := report["platforms"].([]any)[0].(map[string]any)
	for _, finding := range platform["findings"].([]any) {
		delete(finding.(map[string]any), "firstSeen")
		delete(finding.(map[string]any), "fixSeen")
	}
	return report
}

func secretsIn(report map[string]any) int {
	secrets, _ := report["platforms"].([]any)[0].(map[string]any)["secrets"].([]any)
	return len(secrets)
}

// What is kept of a layer tells nothing of the image that it was first seen in, nor of what was looked for there.
func TestNothingLeaksFromOneImageIntoAnotherByTheLayersThatTheyShare(t *testing.T) {
	w := newWorkshop(t)
	const base = "apiVersion: assay.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {name: a}\nspec:\n  namespaces: [prod]\n" +
		"  vulnerabilities: {block: [{name: fixable, minSeverity: Critical, fix: Available}]}\n"
	seeking, plain := w.write(t, "seeking.yaml", base+"  image: {secrets: Deny}\n"), w.write(t, "plain.yaml", base)
	first, second := sharing(t)
	talkative, quiet := w.layout(t, first), w.layout(t, second)

	for name, test := range map[string]struct {
		before, beforePolicy string // what was looked at before, and how
		layout, policy       string
		secrets              int
	}{
		"history and environment":          {talkative, seeking, quiet, seeking, 1},
		"secrets that are not sought":      {talkative, seeking, quiet, plain, 0},
		"that no secrets were sought":      {quiet, plain, talkative, seeking, 3},
		"of the same image, that none was": {quiet, plain, quiet, seeking, 1},
	} {
		t.Run(name, func(t *testing.T) {
			warm := t.TempDir()
			w.judged(t, test.before, test.beforePolicy, warm)
			got, want := w.judged(t, test.layout, test.policy, warm), w.judged(t, test.layout, test.policy, t.TempDir())
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("beside an image with the same layers it differs (-alone +beside):\n%s", diff)
			}
			if secretsIn(want) != test.secrets {
				t.Errorf("%d secrets, want %d: %v", secretsIn(want), test.secrets, want)
			}
		})
	}
}

func TestALayerThatIsKnownIsNotReadAgain(t *testing.T) {
	w := newWorkshop(t)
	first, second := sharing(t)
	known, next, cache := w.layout(t, first), w.layout(t, second), t.TempDir()
	want := w.judged(t, next, w.policies, t.TempDir())
	w.judged(t, known, w.policies, cache)
	layers, err := second.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(next, "blobs", "sha256", digest.Hex), 0); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, w.judged(t, next, w.policies, cache)); diff != "" {
		t.Errorf("without the bytes of its layers, which another image has, too (-want +got):\n%s", diff)
	}
}

func TestPathsMayBeRelative(t *testing.T) {
	w := newWorkshop(t)
	path := w.saved(t, images.Build(t, images.PatchedDebian), "registry.example.com/shop/checkout:1.8")
	absolute, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(absolute), filepath.Join(w.folder, "bin")); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), absolute, "scan", "./"+filepath.Base(path), "--database-file", filepath.Base(w.database),
		"--cache-dir", "cache", "--indexer", "./bin/assay-index", "--registry-config", "")
	command.Dir = w.folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
