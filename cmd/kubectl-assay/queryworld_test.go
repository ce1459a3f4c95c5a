// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/controllers/certificate"
	evidencefake "github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/internal/query/server"
	"github.com/assay-dev/assay/test/controlplane"
)

// Namespaces of the questions: two teams, each with a service account that may get and list what is in its own, and Assay's. In that of
// the first there is one more, who may only list.
const (
	teamA       = "kubectl-assay-team-a"
	teamB       = "kubectl-assay-team-b"
	querySystem = "kubectl-assay-system"
	tenant      = "user"
	lister      = "lister"
)

// queryWorld is a control plane with TrustedImages of two teams, and a query server.
type queryWorld struct {
	plane   *controlplane.ControlPlane
	api     client.Client
	tenants map[string]*rest.Config
	store   *evidencefake.Store
	url     string
	dir     string
	handler atomic.Pointer[http.Handler]
}

func newQueryWorld(t *testing.T) *queryWorld {
	t.Helper()
	plane := controlplane.ForTest(t)
	w := &queryWorld{plane: plane, api: newAPI(t, plane), tenants: map[string]*rest.Config{}, store: &evidencefake.Store{}, dir: t.TempDir()}
	install(t, w.api)
	for _, name := range []string{teamA, teamB, querySystem} {
		create(t, w.api, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	create(t, w.api, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: querySystem, Name: "assay-query"},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{query.ConfigMapName}, Verbs: []string{"get"}},
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
			{APIGroups: []string{""}, Resources: []string{"pods/portforward"}, Verbs: []string{"get", "create"}},
		},
	})
	w.bind(t, querySystem, "assay-query", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"})
	w.addTeam(t, teamA, older)
	w.addTeam(t, teamB, newer)
	w.addUser(t, teamA, lister, lister, "list")
	address := w.listen(t)
	w.url = "https://" + address
	runController(t, w.api, querySystem, address)
	return w
}

// addTeam makes a team's service account, and the image that it trusts.
func (w *queryWorld) addTeam(t *testing.T, namespace string, digest v1alpha1.DigestString) {
	t.Helper()
	w.tenants[namespace] = w.addUser(t, namespace, tenant, namespace, "get", "list")
	object := &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "checkout"},
		Spec:       v1alpha1.TrustedImageSpec{Source: v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{Repository: repository, Tag: "1.8"}}},
	}
	create(t, w.api, object)
	object.Status.Trusted = trust(digest)
	object.Status.Trusted.Findings = &v1alpha1.FindingCounts{Critical: 1}
	if err := w.api.Status().Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// addUser makes a service account that may do so with TrustedImages in its namespace, and its kubeconfig.
func (w *queryWorld) addUser(t *testing.T, namespace, name, kubeconfig string, verbs ...string) *rest.Config {
	t.Helper()
	create(t, w.api, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
	create(t, w.api, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"assay.dev"}, Resources: []string{"trustedimages"}, Verbs: verbs}},
	})
	w.bind(t, namespace, name, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name})
	config, err := w.plane.ServiceAccountConfig(t.Context(), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := controlplane.WriteKubeconfig(filepath.Join(w.dir, kubeconfig), config); err != nil {
		t.Fatal(err)
	}
	return config
}

func (w *queryWorld) bind(t *testing.T, namespace, role string, subject rbacv1.Subject) {
	t.Helper()
	create(t, w.api, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role}, Subjects: []rbacv1.Subject{subject},
	})
}

// listen starts the query server, whose certificate is kept and published as assay-controller does.
func (w *queryWorld) listen(t *testing.T) (address string) {
	t.Helper()
	keeper := &certificate.Keeper{
		Client:  w.api,
		Secret:  types.NamespacedName{Namespace: querySystem, Name: "assay-query-certificate"},
		Publish: certificate.ToConfigMap(w.api, types.NamespacedName{Namespace: querySystem, Name: query.ConfigMapName}),
		Names:   []string{query.ServerName(querySystem), "127.0.0.1"},
		Clock:   clock.RealClock{},
	}
	if err := keeper.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: keeper.Certificate, MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	served := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler:  http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { (*w.handler.Load()).ServeHTTP(out, r) }),
		ErrorLog: log.New(io.Discard, "", 0), // Some of the tests break handshakes off.
	}}
	served.Start()
	t.Cleanup(served.Close)
	return listener.Addr().(*net.TCPAddr).String()
}

// answer has questions answered from the index from now on.
func (w *queryWorld) answer(t *testing.T, index server.Index) {
	w.serve(server.New(server.Options{Index: index, Store: w.store, Images: w.api, Reviews: w.api, Clock: clock.RealClock{}, Log: testr.New(t)}))
}

func (w *queryWorld) serve(handler http.Handler) { w.handler.Store(&handler) }

// as runs the command as the team.
func (w *queryWorld) as(t *testing.T, team string, arguments ...string) (code int, out, errOut string) {
	t.Helper()
	flags := []string{"--kubeconfig", filepath.Join(w.dir, team)}
	if arguments[len(arguments)-2] != "--assay-namespace" {
		flags = append(flags, "--assay-namespace", querySystem)
	}
	return assay(t, append(arguments, flags...)...)
}

// assay runs the command.
func assay(t *testing.T, arguments ...string) (code int, out, errOut string) {
	t.Helper()
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	code = run(t.Context(), streams, arguments)
	return code, stdout.String(), stderr.String()
}

// published is the ConfigMap that tells how to reach Assay.
func (w *queryWorld) published(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	var published corev1.ConfigMap
	if err := w.api.Get(t.Context(), client.ObjectKey{Namespace: querySystem, Name: query.ConfigMapName}, &published); err != nil {
		t.Fatal(err)
	}
	return &published
}

// publishURL tells the server's URL, or no longer when it is empty.
func (w *queryWorld) publishURL(t *testing.T, url string) {
	t.Helper()
	published := w.published(t)
	published.Data[query.ServerKey] = url
	if err := w.api.Update(t.Context(), published); err != nil {
		t.Fatal(err)
	}
}

// create creates an object, which ends with the test, or takes the one that an earlier run of tests left.
func create(t *testing.T, api client.Client, object client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Delete(context.Background(), object) }) // t.Context is done by then.
}
