// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package installation_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/admission/watch"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/trust"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/process"
)

// TestAStatusForgedBeforeTheGuardIsNoTrust holds that what nobody signed never enters the trust index.
func TestAStatusForgedBeforeTheGuardIsNoTrust(t *testing.T) {
	var stored v1alpha1.TrustedImage
	if err := installed.admin.Get(t.Context(), installed.forged, &stored); err != nil || stored.Status.Trusted == nil {
		t.Fatalf("want a forged status to be stored, got %+v and %v", stored.Status.Trusted, err)
	}
	watcher, err := watch.New(installed.webhook, system, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { watcher.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	eventually(t, "the index to be loaded", func() error {
		if !watcher.Synced() {
			return errors.New("not yet")
		}
		return nil
	})
	forged, err := image.ParseReference(written("forged"))
	if err != nil {
		t.Fatal(err)
	}
	if watcher.Index().Admissible(installed.forged.Namespace, forged) {
		t.Error("a forged digest is admissible")
	}
	if got := watcher.Index().Explain(installed.forged.Namespace, forged).Standing; got != trust.Forged {
		t.Errorf("it stands as %v, want Forged", got)
	}
}

// TestAdmission lets the API server ask the program, and tries every place of a Pod and every way to bring in an image.
func TestAdmission(t *testing.T) {
	prepareDev(t)
	startWebhook(t)
	good, bad := written("good"), written("bad")

	creations := map[string]struct {
		change func(*corev1.PodSpec)
		denied string // "" for allowed
	}{
		"a trusted digest":               {func(s *corev1.PodSpec) { s.Containers[0].Image = good }, ""},
		"another digest":                 {func(s *corev1.PodSpec) { s.Containers[0].Image = bad }, "is not trusted; TrustedImage checkout trusts"},
		"a refused digest":               {func(s *corev1.PodSpec) { s.Containers[0].Image = written("refused") }, "was refused: Vulnerable: CVE-2021-44228"},
		"a forged digest":                {func(s *corev1.PodSpec) { s.Containers[0].Image = written("forged") }, "without Assay's signature"},
		"a tag":                          {func(s *corev1.PodSpec) { s.Containers[0].Image = repository + ":1.8" }, "names no digest; write " + good},
		"an image that nobody speaks of": {func(s *corev1.PodSpec) { s.Containers[0].Image = strings.Replace(good, "shop", "other", 1) }, "no ImagePolicy or ClusterImagePolicy speaks of"},
		"an image without a passport":    {func(s *corev1.PodSpec) { s.Containers[0].Image = strings.Replace(good, "checkout", "cart", 1) }, "no TrustedImage for repository"},
		"an untrusted init container":    {func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{{Name: "init", Image: bad}} }, "init container init"},
		"an untrusted image volume":      {func(s *corev1.PodSpec) { s.Volumes = []corev1.Volume{imageVolume("models", bad)} }, "volume models"},
		"a trusted image volume":         {func(s *corev1.PodSpec) { s.Volumes = []corev1.Volume{imageVolume("models", good)} }, ""},
		"an untrusted second container":  {func(s *corev1.PodSpec) { s.Containers = append(s.Containers, corev1.Container{Name: "b", Image: bad}) }, "container b"},
		"an audited image":               {func(s *corev1.PodSpec) { s.Containers[0].Image = strings.Replace(bad, "checkout", "lenient", 1) }, ""},
	}
	for name, c := range creations {
		t.Run("create with "+name, func(t *testing.T) {
			pod := newPod("dev", good)
			c.change(&pod.Spec)
			expectDenied(t, installed.admin.Create(t.Context(), pod), c.denied)
		})
	}

	pod := newPod("dev", good)
	create(t, pod)
	t.Run("update to another digest", func(t *testing.T) {
		changed := pod.DeepCopy()
		changed.Spec.Containers[0].Image = bad
		expectDenied(t, installed.admin.Update(t.Context(), changed), "is not trusted")
	})
	t.Run("server-side apply of another digest", func(t *testing.T) {
		patch := fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"main","image":%q}]}}`, bad)
		err := installed.admin.Patch(t.Context(), pod.DeepCopy(), client.RawPatch(types.ApplyPatchType, patch), client.ForceOwnership, client.FieldOwner("test"))
		expectDenied(t, err, "is not trusted")
	})
	t.Run("an ephemeral container with another digest", func(t *testing.T) {
		expectDenied(t, debug(t, pod, bad), "ephemeral container debug")
	})
	t.Run("an ephemeral container with a trusted digest", func(t *testing.T) {
		expectDenied(t, debug(t, pod, good), "")
	})

	endTrust(t)
	t.Run("create after trust has ended", func(t *testing.T) {
		eventually(t, "the end of trust to be known", func() error {
			if err := installed.admin.Create(t.Context(), newPod("dev", good)); !apierrors.IsForbidden(err) {
				return fmt.Errorf("it is not denied yet: %w", err)
			}
			return nil
		})
	})
	t.Run("labels of a Pod whose trust has ended", func(t *testing.T) {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
		expectDenied(t, installed.admin.Patch(t.Context(), pod.DeepCopy(), patch), "")
	})
	t.Run("in a namespace that is not under admission", func(t *testing.T) {
		expectDenied(t, installed.admin.Create(t.Context(), newPod("elsewhere", bad)), "")
	})
	t.Run("deletion of a Pod whose trust has ended", func(t *testing.T) {
		expectDenied(t, installed.admin.Delete(t.Context(), pod), "")
	})
}

// TestANewCertificateIsServedAtOnce holds that the program serves with what stands in the Secret, without a restart, and that
// the API server goes on believing it.
func TestANewCertificateIsServedAtOnce(t *testing.T) {
	ensureNamespace(t, "staging")
	startWebhook(t)
	before := served(t)
	create := func() error {
		err := installed.admin.Create(t.Context(), newPod("staging", written("bad")))
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("the webhook did not answer: %w", err)
		}
		return nil
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	if err := installed.admin.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: certificateSecret.Name}}); err != nil {
		t.Fatal(err)
	}
	if err := certificateKeeper(as(t, installed.controller)).Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new certificate to be served", func() error {
		if served(t).Cmp(before) == 0 {
			return errors.New("still the old one")
		}
		return create()
	})
}

// served returns the serial number of the certificate that the program serves with.
func served(t *testing.T) *big.Int {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	connection, err := dialer.DialContext(t.Context(), "tcp", installed.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber
}

// TestWithoutTheWebhook holds that admission fails closed in the namespaces under admission, and there only.
func TestWithoutTheWebhook(t *testing.T) {
	ensureNamespace(t, "staging")
	ensureNamespace(t, "elsewhere")
	err := installed.admin.Create(t.Context(), newPod("staging", written("good")))
	if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "pods.assay.dev") {
		t.Errorf("got %v, want a failure that names the webhook", err)
	}
	expectDenied(t, installed.admin.Create(t.Context(), newPod("elsewhere", written("bad"))), "")
}

// prepareDev makes the namespace dev with policies and a passport.
func prepareDev(t *testing.T) {
	t.Helper()
	ensureNamespace(t, "dev")
	ensureNamespace(t, "elsewhere")
	create(t, &v1alpha1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "enforce"},
		Spec: v1alpha1.PolicySpec{Images: []v1alpha1.ImagePattern{
			"registry.example.com/shop/checkout", "registry.example.com/shop/cart",
		}},
	})
	create(t, &v1alpha1.ClusterImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "audit"},
		Spec: v1alpha1.ClusterPolicySpec{Namespaces: []v1alpha1.NamespacePattern{"d*"}, PolicySpec: v1alpha1.PolicySpec{
			Images:    []v1alpha1.ImagePattern{"registry.example.com/shop/lenient"},
			Admission: &v1alpha1.AdmissionRules{Mode: v1alpha1.AdmissionAudit},
		}},
	})
	passport := newTrustedImage("dev", "checkout")
	create(t, passport)
	passport.Status.Trusted = installed.seal.trusted(t, "dev", "checkout", "good")
	passport.Status.History = []v1alpha1.TrustedDigest{*forgedDigest()}
	passport.Status.Candidate = &v1alpha1.CandidateDigest{
		Digest: v1alpha1.DigestString(image.DigestOf([]byte("refused")).String()), Repository: repository, Verdict: v1alpha1.VerdictRejected,
		Rules: []v1alpha1.RuleResult{
			{Policy: "dev/enforce", Rule: "image.user", Result: v1alpha1.ResultPass},
			{Policy: "dev/enforce", Rule: "vulnerabilities.block[fixable]", Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonVulnerable, Message: "CVE-2021-44228 in log4j-core"},
		},
	}
	if err := as(t, installed.controller).Status().Update(t.Context(), passport); err != nil {
		t.Fatal(err)
	}
}

// endTrust empties the status of dev's passport.
func endTrust(t *testing.T) {
	t.Helper()
	passport := newTrustedImage("dev", "checkout")
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"trusted":null,"history":null}}`))
	if err := as(t, installed.controller).Status().Patch(t.Context(), passport, patch); err != nil {
		t.Fatal(err)
	}
}

