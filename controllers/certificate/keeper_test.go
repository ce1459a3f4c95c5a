// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

const webhookName = "assay-webhook.assay-system.svc"

var secretName = types.NamespacedName{Namespace: "assay-system", Name: "assay-webhook-certificate"}

func newKeeper(t *testing.T) (*Keeper, *clocktesting.FakeClock) {
	t.Helper()
	clock := clocktesting.NewFakeClock(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	configuration := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "assay"},
		Webhooks:   []admissionv1.ValidatingWebhook{{Name: "pods.assay.dev"}},
	}
	api := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(configuration).Build()
	return &Keeper{
		Client:  api,
		Secret:  secretName,
		Publish: ToWebhook(api, "assay"),
		Names:   []string{webhookName, "127.0.0.1"},
		Clock:   clock,
	}, clock
}

// state returns the served certificate and the authorities that the API server believes.
func state(t *testing.T, k *Keeper) (*x509.Certificate, []byte) {
	t.Helper()
	var secret corev1.Secret
	var configuration admissionv1.ValidatingWebhookConfiguration
	if err := k.Client.Get(t.Context(), secretName, &secret); err != nil {
		t.Fatal(err)
	}
	if err := k.Client.Get(t.Context(), client.ObjectKey{Name: "assay"}, &configuration); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf, configuration.Webhooks[0].ClientConfig.CABundle
}

func mustVerify(t *testing.T, leaf *x509.Certificate, bundle []byte, now time.Time) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	for _, name := range []string{webhookName, "127.0.0.1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err != nil {
			t.Errorf("the API server does not believe the webhook as %s: %v", name, err)
		}
	}
}

func TestACertificateIsMadeAndThenLeftAlone(t *testing.T) {
	k, clock := newKeeper(t)
	if err := k.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	leaf, bundle := state(t, k)
	mustVerify(t, leaf, bundle, clock.Now())
	if err := k.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, _ := state(t, k); !again.Equal(leaf) {
		t.Error("a good certificate was replaced")
	}
}

func TestACertificateIsRenewedWhileTheOldOneIsStillBelieved(t *testing.T) {
	k, clock := newKeeper(t)
	if err := k.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	old, _ := state(t, k)
	for range 3 {
		clock.Step(lifetime - renewBefore + time.Minute)
		if err := k.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		leaf, bundle := state(t, k)
		if leaf.Equal(old) {
			t.Fatal("the certificate was not renewed 30 days before its end")
		}
		mustVerify(t, leaf, bundle, clock.Now())
		mustVerify(t, old, bundle, clock.Now())
		old = leaf
	}
}

func TestADamagedSecretOrAWipedConfigurationIsMended(t *testing.T) {
	damages := map[string]func(t *testing.T, k *Keeper){
		"the Secret holds garbage": func(t *testing.T, k *Keeper) {
			var secret corev1.Secret
			if err := k.Client.Get(t.Context(), secretName, &secret); err != nil {
				t.Fatal(err)
			}
			secret.Data = map[string][]byte{corev1.TLSCertKey: []byte("x"), authorityKey: []byte("y")}
			if err := k.Client.Update(t.Context(), &secret); err != nil {
				t.Fatal(err)
			}
		},
		"the configuration was applied anew without its bundle": func(t *testing.T, k *Keeper) {
			var configuration admissionv1.ValidatingWebhookConfiguration
			if err := k.Client.Get(t.Context(), client.ObjectKey{Name: "assay"}, &configuration); err != nil {
				t.Fatal(err)
			}
			configuration.Webhooks[0].ClientConfig.CABundle = nil
			if err := k.Client.Update(t.Context(), &configuration); err != nil {
				t.Fatal(err)
			}
		},
		"the certificate lacks a name": func(_ *testing.T, k *Keeper) { k.Names = append(k.Names, "localhost") },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			k, clock := newKeeper(t)
			if err := k.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
			damage(t, k)
			if err := k.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
			leaf, bundle := state(t, k)
			mustVerify(t, leaf, bundle, clock.Now())
		})
	}
}

func TestACertificateIsPublishedInAConfigMapBesideWhatOthersWroteThere(t *testing.T) {
	k, clock := newKeeper(t)
	name := types.NamespacedName{Namespace: "assay-system", Name: "assay-query"}
	k.Publish = ToConfigMap(k.Client, name)
	var published corev1.ConfigMap
	ensure := func() {
		t.Helper()
		if err := k.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := k.Client.Get(t.Context(), name, &published); err != nil {
			t.Fatal(err)
		}
		serving, err := k.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		mustVerify(t, serving.Leaf, []byte(published.Data[authorityKey]), clock.Now())
	}
	if _, err := k.Certificate(nil); err == nil {
		t.Error("there is a certificate before one was made")
	}
	ensure()
	published.Data["server"] = "https://assay.example.com"
	if err := k.Client.Update(t.Context(), &published); err != nil {
		t.Fatal(err)
	}
	clock.Step(lifetime - renewBefore + time.Minute)
	ensure()
	if published.Data["server"] != "https://assay.example.com" {
		t.Error("what somebody else wrote is gone")
	}
}
