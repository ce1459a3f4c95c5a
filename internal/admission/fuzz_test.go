// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/assay-dev/assay/internal/policy/scope"
)

// FuzzPodBypass looks for a Pod in which Kubernetes sees an image that is not judged: whatever decodes as a Pod must show
// the same images to both, and one with an untrusted image must be denied.
func FuzzPodBypass(f *testing.F) {
	good, bad := written(checkout, "trusted"), written(checkout, "other")
	for _, spec := range []string{
		`{"containers":[{"name":"a","image":%q}]}`,
		`{"initContainers":[{"name":"a","image":%q}],"containers":null}`,
		`{"ephemeralContainers":[{"name":"a","image":%q,"targetContainerName":"b"}]}`,
		`{"volumes":[{"name":"a","image":{"reference":%q,"pullPolicy":"Always"}},{"name":"b","emptyDir":{}}]}`,
		`{"containers":[{"name":"a","image":"` + good + `"},{"name":"a","image":%q}]}`,
		`{"containers":[{"name":"a","image":%q,"env":[{"name":"image","value":"x"}]}]}`,
	} {
		for _, image := range []string{good, bad, checkout + ":1.8", "", "x@sha256:1", "a@" + good, " " + good, good + "\n"} {
			f.Add(fmt.Sprintf(`{"spec":`+spec+`}`, image))
		}
	}
	admitter := newAdmitter(f)
	enforced := admitter.Policies()[:1]
	admitter.Policies = func() []scope.Scope { return enforced }
	f.Fuzz(func(t *testing.T, raw string) {
		var theirs corev1.Pod
		if json.Unmarshal([]byte(raw), &theirs) != nil {
			return
		}
		canonical, err := json.Marshal(theirs) // What the API server sends is what it has decoded.
		if err != nil {
			return
		}
		var ours Pod
		if err := json.Unmarshal(canonical, &ours); err != nil {
			t.Fatalf("Kubernetes decodes it and Assay does not: %v", err)
		}
		var judged []string
		for _, image := range ours.Spec.images() {
			judged = append(judged, image)
		}
		if diff := cmp.Diff(imagesOf(theirs.Spec), judged); diff != "" {
			t.Fatalf("images that Kubernetes sees -, that are judged +:\n%s", diff)
		}
		response := admitter.Review(&Request{UID: "1", Kind: Kind{Kind: "Pod"}, Namespace: "dev", Operation: "CREATE", Object: &ours})
		trusted := func(image string) bool {
			return strings.HasPrefix(strings.ToLower(image), checkout) &&
				(strings.HasSuffix(image, "@"+digestOf("trusted").String()) || strings.HasSuffix(image, "@"+digestOf("trusted amd64").String()))
		}
		if response.Allowed && slices.ContainsFunc(judged, func(image string) bool { return !trusted(image) }) {
			t.Fatalf("admitted with %q", judged)
		}
	})
}

// imagesOf returns the images of a Pod by the Kubernetes types.
func imagesOf(spec corev1.PodSpec) []string {
	var images []string
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		images = append(images, c.Image)
	}
	for _, c := range spec.EphemeralContainers {
		images = append(images, c.Image)
	}
	for _, v := range spec.Volumes {
		if v.Image != nil {
			images = append(images, v.Image.Reference)
		}
	}
	return images
}
