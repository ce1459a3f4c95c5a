// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/controllers/imagepolicy"
	"github.com/assay-dev/assay/internal/alarm"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/policy/keys/fake"
	"github.com/assay-dev/assay/internal/roster"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/manifests"
)

// Namespaces of these tests; the second one is Assay's own.
const (
	environment = "imagepolicy-environment"
	assay       = "imagepolicy-assay"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// newAPI returns a client of a real API server that knows the kinds and has the namespaces.
func newAPI(t *testing.T) client.Client {
	t.Helper()
	ctrl.SetLogger(logr.Discard())
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(kinds); err != nil {
			t.Fatal(err)
		}
	}
	config := controlplane.ForTest(t).Config()
	config.QPS = -1 // as fast as it answers
	// Where the guard is installed nobody else may write a status.
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:assay-system:assay-controller", Groups: []string{"system:masters"},
	}
	api, err := client.New(config, client.Options{Scheme: kinds})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifests.Render("crd")
	if err != nil {
		t.Fatal(err)
	}
	if err := manifests.Apply(t.Context(), api, objects); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{environment, assay} {
		create(t, api, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return api
}

func create(t *testing.T, api client.Client, object client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

func publicKey(t *testing.T) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func inline(name v1alpha1.RuleName, text string) v1alpha1.Authority {
	return v1alpha1.Authority{Name: name, Key: &v1alpha1.KeySource{Inline: text}}
}

func referring(name v1alpha1.RuleName, configMap v1alpha1.ObjectName, key string) v1alpha1.Authority {
	return v1alpha1.Authority{Name: name, Key: &v1alpha1.KeySource{
		ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: configMap, Key: key},
	}}
}

func authorities(all ...v1alpha1.Authority) v1alpha1.PolicySpec {
	return v1alpha1.PolicySpec{Authorities: all}
}

// around puts what a reconciler stands on around the resolver.
func around(resolver *keys.Resolver, clock *clocktesting.FakeClock) imagepolicy.Surroundings {
	return imagepolicy.Surroundings{
		Keys: resolver, Roster: roster.New(), Alarm: alarm.New(clock), Recorder: events.NewFakeRecorder(16), Clock: clock,
		Feeds: func(name string) v1alpha1.FeedStatus { return v1alpha1.FeedStatus{Name: name, Version: "1"} },
	}
}

// nobody is woken at a moment.
func nobody(context.Context, types.NamespacedName) {}

// condition as a test writes it.
type condition struct {
	kind, reason, message string
	status                metav1.ConditionStatus
}

func TestReconcilers(t *testing.T) {
	api := newAPI(t)
	for name, test := range map[string]func(*testing.T, client.Client){
		"say whether a policy can be applied":       testPolicies,
		"see a change of the spec":                  testChange,
		"take an outage for unknown and retry":      testOutage,
		"take a policy that is gone for no error":   testGone,
		"do not overwrite what was written between": testConflict,
	} {
		t.Run(name, func(t *testing.T) { test(t, api) })
	}
}

func testPolicies(t *testing.T, api client.Client) {
	valid := publicKey(t)
	for _, namespace := range []string{environment, assay} {
		create(t, api, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "keys"},
			Data:       map[string]string{"cosign.pub": valid, "wrong.pub": "no key"},
			BinaryData: map[string][]byte{"binary.pub": []byte(valid)},
		})
	}
	create(t, api, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: assay, Name: "own"}, Data: map[string]string{"cosign.pub": valid},
	})
	applied := []condition{{v1alpha1.ReadyCondition, v1alpha1.ReasonSucceeded, "the policy is applied", metav1.ConditionTrue}}
	stalled := func(reason, message string) []condition {
		return []condition{
			{v1alpha1.ReadyCondition, reason, message, metav1.ConditionFalse},
			{v1alpha1.StalledCondition, reason, message, metav1.ConditionTrue},
		}
	}
	waiting := func(reason, message string) []condition {
		return []condition{{v1alpha1.ReadyCondition, reason, message, metav1.ConditionFalse}}
	}
	for name, test := range map[string]struct {
		spec       v1alpha1.PolicySpec
		conditions []condition
		reading    status.Status
		after      time.Duration
		// namespaced and clusterWide say that the row holds for one kind only.
		namespaced, clusterWide bool
	}{
		"a policy without authorities is applied and needs no other look": {
			conditions: applied, reading: status.CurrentStatus,
		},
		"a policy with an inline key is applied": {
			spec: authorities(inline("ci", valid)), conditions: applied, reading: status.CurrentStatus,
		},
		"a policy with a key in a ConfigMap is applied, and the ConfigMap is looked at again": {
			spec:       authorities(inline("ci", valid), referring("release", "keys", "cosign.pub"), referring("binary", "keys", "binary.pub")),
			conditions: applied, reading: status.CurrentStatus, after: 10 * time.Minute,
		},
		"a cluster-wide policy's key stands in Assay's namespace": {
			spec:       authorities(referring("release", "own", "cosign.pub")),
			conditions: applied, reading: status.CurrentStatus, after: 10 * time.Minute, clusterWide: true,
		},
		"a policy cannot use a key in Assay's namespace": {
			spec: authorities(referring("release", "own", "cosign.pub")),
			conditions: waiting(v1alpha1.ReasonKeyNotFound, "authority release: ConfigMap own does not exist in namespace "+environment+
				"; create it with the public key under cosign.pub"),
			reading: status.InProgressStatus, after: 30 * time.Second, namespaced: true,
		},
		"a malformed inline key stalls": {
			spec: authorities(inline("ci", "no key")),
			conditions: stalled(v1alpha1.ReasonInvalidKey,
				"authority ci: key.inline: invalid public key: want a PEM block of type PUBLIC KEY, as cosign.pub has"),
			reading: status.FailedStatus,
		},
		"a malformed key in a ConfigMap waits for the ConfigMap": {
			spec: authorities(referring("release", "keys", "wrong.pub")),
			conditions: waiting(v1alpha1.ReasonInvalidKey, "authority release: wrong.pub of ConfigMap keys in namespace "+environment+
				": invalid public key: want a PEM block of type PUBLIC KEY, as cosign.pub has"),
			reading: status.InProgressStatus, after: 30 * time.Second, namespaced: true,
		},
		"a ConfigMap without the key is waited for": {
			spec: authorities(referring("release", "keys", "release.pub")),
			conditions: waiting(v1alpha1.ReasonKeyNotFound, "authority release: ConfigMap keys in namespace "+assay+
				" has no key release.pub; put the public key there"),
			reading: status.InProgressStatus, after: 30 * time.Second, clusterWide: true,
		},
		"a pattern that matches nothing stalls": {
			spec: v1alpha1.PolicySpec{Images: []v1alpha1.ImagePattern{"registry.example.com/shop:1.8"}},
			conditions: stalled(v1alpha1.ReasonPolicyInvalid,
				`images: the pattern matches nothing: "registry.example.com/shop:1.8" has a tag or a port in its path; patterns speak of repositories; correct it`),
			reading: status.FailedStatus,
		},
		"what the spec must change is said first, and then everything else": {
			spec: authorities(referring("a", "gone", "cosign.pub"), inline("z", "no key")),
			conditions: stalled(v1alpha1.ReasonInvalidKey,
				"authority z: key.inline: invalid public key: want a PEM block of type PUBLIC KEY, as cosign.pub has; "+
					"authority a: ConfigMap gone does not exist in namespace "+environment+"; create it with the public key under cosign.pub"),
			reading: status.FailedStatus, after: 30 * time.Second, namespaced: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := &keys.Resolver{Texts: cluster.Texts{Reader: api}, Namespace: assay}
			if !test.clusterWide {
				p := &v1alpha1.ImagePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: environment, GenerateName: "policy-"}, Spec: test.spec}
				create(t, api, p)
				clock := clocktesting.NewFakeClock(noon)
				check(t, api, p, imagepolicy.ForImagePolicies(api, around(resolver, clock), nobody), clock, test.after, test.reading, test.conditions)
			}
			if !test.namespaced {
				p := &v1alpha1.ClusterImagePolicy{
					ObjectMeta: metav1.ObjectMeta{GenerateName: "imagepolicy-test-"},
					Spec:       v1alpha1.ClusterPolicySpec{Namespaces: []v1alpha1.NamespacePattern{environment}, PolicySpec: test.spec},
				}
				create(t, api, p)
				clock := clocktesting.NewFakeClock(noon)
				check(t, api, p, imagepolicy.ForClusterImagePolicies(api, around(resolver, clock), nobody), clock, test.after, test.reading, test.conditions)
				if err := api.Delete(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

type policyObject interface {
	client.Object
	GetConditions() []metav1.Condition
}

type reconciler interface {
	Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error)
}

// check reconciles twice, and the second time nothing may be written.
func check(t *testing.T, api client.Client, p policyObject, r reconciler, clock *clocktesting.FakeClock,
	after time.Duration, reading status.Status, want []condition,
) {
	t.Helper()
	if got := readingOf(t, api, p); got != status.InProgressStatus {
		t.Errorf("before the first look kstatus reads %s", got)
	}
	reconcileOnce(t, api, p, r, after)
	assertConditions(t, p, want)
	if got := readingOf(t, api, p); got != reading {
		t.Errorf("kstatus reads %s, want %s", got, reading)
	}
	before := p.GetResourceVersion()
	clock.SetTime(noon.Add(time.Hour))
	reconcileOnce(t, api, p, r, after)
	if p.GetResourceVersion() != before {
		t.Error("the status was written although nothing changed")
	}
}

func reconcileOnce(t *testing.T, api client.Client, p policyObject, r reconciler, after time.Duration) {
	t.Helper()
	key := client.ObjectKeyFromObject(p)
	result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
	if err != nil {
		t.Fatal(err)
	}
	if result.RequeueAfter != after {
		t.Errorf("looked at again after %s, want %s", result.RequeueAfter, after)
	}
	if err := api.Get(t.Context(), key, p); err != nil {
		t.Fatal(err)
	}
}

func assertConditions(t *testing.T, p policyObject, want []condition) {
	t.Helper()
	var got []condition
	for _, c := range p.GetConditions() {
		got = append(got, condition{c.Type, c.Reason, c.Message, c.Status})
		if c.ObservedGeneration != p.GetGeneration() {
			t.Errorf("condition %s speaks of generation %d, not %d", c.Type, c.ObservedGeneration, p.GetGeneration())
		}
		if !c.LastTransitionTime.Time.Equal(noon) {
			t.Errorf("condition %s changed at %s", c.Type, c.LastTransitionTime)
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(condition{})); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

// readingOf returns what kstatus, and so kubectl wait, Flux and others, reads from the object.
func readingOf(t *testing.T, api client.Client, p policyObject) status.Status {
	t.Helper()
	kind, err := api.GroupVersionKindFor(p)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(p), object); err != nil {
		t.Fatal(err)
	}
	result, err := status.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}

func testChange(t *testing.T, api client.Client) {
	r := imagepolicy.ForImagePolicies(api, around(&keys.Resolver{Texts: cluster.Texts{Reader: api}}, clocktesting.NewFakeClock(noon)), nobody)
	p := &v1alpha1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, GenerateName: "policy-"}, Spec: authorities(inline("ci", "no key")),
	}
	create(t, api, p)
	reconcileOnce(t, api, p, r, 0)
	p.Spec.Authorities[0].Key.Inline = publicKey(t)
	if err := api.Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	reconcileOnce(t, api, p, r, 0)
	assertConditions(t, p, []condition{{v1alpha1.ReadyCondition, v1alpha1.ReasonSucceeded, "the policy is applied", metav1.ConditionTrue}})
	if p.Status.ObservedGeneration != 2 {
		t.Errorf("observed generation %d", p.Status.ObservedGeneration)
	}
}

