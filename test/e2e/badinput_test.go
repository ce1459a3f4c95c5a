// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
)

// row is one kind of bad input: an environment of its own in which one thing is wrong.
type row struct {
	// push builds what is pushed to the repository of the row's name; nothing when nil.
	push func() (images.Pushable, error)
	// prepare does what else it takes.
	prepare func(t *testing.T, w *world, namespace string)
	// apply is what is applied, in which NAMESPACE and the registries HOST, CLOSED, ABSENT and FAULTY stand for their names, and
	// DIGEST for that of images.PatchedDebian.
	apply string
	// object is the TrustedImage that is looked at; "image" when empty.
	object string

	// reason is that of the row of kubectl get.
	reason string
	// conditions are all of them.
	conditions []string
	// kstatus is how tools that wait read it: "InProgress" when empty.
	kstatus string
	// message is a part of what Ready says.
	message string
	// mend does what the message says; the image must be trusted then.
	mend func(t *testing.T, w *world, namespace, message string)
}

// anyImage lets the rows' images in unless something is wrong with them.
const anyImage = `
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: bad}
spec:
  namespaces: ["bad-*"]
  vulnerabilities:
    block: [{name: critical, minSeverity: Critical, fix: Available}]
`

// tagged is a passport of tag 1 of the repository that is named like the namespace.
const tagged = `
apiVersion: assay.dev/v1alpha1
kind: TrustedImage
metadata: {name: image, namespace: NAMESPACE}
spec:
  source:
    registry: {repository: "HOST/NAMESPACE", tag: "1"}
`

func elsewhere(host string) string { return strings.ReplaceAll(tagged, "HOST", host) }

// badInput runs all rows at the same time.
func badInput(t *testing.T, w *world) {
	w.apply(t, anyImage)
	w.faulty.Script(faults(t)...)
	t.Run("poison", func(t *testing.T) { refusePoison(t, w) })
	for name, r := range rows() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.run(t, w, strings.NewReplacer(" ", "-", ",", "").Replace(name))
		})
	}
}

// refusePoison applies what no client could decode: the API server must not take it.
func refusePoison(t *testing.T, w *world) {
	for field, poison := range map[string]string{
		"a duration": "interval: banana",
		"a platform": "platforms: [linux]",
	} {
		content, err := w.Expand(strings.ReplaceAll(tagged, "NAMESPACE", "dev") + "  " + poison + "\n")
		must(t, err)
		if err := w.Apply(t.Context(), content); !apierrors.IsInvalid(err) {
			t.Errorf("%s: %v, want it to be invalid", field, err)
		}
	}
}

// run makes the environment and waits for what the row says.
func (r row) run(t *testing.T, w *world, slug string) {
	namespace := "bad-" + slug
	if r.reason == v1alpha1.ReasonNoMatchingPolicy {
		namespace = "unruled"
	}
	w.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: "+namespace+"}}")
	if r.push != nil {
		push(t, w.honest.Host(), namespace, r.push)
	}
	if r.prepare != nil {
		r.prepare(t, w, namespace)
	}
	w.apply(t, r.apply, "NAMESPACE", namespace, "HOST", w.honest.Host(), "CLOSED", w.closed.Host(),
		"ABSENT", w.absent.Host(), "FAULTY", w.faulty.Host(), "DIGEST", digestOf(t, images.PatchedDebian))

	name := namespace + "/image"
	if r.object != "" {
		name = namespace + "/" + r.object
	}
	image := w.await(t, name, func(image *v1alpha1.TrustedImage) string { return r.lacks(t, image) })
	message := ready(image)
	if !strings.Contains(message, r.message) {
		t.Errorf("the message is %q and says nothing of %q", message, r.message)
	}
	if r.mend == nil {
		return
	}
	r.mend(t, w, namespace, message)
	w.lookAgain(t, name)
	w.awaitCondition(t, name, "Ready=True "+v1alpha1.ReasonPolicyPassed)
}

// lacks is what an image lacks to be as the row says.
func (r row) lacks(t *testing.T, image *v1alpha1.TrustedImage) string {
	wantStatus := r.kstatus
	if wantStatus == "" {
		wantStatus = "InProgress"
	}
	want := fmt.Sprintf("%s, %s: %s", r.reason, wantStatus, strings.Join(r.conditions, ", "))
	got := fmt.Sprintf("%s, %s: %s", image.Status.Summary.Reason, kstatus(t, image), strings.Join(shortly(image), ", "))
	if got == want {
		return ""
	}
	return fmt.Sprintf("\nis   %s\nwant %s", got, want)
}

func ready(image *v1alpha1.TrustedImage) string {
	for _, c := range image.Status.Conditions {
		if c.Type == v1alpha1.ReadyCondition {
			return c.Message
		}
	}
	return ""
}

func push(t *testing.T, host, repository string, build func() (images.Pushable, error), options ...images.PushOption) string {
	t.Helper()
	digest, err := images.Push(t.Context(), host+"/"+repository+":1", images.Build(t, build), options...)
	must(t, err)
	return digest
}

func digestOf[T images.Pushable](t *testing.T, build func() (T, error)) string {
	t.Helper()
	digest, err := images.Build(t, build).Digest()
	must(t, err)
	return digest.String()
}

// of makes a builder of images one of anything that can be pushed.
func of[T images.Pushable](build func() (T, error)) func() (images.Pushable, error) {
	return func() (images.Pushable, error) { return build() }
}

// stored puts a document into the registry as it is.
func stored(mediaType types.MediaType, body string) func(*testing.T, *world, string) {
	return func(t *testing.T, w *world, namespace string) {
		must(t, w.honest.Put(namespace, "1", mediaType, []byte(body)))
	}
}

// faults are the script of the faulty registry.
func faults(t *testing.T) []registry.Row {
	flipped, endless := firstLayer(t, images.NodeModules), firstLayer(t, images.DistrolessDebian)
	on := func(repository string) registry.Matcher { return registry.Matcher{Repository: repository} }
	return []registry.Row{
		{On: registry.Matcher{Repository: "bad-lying-registry", Kind: registry.ManifestByDigest}, Fault: registry.LyingDigest, Target: "other"},
		{On: registry.Matcher{Method: http.MethodGet, Reference: flipped}, Fault: registry.FlippedByte, Offset: 100},
		{On: registry.Matcher{Method: http.MethodGet, Reference: endless}, Fault: registry.SlowBody},
		{On: on("bad-failing-registry"), Fault: registry.InternalError},
		{On: on(readOnlyRepository), Fault: registry.ReadOnly},
	}
}

// firstLayer is the digest of an image's first layer.
func firstLayer(t *testing.T, builder func() (v1.Image, error)) string {
	layers, err := images.Build(t, builder).Layers()
	must(t, err)
	digest, err := layers[0].Digest()
	must(t, err)
	return digest.String()
}

func patched() (images.Pushable, error) { return images.PatchedDebian() }

func gzipBomb() (v1.Image, error) { return images.GzipBomb(256 << 20) }

func memoryBomb() (v1.Image, error) { return images.MemoryBomb(256 << 20) }
