// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package installation tests what config installs, on a control plane of its own: what the API server accepts, who may do
// what, who writes a status, and which Pods run.
package installation_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/controllers/certificate"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/manifests"
)

// Assay's own names, as config has them.
const (
	system     = "assay-system"
	controller = "assay-controller"
	webhook    = "assay-webhook"
)

// certificateSecret holds the webhook's certificate.
var certificateSecret = types.NamespacedName{Namespace: system, Name: "assay-webhook-certificate"}

// installed is what all tests of this package look at. The control plane is theirs alone: what is installed changes what
// others may do.
var installed *installation

type installation struct {
	plane *controlplane.ControlPlane
	// admin is a member of system:masters.
	admin client.Client
	// controller and webhook have the rights of Assay's programs.
	controller, webhook *rest.Config
	// programs is the folder with the built assay-webhook.
	programs string
	// address that the API server calls for the webhook. Nobody listens there before a test starts it.
	address string
	seal    *sealKey
	// forged is a TrustedImage whose status was forged before the guard was there.
	forged types.NamespacedName
}

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Fprintln(os.Stderr, "skipped: these tests need a control plane")
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "assay-installation-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx := context.Background()
	build := exec.CommandContext(ctx, "go", "build", "-o", dir, "github.com/assay-dev/assay/cmd/assay-webhook")
	if output, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build assay-webhook: %w\n%s", err, output)
	}
	plane, err := controlplane.Start(ctx, controlplane.Options{
		Dir: filepath.Join(dir, "plane"), Controllers: append(controlplane.SharedControllers(), "clusterrole-aggregation-controller"),
	})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop(ctx)) }()
	if installed, err = install(ctx, plane); err != nil {
		return 1, err
	}
	installed.programs = dir
	return m.Run(), nil
}

// install installs config/default, with a TrustedImage whose status was forged before the guard was there.
func install(ctx context.Context, plane *controlplane.ControlPlane) (*installation, error) {
	if err := v1alpha1.AddToScheme(scheme.Scheme); err != nil {
		return nil, err
	}
	admin, err := client.New(plane.Config(), client.Options{})
	if err != nil {
		return nil, err
	}
	i := &installation{plane: plane, admin: admin}
	if i.seal, err = newSealKey(); err != nil {
		return nil, err
	}
	if i.forged, err = forgeBeforeTheGuard(ctx, admin); err != nil {
		return nil, err
	}
	if i.address, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	objects, err := manifests.Render("default")
	if err != nil {
		return nil, err
	}
	if objects, err = manifests.PointWebhookAt(objects, "https://"+i.address+"/validate-pods", nil); err != nil {
		return nil, err
	}
	if err := manifests.Apply(ctx, admin, objects); err != nil {
		return nil, err
	}
	if err := waitForGuard(ctx, admin); err != nil {
		return nil, err
	}
	if i.controller, err = plane.ServiceAccountConfig(ctx, system, controller); err != nil {
		return nil, err
	}
	if i.webhook, err = plane.ServiceAccountConfig(ctx, system, webhook); err != nil {
		return nil, err
	}
	return i, i.doControllersWork(ctx)
}

// forgeBeforeTheGuard writes a trusted digest into a status while only the CRDs are there.
func forgeBeforeTheGuard(ctx context.Context, admin client.Client) (types.NamespacedName, error) {
	name := types.NamespacedName{Namespace: "forged-before", Name: "checkout"}
	definitions, err := manifests.Render("crd")
	if err != nil {
		return name, err
	}
	if err := manifests.Apply(ctx, admin, definitions); err != nil {
		return name, err
	}
	image := newTrustedImage(name.Namespace, name.Name)
	if err := admin.Create(ctx, newNamespace(name.Namespace)); err != nil {
		return name, err
	}
	if err := admin.Create(ctx, image); err != nil {
		return name, err
	}
	image.Status.Trusted = forgedDigest()
	return name, admin.Status().Update(ctx, image)
}

// waitForGuard waits until the guard holds: the API server takes some time to know a new admission policy.
func waitForGuard(ctx context.Context, admin client.Client) error {
	if err := admin.Create(ctx, newNamespace("guard")); err != nil {
		return err
	}
	image := newTrustedImage("guard", "probe")
	if err := admin.Create(ctx, image); err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		probe := image.DeepCopy()
		probe.Status.Summary.Reason = "Probe"
		return admin.Status().Patch(ctx, probe, client.MergeFrom(image)) != nil, nil
	})
}

// doControllersWork publishes the seal key and makes the webhook's certificate as assay-controller does, with its rights.
func (i *installation) doControllersWork(ctx context.Context) error {
	api, err := client.New(i.controller, client.Options{})
	if err != nil {
		return err
	}
	key, err := i.seal.publicPEM()
	if err != nil {
		return err
	}
	published := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "assay-seal-public-key"},
		Data:       map[string]string{"cosign.pub": key},
	}
	if err := api.Create(ctx, published); err != nil {
		return err
	}
	return certificateKeeper(api).Ensure(ctx)
}

// certificateKeeper keeps the webhook's certificate as assay-controller does.
func certificateKeeper(api client.Client) *certificate.Keeper {
	return &certificate.Keeper{
		Client: api, Secret: certificateSecret, Publish: certificate.ToWebhook(api, webhook), Names: []string{"127.0.0.1"}, Clock: clock.RealClock{},
	}
}

func newNamespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