// startWebhook runs the program as its own service account until the test ends, and returns when it is ready.
func startWebhook(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, installed.webhook); err != nil {
		t.Fatal(err)
	}
	health, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	group, err := process.NewGroup(dir)
	if err != nil {
		t.Fatal(err)
	}
	program, err := group.Start(process.Spec{Name: webhook, Path: filepath.Join(installed.programs, webhook), Args: []string{
		"--kubeconfig=" + kubeconfig, "--bind-address=" + installed.address, "--health-probe-bind-address=" + health,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := group.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "assay-webhook to be ready", func() error {
		if err := program.Err(); err != nil {
			return err
		}
		return ready(t, "http://"+health+"/readyz")
	})
}

func ready(t *testing.T, url string) error {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// expectDenied holds that the API server answered with a denial by the webhook that contains the text, or, when that is
// empty, with no error.
func expectDenied(t *testing.T, err error, text string) {
	t.Helper()
	switch {
	case text == "" && err != nil:
		t.Errorf("got %v, want it to be allowed", err)
	case text != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "pods.assay.dev")):
		t.Errorf("got %v, want a denial that contains %q", err, text)
	}
}

// debug adds an ephemeral container as kubectl debug does.
func debug(t *testing.T, pod *corev1.Pod, image string) error {
	t.Helper()
	changed := pod.DeepCopy()
	changed.Spec.EphemeralContainers = []corev1.EphemeralContainer{{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: image, TerminationMessagePolicy: corev1.TerminationMessageReadFile},
	}}
	return installed.admin.SubResource("ephemeralcontainers").Update(t.Context(), changed)
}

func newPod(namespace, image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "pod-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: image}}},
	}
}

func imageVolume(name, reference string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: reference}}}
}

// ensureNamespace makes the namespace, and waits until Pods can be created in it.
func ensureNamespace(t *testing.T, name string) {
	t.Helper()
	if err := installed.admin.Create(t.Context(), newNamespace(name)); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	eventually(t, "the namespace's service account", func() error {
		return installed.admin.Get(t.Context(), client.ObjectKey{Namespace: name, Name: "default"}, &corev1.ServiceAccount{})
	})
}
