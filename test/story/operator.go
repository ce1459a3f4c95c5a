// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/manifests"
	"github.com/assay-dev/assay/test/process"
)

const (
	// Namespace is Assay's own.
	Namespace = "assay-system"
	// admissionPath is the webhook's, as config/webhook has it.
	admissionPath = "/validate-pods"
	// readyTimeout bounds the start of one of Assay's programs.
	readyTimeout = time.Minute
)

// startOperator installs what config ships and runs Assay's programs, each with a token of its own service account.
func (w *World) startOperator(ctx context.Context, options Options) error {
	defer w.step("Assay: CRDs, rights, guard, assay-controller, assay-webhook")()
	address, err := process.FreeAddress()
	if err != nil {
		return err
	}
	if err := w.install(ctx, "https://"+address+admissionPath); err != nil {
		return err
	}
	newGroup := process.NewGroup
	if options.Detached {
		newGroup = process.NewDetachedGroup
	}
	if w.operator, err = newGroup(w.Logs()); err != nil {
		return err
	}
	if err := w.startController(ctx, options); err != nil {
		return err
	}
	return w.startWebhook(ctx, address)
}

// install applies config/default. What is about running inside of the cluster is left out: Assay runs outside of it, and so
// the API server calls the webhook at an address instead of a Service.
func (w *World) install(ctx context.Context, webhookURL string) error {
	objects, err := manifests.Render("default")
	if err != nil {
		return err
	}
	objects = manifests.Without(objects, "Deployment", "PersistentVolumeClaim", "PodDisruptionBudget", "NetworkPolicy", "Service")
	if objects, err = manifests.PointWebhookAt(objects, webhookURL, nil); err != nil {
		return err
	}
	return manifests.Apply(ctx, w.Admin, objects)
}

func (w *World) startController(ctx context.Context, options Options) error {
	health, err := process.FreeAddress()
	if err != nil {
		return err
	}
	queries, err := process.FreeAddress()
	if err != nil {
		return err
	}
	w.Queries = "https://" + queries
	args := []string{
		"--namespace=" + Namespace,
		"--query-bind-address=" + queries,
		"--query-host=127.0.0.1",
		"--data-dir=" + filepath.Join(w.dir, "data"),
		"--indexer=" + w.bin("assay-index"),
		"--database-repository=" + w.Database(),
		"--kev=" + w.KEV(),
		"--insecure-registry=" + w.Registry,
		"--allow-address=127.0.0.0/8",
		"--webhook-host=127.0.0.1",
		"--health-probe-bind-address=" + health,
	}
	for _, registry := range options.Others {
		args = append(args, "--insecure-registry="+registry)
	}
	args = append(args, options.Flags...)
	w.runController = func(ctx context.Context) error { return w.startProgram(ctx, controllerName, health, args) }
	return w.runController(ctx)
}

// controllerName is the program's.
const controllerName = "assay-controller"

// RestartController ends assay-controller and starts it again with the same flags on the same data. It returns when it is ready.
func (w *World) RestartController(ctx context.Context) error {
	if err := w.programs[controllerName].Stop(ctx); err != nil {
		return err
	}
	delete(w.programs, controllerName)
	return w.runController(ctx)
}

func (w *World) startWebhook(ctx context.Context, address string) error {
	health, err := process.FreeAddress()
	if err != nil {
		return err
	}
	return w.startProgram(ctx, "assay-webhook", health, []string{
		"--namespace=" + Namespace,
		"--bind-address=" + address,
		"--health-probe-bind-address=" + health,
	})
}

// startProgram runs one of Assay's programs as the service account of its name, and returns when it is ready.
func (w *World) startProgram(ctx context.Context, name, health string, args []string) error {
	config, err := w.cluster.ServiceAccountConfig(ctx, Namespace, name)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(w.Logs(), name+".kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config); err != nil {
		return err
	}
	program, err := w.operator.Start(process.Spec{
		Name: name, Path: w.bin(name), Args: append(args, "--kubeconfig="+kubeconfig),
		Env: []string{"HOME=" + w.dir}, // nothing of whoever boots the world
	})
	if err != nil {
		return err
	}
	w.programs[name] = program
	return w.Await(ctx, readyTimeout, name+" to be ready", func(ctx context.Context) (string, error) {
		return unready(ctx, "http://"+health+"/readyz"), nil
	})
}

// unready is why a server is not ready; "" when it is.
func unready(ctx context.Context, url string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "it does not answer yet"
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return response.Status
	}
	return ""
}

// alive is an error when one of Assay's programs has ended.
func (w *World) alive() error {
	for _, program := range w.programs {
		if err := program.Err(); err != nil {
			return err
		}
	}
	return nil
}

// PublishQueries tells kubectl assay where the controller answers, as an administrator does who gave it a URL.
func (w *World) PublishQueries(ctx context.Context) error {
	server := `{"data":{"server":"` + w.Queries + `"}}`
	_, err := w.Kubectl(ctx, "patch", "configmap", query.ConfigMapName, "--namespace="+Namespace, "--type=merge", "--patch="+server)
	return err
}
