// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/story"
)

// TestStory is the whole of Assay at once. Its parts run one after the other on one world: what the first ones built up, the
// later ones must leave alone.
func TestStory(t *testing.T) {
	w := boot(t, nil)
	var checkout string
	t.Run("an image earns its way from dev to prod", func(t *testing.T) { checkout = play(t, w) })
	if t.Failed() {
		return
	}
	t.Run("the cosign command verifies what Assay attached", func(t *testing.T) { verifyAttached(t, w, checkout) })
	t.Run("who signed keyless and what was built from which source counts", func(t *testing.T) { trustKeyless(t, w) })
	t.Run("a registry that cannot be written keeps nothing from being promoted", func(t *testing.T) { promoteReadOnly(t, w) })
	t.Run("what the README tells to do by hand works", func(t *testing.T) { followReadme(t, w) })
	before := statuses(t, w)
	t.Run("bad input", func(t *testing.T) { badInput(t, w) })
	if diff := cmp.Diff(before, statuses(t, w)); diff != "" {
		t.Errorf("bad input changed what was healthy (-before +after):\n%s", diff)
	}
}

// table is what a person looks at.
var table = []string{"get", "trustedimages", "-A"}

// play plays the story, compares its transcript, and returns checkout's digest.
func play(t *testing.T, w *world) string {
	ctx := t.Context()
	r := &transcript{world: w}
	must(t, w.ApplyManifests(ctx, story.Namespaces, story.Keys, story.Policies))
	checkout, err := w.PushCheckout(ctx)
	must(t, err)
	r.name(t, checkout, "checkout-1.8")

	manifest, err := w.Manifest(story.Checkout)
	must(t, err)
	objects, err := story.Decode(manifest)
	must(t, err)
	for _, object := range objects {
		name := object.GetNamespace() + "/" + object.GetName()
		r.happens("checkout enters " + object.GetNamespace())
		must(t, w.ApplyObjects(ctx, object))
		w.awaitCondition(t, name, "Sealed=True Succeeded")
		r.run(t, table...)
		r.conditions(t, name)
	}

	legacy, err := w.PushLegacy(ctx)
	must(t, err)
	r.name(t, legacy, "legacy-v-2.1")
	r.happens("legacy has known vulnerabilities and stays out")
	must(t, w.ApplyManifests(ctx, story.Legacy))
	must(t, w.AwaitEndings(ctx, story.Endings()))
	r.run(t, table...)
	r.conditions(t, "dev/legacy", "staging/legacy", "prod/legacy")

	r.happens("only what prod trusts runs in prod, and only by its digest")
	must(t, w.AwaitAdmission(ctx, "prod", w.Reference(story.CheckoutImage, checkout), ""))
	must(t, w.AwaitAdmission(ctx, "dev", w.Reference(story.LegacyImage, legacy), "was refused"))
	run := func(namespace, name, image string) {
		r.run(t, "run", name, "--namespace="+namespace, "--image="+image)
	}
	run("prod", "checkout", w.Reference(story.CheckoutImage, checkout))
	run("prod", "by-tag", w.Registry+"/"+story.CheckoutImage)
	run("prod", "legacy", w.Reference(story.LegacyImage, legacy))
	run("dev", "legacy", w.Reference(story.LegacyImage, legacy))
	run("prod", "unknown", w.Reference("shop/unknown", checkout))

	r.happens("somebody pushes a bad image to checkout's tag; the trusted digest stays")
	pushBadCheckout(t, r)
	r.run(t, table...)
	r.conditions(t, "dev/checkout", "prod/checkout")

	r.happens("prod's passport is deleted and created again; its status is refilled without a byte of the image")
	recreate(t, r)
	r.run(t, append(table, "-o", "wide")...)
	r.conditions(t, "prod/checkout")
	r.compare(t, filepath.Join("testdata", "story.golden"))
	return checkout
}

// pushBadCheckout moves the tag of checkout to another image, signed by the same key.
func pushBadCheckout(t *testing.T, r *transcript) {
	digest, err := r.Release(t.Context(), story.CheckoutImage, images.Build(t, images.Alpine))
	must(t, err)
	r.name(t, digest, "checkout-bad")
	r.lookAgain(t, "dev/checkout")
	r.awaitCondition(t, "dev/checkout", "PolicyPassed=False "+v1alpha1.ReasonVulnerable)
	must(t, r.AwaitAdmission(t.Context(), "dev", r.Reference(story.CheckoutImage, digest), "was refused"))
	r.run(t, "run", "checkout-bad", "--namespace=dev", "--image="+r.Reference(story.CheckoutImage, digest))
}

// recreate deletes prod's checkout and applies it again, and asserts that the trust is the old one and no blob was pulled.
func recreate(t *testing.T, r *transcript) {
	before := r.get(t, "prod/checkout")
	r.honest.Forget()
	must(t, r.Admin.Delete(t.Context(), before))
	must(t, r.ApplyManifests(t.Context(), story.Checkout))
	after := r.awaitCondition(t, "prod/checkout", "Sealed=True Succeeded")
	if after.UID == before.UID {
		t.Error("the object is still the old one")
	}
	if diff := cmp.Diff(before.Status.Trusted, after.Status.Trusted); diff != "" {
		t.Errorf("the trust is not the old one (-before +after):\n%s", diff)
	}
	if n := r.honest.Count(registry.Matcher{Method: http.MethodGet, Kind: registry.Blob, Repository: "shop/checkout"}); n != 0 {
		t.Errorf("%d blobs were pulled", n)
	}
}

// verifyAttached verifies the seal and the SBOMs of checkout with the published half of the seal key.
func verifyAttached(t *testing.T, w *world, digest string) {
	sealKey := w.kubectl(t, "get", "configmap", "assay-seal-public-key", "--namespace="+story.Namespace, `--output=jsonpath={.data.cosign\.pub}`)
	dir := t.TempDir()
	// With a key and without a log cosign needs no trust root, but asks for one.
	for name, content := range map[string]string{
		"seal.pub": sealKey, "root.json": `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	verify := func(key, predicateType string) error {
		_, err := w.Cosign(t.Context(), "verify-attestation", "--key="+key, "--type="+predicateType,
			"--insecure-ignore-tlog=true", "--trusted-root="+filepath.Join(dir, "root.json"), w.Reference(story.CheckoutImage, digest))
		return err
	}
	verifySignature := func(key string) error {
		_, err := w.Cosign(t.Context(), "verify", "--key="+key, "--insecure-ignore-tlog=true",
			"--trusted-root="+filepath.Join(dir, "root.json"), w.Reference(story.CheckoutImage, digest))
		return err
	}
	if err := verifySignature(filepath.Join(dir, "seal.pub")); err != nil {
		t.Errorf("Assay's signature: %v", err)
	}
	for name, predicateType := range map[string]string{
		"seal": attestation.PredicateSeal, "SPDX": "spdxjson", "CycloneDX": "cyclonedx",
	} {
		if err := verify(filepath.Join(dir, "seal.pub"), predicateType); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := verify(w.Keys.Public, predicateType); err == nil {
			t.Errorf("%s: verifies with another key", name)
		}
	}
}

// statuses are those of the story's images.
func statuses(t *testing.T, w *world) map[client.ObjectKey]v1alpha1.TrustedImageStatus {
	found := map[client.ObjectKey]v1alpha1.TrustedImageStatus{}
	for _, ending := range story.Endings() {
		found[ending.Image] = w.get(t, ending.Image.String()).Status
	}
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
