// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package story boots Assay the way it ships, as processes of this host: a real control plane, the controller and the webhook
// with the rights of their own service accounts, and what config installs. On it the demo and the end-to-end test play the
// same story: one image earns its way from dev over staging to prod, and another is refused.
package story

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/process"
)

// Options say what kind of world is booted.
type Options struct {
	// Root is the project's root: its bin holds the programs.
	Root string
	// Dir holds everything that the world writes: data, keys, kubeconfigs and logs.
	Dir string
	// Registry is the host:port of the registry that the images of the story are in. It must be running.
	Registry string
	// Others are registries that Assay may speak to without TLS, too, running or not.
	Others []string
	// Database and Catalogue are what images are judged by: a vulnerability database as db.tar.gz and a KEV catalog. Those of
	// test/advisories when nil.
	Database, Catalogue []byte
	// Flags of assay-controller beside those that the world gives it.
	Flags []string
	// Controllers are those of Kubernetes that run; "*" is all.
	Controllers []string
	// Scheduler starts kube-scheduler.
	Scheduler bool
	// Detached processes outlive the caller; StopDetached ends them.
	Detached bool
	// Say tells of progress, a line at a time. It may be called at any time until the world is stopped.
	Say func(line string)
}

// World is a cluster in which Assay runs.
type World struct {
	// Admin is a client with all rights.
	Admin client.Client
	// Kubeconfig is the administrator's.
	Kubeconfig string
	// Registry is the host:port of the registry.
	Registry string
	// Queries is the URL at which assay-controller answers kubectl assay affected and find.
	Queries string
	// Keys sign the images of the story.
	Keys KeyPair

	root, dir string
	say       func(string)
	cluster   *controlplane.ControlPlane
	operator  *process.Group
	programs  map[string]*process.Process // of the operator, by name
	// runController starts assay-controller.
	runController func(context.Context) error
}

// The folders of the processes and their logs, in that of the world.
const (
	clusterFolder  = "kubernetes"
	operatorFolder = "operator"
)

// Boot starts a world and returns when Assay is ready. When it fails, detached processes are left to StopDetached and no
// others are left.
func Boot(ctx context.Context, options Options) (*World, error) {
	w := &World{Registry: options.Registry, root: options.Root, dir: options.Dir, say: options.Say, programs: map[string]*process.Process{}}
	if err := w.boot(ctx, options); err != nil {
		if !options.Detached {
			err = errors.Join(err, w.Stop(context.WithoutCancel(ctx)))
		}
		return nil, err
	}
	return w, nil
}

func (w *World) boot(ctx context.Context, options Options) (err error) {
	if w.root, err = filepath.Abs(options.Root); err != nil {
		return err
	}
	if w.dir, err = filepath.Abs(options.Dir); err != nil {
		return err
	}
	for _, program := range []string{"assay-controller", "assay-index", "assay-webhook", "clients/cosign"} {
		if _, err := os.Stat(w.bin(program)); err != nil {
			return fmt.Errorf("%w: run `make build clients`", err)
		}
	}
	if err := w.startCluster(ctx, options); err != nil {
		return err
	}
	if w.Keys, err = generateKeys(ctx, w); err != nil {
		return err
	}
	if err := w.publishIntelligence(ctx, options); err != nil {
		return err
	}
	return w.startOperator(ctx, options)
}

func (w *World) startCluster(ctx context.Context, options Options) error {
	defer w.step("control plane: etcd, kube-apiserver, kube-controller-manager")()
	cluster, err := controlplane.Start(ctx, controlplane.Options{
		Dir:         filepath.Join(w.dir, clusterFolder),
		Controllers: options.Controllers,
		Scheduler:   options.Scheduler,
		Detached:    options.Detached,
	})
	if err != nil {
		return err
	}
	w.cluster, w.Kubeconfig = cluster, cluster.Kubeconfig()
	if err := v1alpha1.AddToScheme(scheme.Scheme); err != nil {
		return err
	}
	log.SetLogger(logr.Discard()) // controller-runtime's client warns when there is none
	config := cluster.Config()
	config.QPS = -1 // who waits for something asks often
	w.Admin, err = client.New(config, client.Options{Scheme: scheme.Scheme})
	return err
}

// Cluster is the control plane that Assay runs on.
func (w *World) Cluster() *controlplane.ControlPlane { return w.cluster }

// Stop ends the world's processes.
func (w *World) Stop(ctx context.Context) error {
	var errs []error
	if w.operator != nil {
		errs = append(errs, w.operator.Stop(ctx))
	}
	if w.cluster != nil {
		errs = append(errs, w.cluster.Stop(ctx))
	}
	return errors.Join(errs...)
}

// StopDetached ends the detached world in a folder, also one that was only half booted, and returns how many processes ran.
func StopDetached(ctx context.Context, dir string) (stopped int, err error) {
	for _, folder := range []string{operatorFolder, clusterFolder} {
		n, failed := process.StopDetached(ctx, filepath.Join(dir, folder))
		stopped += n
		err = errors.Join(err, failed)
	}
	return stopped, err
}

// Dir is the world's folder, an absolute path.
func (w *World) Dir() string { return w.dir }

// Logs is the folder of the logs of assay-controller and assay-webhook.
func (w *World) Logs() string { return filepath.Join(w.dir, operatorFolder) }

// bin is the path of a program.
func (w *World) bin(program string) string { return filepath.Join(w.root, "bin", program) }

// step says what begins, and by the function that it returns how long it took.
func (w *World) step(what string) func() {
	began := time.Now()
	w.say("==> " + what)
	return func() { w.say(fmt.Sprintf("    took %.1f s", time.Since(began).Seconds())) }
}
