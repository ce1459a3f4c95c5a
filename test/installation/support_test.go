// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package installation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/trust"
)

const repository = "registry.example.com/shop/checkout"

// sealKey is the key that Assay's controller would have.
type sealKey struct{ *ecdsa.PrivateKey }

func newSealKey() (*sealKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &sealKey{key}, err
}

func (k *sealKey) publicPEM() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}

// trusted returns an entry of a status as the controller writes it.
func (k *sealKey) trusted(t *testing.T, namespace, name, content string) *v1alpha1.TrustedDigest {
	t.Helper()
	parsed, err := image.ParseRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	digest, policies := image.DigestOf([]byte(content)), image.DigestOf([]byte("policies"))
	sum := sha256.Sum256(trust.Entry{Namespace: namespace, Name: name, Repository: parsed, Digest: digest, PoliciesHash: policies}.Message())
	signature, err := ecdsa.SignASN1(rand.Reader, k.PrivateKey, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return &v1alpha1.TrustedDigest{
		Digest: v1alpha1.DigestString(digest.String()), Repository: repository, TrustedAt: "2026-11-21T00:00:00Z",
		PoliciesHash: v1alpha1.DigestString(policies.String()), Signature: base64.StdEncoding.EncodeToString(signature),
	}
}

// forgedDigest is an entry as somebody writes it who wishes to be trusted.
func forgedDigest() *v1alpha1.TrustedDigest {
	return &v1alpha1.TrustedDigest{
		Digest: v1alpha1.DigestString(image.DigestOf([]byte("forged")).String()), Repository: repository,
		TrustedAt: "2026-11-21T00:00:00Z", Signature: base64.StdEncoding.EncodeToString([]byte("forged")),
	}
}

func newTrustedImage(namespace, name string) *v1alpha1.TrustedImage {
	return &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.TrustedImageSpec{Source: v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{Repository: repository, Tag: "1.8"}}},
	}
}

// written is an image as it stands in a Pod.
func written(content string) string {
	return repository + "@" + image.DigestOf([]byte(content)).String()
}

// as returns a client with the rights of the configuration.
func as(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// impersonate returns a client of a user, in the groups given.
func impersonate(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	config := installed.plane.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	return as(t, config)
}

// newEnvironment makes a namespace for the test, with a name that the API server chooses if generated.
func newEnvironment(t *testing.T, prefix string) string {
	t.Helper()
	namespace := newNamespace("")
	namespace.GenerateName = prefix + "-"
	create(t, namespace)
	return namespace.Name
}

// create creates an object as administrator.
func create(t *testing.T, object client.Object) {
	t.Helper()
	if err := installed.admin.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waited too long for %s: %v", what, last)
	}
}
