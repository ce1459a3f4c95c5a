// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e plays the demo's story as a test: every program is the real one, and the operator has the rights that it ships
// with, from bin, where `make build clients control-plane` puts them. What the story must look like is in testdata/story.golden;
// `go test ./test/e2e -update` writes it anew.
package e2e

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/story"
)

// patience is how long something may take that takes a second or two on an idle host.
const patience = 90 * time.Second

// world is a cluster with Assay in it and a few registries around it.
type world struct {
	*story.World
	honest *registry.Registry // with the images of the story
	faulty *registry.Registry // misbehaves as its script says
	closed *registry.Registry // wants the user and password of owner
	absent *registry.Registry // nobody listens there any more
}

// owner may use the closed registry.
var owner = registry.Account{User: "owner", Password: "a password"}

// boot boots a world that ends with the test.
func boot(t *testing.T, change func(*story.Options)) *world {
	t.Helper()
	w := &world{
		honest: registry.New(t), faulty: registry.New(t),
		closed: registry.New(t, registry.WithTokenAuth(owner)), absent: registry.New(t),
	}
	w.absent.Down()
	options := story.Options{
		Root: "../..", Dir: t.TempDir(), Registry: w.honest.Host(),
		Others: []string{w.faulty.Host(), w.closed.Host(), w.absent.Host()},
		// Enough for what is honest, and little enough for what is not to meet it soon.
		Flags:       []string{"--index-memory=402653184", "--index-deadline=20s"},
		Controllers: controlplane.SharedControllers(),
		Say:         func(line string) { t.Log(line) },
	}
	if change != nil {
		change(&options)
	}
	booted, err := story.Boot(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), time.Minute) // t.Context is done by now
		defer cancel()
		if err := booted.Stop(stopping); err != nil {
			t.Error(err)
		}
	})
	w.World = booted
	return w
}

// key names an object by namespace/name.
func key(name string) types.NamespacedName {
	namespace, name, _ := strings.Cut(name, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func (w *world) get(t *testing.T, name string) *v1alpha1.TrustedImage {
	t.Helper()
	image := &v1alpha1.TrustedImage{}
	if err := w.Admin.Get(t.Context(), key(name), image); err != nil {
		t.Fatal(err)
	}
	return image
}

// conditions are those of an image, in the order in which a person would ask for them.
func conditions(image *v1alpha1.TrustedImage) []metav1.Condition {
	order := []string{
		v1alpha1.ReadyCondition, v1alpha1.StalledCondition, v1alpha1.ResolvedCondition, v1alpha1.ScannedCondition,
		v1alpha1.VerifiedCondition, v1alpha1.PolicyPassedCondition, v1alpha1.PromotedCondition, v1alpha1.SealedCondition,
	}
	return slices.SortedFunc(slices.Values(image.Status.Conditions), func(a, b metav1.Condition) int {
		return cmp.Compare(slices.Index(order, a.Type), slices.Index(order, b.Type))
	})
}

// shortly are the conditions of an image, as "Ready=True PolicyPassed".
func shortly(image *v1alpha1.TrustedImage) []string {
	var list []string
	for _, c := range conditions(image) {
		list = append(list, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	return list
}

// await waits until lacks returns "" for a TrustedImage, and returns it as it is then.
func (w *world) await(t *testing.T, name string, lacks func(*v1alpha1.TrustedImage) string) *v1alpha1.TrustedImage {
	t.Helper()
	image := &v1alpha1.TrustedImage{}
	err := w.Await(t.Context(), patience, name, func(ctx context.Context) (string, error) {
		if err := w.Admin.Get(ctx, key(name), image); err != nil {
			return err.Error(), client.IgnoreNotFound(err)
		}
		return lacks(image), nil
	})
	if err != nil {
		t.Fatalf("%v\nstatus: %+v", err, image.Status)
	}
	return image
}

// awaitPolicy is await for an ImagePolicy.
func (w *world) awaitPolicy(t *testing.T, name string, lacks func(*v1alpha1.ImagePolicy) string) {
	t.Helper()
	policy := &v1alpha1.ImagePolicy{}
	err := w.Await(t.Context(), patience, name, func(ctx context.Context) (string, error) {
		if err := w.Admin.Get(ctx, key(name), policy); err != nil {
			return err.Error(), client.IgnoreNotFound(err)
		}
		return lacks(policy), nil
	})
	if err != nil {
		t.Fatalf("%v\nstatus: %+v", err, policy.Status)
	}
}

// awaitCondition waits for a condition given as "Ready=True PolicyPassed".
func (w *world) awaitCondition(t *testing.T, name, want string) *v1alpha1.TrustedImage {
	t.Helper()
	return w.await(t, name, func(image *v1alpha1.TrustedImage) string {
		list := shortly(image)
		if slices.Contains(list, want) && image.Status.ObservedGeneration == image.Generation {
			return ""
		}
		return fmt.Sprintf("%s is not among %s", want, strings.Join(list, ", "))
	})
}

// lookAgain asks for a reconcile now.
func (w *world) lookAgain(t *testing.T, name string) {
	t.Helper()
	w.kubectl(t, "annotate", "trustedimage", key(name).Name, "--namespace="+key(name).Namespace, "--overwrite",
		fmt.Sprintf("%s=%d", v1alpha1.RequestedAtAnnotation, time.Now().UnixNano()))
}

// kubectl runs a command that must succeed, and returns its output.
func (w *world) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	output, err := w.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// apply applies YAML in which ${REGISTRY} and other names stand for values.
func (w *world) apply(t *testing.T, template string, values ...string) {
	t.Helper()
	content, err := w.Expand(strings.NewReplacer(values...).Replace(template))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(t.Context(), content); err != nil {
		t.Fatal(err)
	}
}