func testOutage(t *testing.T, api client.Client) {
	outage := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "keys", nil)
	r := imagepolicy.ForImagePolicies(api, around(&keys.Resolver{Texts: &fake.Texts{Err: outage}}, clocktesting.NewFakeClock(noon)), nobody)
	p := &v1alpha1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, GenerateName: "policy-"}, Spec: authorities(referring("ci", "keys", "cosign.pub")),
	}
	create(t, api, p)
	if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(p)}); !apierrors.IsForbidden(err) {
		t.Errorf("got error %v", err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
	assertConditions(t, p, []condition{{
		v1alpha1.ReadyCondition, v1alpha1.ReasonInProgress,
		"the ConfigMaps and Secrets that the policy refers to could not be read (Forbidden); this is retried", metav1.ConditionUnknown,
	}})
}

func testGone(t *testing.T, api client.Client) {
	r := imagepolicy.ForImagePolicies(api, around(&keys.Resolver{}, clocktesting.NewFakeClock(noon)), nobody)
	request := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: environment, Name: "gone"}}
	if result, err := r.Reconcile(t.Context(), request); err != nil || result != (ctrl.Result{}) {
		t.Errorf("got %v, %v", result, err)
	}
}

func testConflict(t *testing.T, api client.Client) {
	p := &v1alpha1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, GenerateName: "policy-"}, Spec: authorities(inline("ci", "no key")),
	}
	create(t, api, p)
	r := imagepolicy.ForImagePolicies(outdated{api}, around(&keys.Resolver{}, clocktesting.NewFakeClock(noon)), nobody)
	if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(p)}); !apierrors.IsConflict(err) {
		t.Errorf("got error %v", err)
	}
}

// outdated is a client behind whose reads somebody writes.
type outdated struct{ client.Client }

func (o outdated) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := o.Client.Get(ctx, key, object, options...); err != nil {
		return err
	}
	other := object.DeepCopyObject().(client.Object)
	other.SetLabels(map[string]string{"changed": "meanwhile"})
	return o.Update(ctx, other)
}
