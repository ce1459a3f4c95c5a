// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/story"
)

var update = flag.Bool("update", false, "write the golden files anew")

// transcript is a story as a person would see it on a terminal.
type transcript struct {
	*world
	text  strings.Builder
	names []string // pairs for a strings.Replacer: what differs from run to run, and what stands for it
}

// name gives a digest a name of the length that a short digest has, so that columns stay columns.
func (r *transcript) name(t *testing.T, digest, name string) {
	t.Helper()
	if len(name) != 12 {
		t.Fatalf("%q has not 12 characters", name)
	}
	hex := strings.TrimPrefix(digest, "sha256:")
	r.names = append(r.names, hex, name, hex[:12], name)
}

// happens heads what follows.
func (r *transcript) happens(what string) { fmt.Fprintf(&r.text, "\n## %s\n", what) }

// run runs kubectl and writes what it says, also when it refuses.
func (r *transcript) run(t *testing.T, args ...string) {
	t.Helper()
	output, err := r.Kubectl(t.Context(), args...)
	var refused *story.CommandError
	if errors.As(err, &refused) {
		output += refused.Message + "\n"
	} else if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&r.text, "\n$ kubectl %s\n%s", strings.Join(args, " "), output)
}

// conditions writes all conditions of an image and how kstatus reads it.
func (r *transcript) conditions(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		image := r.get(t, name)
		fmt.Fprintf(&r.text, "\n%s is %s\n", name, kstatus(t, image))
		for _, c := range conditions(image) {
			fmt.Fprintf(&r.text, "  %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
}

// kstatus is how tools that wait for objects read this one.
func kstatus(t *testing.T, image *v1alpha1.TrustedImage) status.Status {
	t.Helper()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(image)
	if err != nil {
		t.Fatal(err)
	}
	result, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}

// age is the last column of a table: it ticks.
var age = regexp.MustCompile(`(?m) [0-9]+[smh][0-9smh]*$`)

// compare compares the transcript with a golden file.
func (r *transcript) compare(t *testing.T, golden string) {
	t.Helper()
	names := append(r.names, r.honest.Host(), "registry.example.com")
	got := age.ReplaceAllString(strings.NewReplacer(names...).Replace(r.text.String()), " -")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the story differs from %s (-want +got); if it is better so, run with -update:\n%s", golden, diff)
	}
}
