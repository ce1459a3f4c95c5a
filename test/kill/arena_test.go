// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kill_test

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/manifests"
)

//go:embed testdata
var testdata embed.FS

// Names in Assay's own namespace that the controller makes objects by.
const (
	namespace         = "assay-system"
	serviceAccount    = "assay-controller"
	sealKey           = "assay-seal-key"
	sealPublicKey     = "assay-seal-public-key"
	certificateSecret = "assay-webhook-certificate"
	webhook           = "assay-webhook"
)

// webhookURL is where nobody listens: no Pod is created here.
const webhookURL = "https://127.0.0.1:9/validate-pods"

// arena is a cluster with Assay's kinds, rights and guard, in which one round is played at a time.
type arena struct {
	admin      client.Client
	gateway    *gateway
	kubeconfig string // the controller's, with a token of its own service account, through the gateway
	registry   string // host:port, the same in every round
}

func newArena(t *testing.T) *arena {
	t.Helper()
	dir := t.TempDir()
	cluster := must(controlplane.Start(t.Context(), controlplane.Options{Dir: dir}))(t)
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), time.Minute) // t.Context is done by now
		defer cancel()
		if err := cluster.Stop(stopping); err != nil {
			t.Error(err)
		}
	})
	admin := cluster.Config()
	admin.QPS = -1 // The test looks often.
	types := runtime.NewScheme()
	check(t, errors.Join(scheme.AddToScheme(types), v1alpha1.AddToScheme(types)))
	a := &arena{
		admin:      must(client.New(admin, client.Options{Scheme: types}))(t),
		gateway:    newGateway(t, admin),
		kubeconfig: filepath.Join(dir, "controller.kubeconfig"),
		registry:   freeAddress(t),
	}
	a.install(t)
	config := must(cluster.ServiceAccountConfig(t.Context(), namespace, serviceAccount))(t)
	config.Host, config.CAData = a.gateway.url, a.gateway.ca
	check(t, controlplane.WriteKubeconfig(a.kubeconfig, config))
	return a
}

// install applies what config ships. What only runs inside of a cluster is left out.
func (a *arena) install(t *testing.T) {
	t.Helper()
	objects := must(manifests.Render("default"))(t)
	objects = manifests.Without(objects, "Deployment", "PersistentVolumeClaim", "PodDisruptionBudget", "NetworkPolicy", "Service")
	objects = must(manifests.PointWebhookAt(objects, webhookURL, nil))(t)
	check(t, manifests.Apply(t.Context(), a.admin, objects))
}

// reset takes away what an earlier round left, so that the controller finds what a new installation has.
func (a *arena) reset(t *testing.T) {
	t.Helper()
	for _, namespace := range environments {
		check(t, a.admin.DeleteAllOf(t.Context(), &v1alpha1.TrustedImage{}, client.InNamespace(namespace)))
	}
	check(t, a.admin.DeleteAllOf(t.Context(), &v1alpha1.ClusterImagePolicy{}))
	for _, object := range []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: sealKey}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: certificateSecret}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: sealPublicKey}},
	} {
		object.SetNamespace(namespace)
		if err := a.admin.Delete(t.Context(), object); !apierrors.IsNotFound(err) {
			check(t, err)
		}
	}
	var configuration admissionv1.ValidatingWebhookConfiguration
	check(t, a.admin.Get(t.Context(), client.ObjectKey{Name: webhook}, &configuration))
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].ClientConfig.CABundle = nil
	}
	check(t, a.admin.Update(t.Context(), &configuration))
}

// apply applies one of the files under testdata.
func (a *arena) apply(t *testing.T, file, publicKey string) {
	t.Helper()
	text := string(must(testdata.ReadFile("testdata/" + file))(t))
	indented := strings.ReplaceAll(strings.TrimSpace(publicKey), "\n", "\n    ")
	text = strings.NewReplacer("${REGISTRY}", a.registry, "${PUBLIC_KEY}", indented).Replace(text)
	var objects []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader([]byte(text))))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		object := &unstructured.Unstructured{}
		check(t, yaml.Unmarshal(document, &object.Object))
		objects = append(objects, object)
	}
	check(t, manifests.Apply(t.Context(), a.admin, objects))
}

// freeAddress is an address of this host that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t) //nolint:noctx // closed at once
	check(t, listener.Close())
	return listener.Addr().String()
}
