// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controlplane starts a real Kubernetes control plane as processes on
// this host: etcd and kube-apiserver, and kube-controller-manager and
// kube-scheduler where asked for. Unlike envtest it authenticates service
// accounts and authorizes by RBAC, so that what runs against it can run with
// the rights that it ships with.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"

	"github.com/assay-dev/assay/test/process"
)

// startTimeout bounds the start of the whole control plane, which takes about
// three seconds on an idle host.
const startTimeout = 2 * time.Minute

// adminKubeconfig is the administrator's kubeconfig in the control plane's folder.
const adminKubeconfig = "admin.kubeconfig"

// Options say what to start.
type Options struct {
	// Dir holds data, certificates, kubeconfigs and logs. It is made if it is missing.
	Dir string
	// Controllers are those that kube-controller-manager runs, by the names of
	// its flag --controllers; "*" is all. It is not started if there are none.
	Controllers []string
	// Scheduler starts kube-scheduler.
	Scheduler bool
	// Detached processes outlive the caller and are ended by StopDetached;
	// others end with the caller, however it ends.
	Detached bool
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	config    *rest.Config
	dir       string
	processes *process.Group // nil for one that somebody else started
}

// Start starts a control plane and returns when its API server is ready.
// Nothing is left running when it fails.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	binaries, err := findBinaries()
	if err != nil {
		return nil, err
	}
	newGroup := process.NewGroup
	if options.Detached {
		newGroup = process.NewDetachedGroup
	}
	processes, err := newGroup(options.Dir)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, err
	}
	s := starter{binaries: binaries, dir: dir, processes: processes}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.start(starting, options); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start the control plane: %w", err), processes.Stop(ctx))
	}
	return &ControlPlane{config: s.admin, dir: dir, processes: processes}, nil
}

// StopDetached ends the control plane that was started detached in dir, if there is one.
func StopDetached(ctx context.Context, dir string) error {
	_, err := process.StopDetached(ctx, dir)
	return err
}

// Config returns a copy of the administrator's configuration, a member of system:masters.
func (c *ControlPlane) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig is the path of the administrator's kubeconfig.
func (c *ControlPlane) Kubeconfig() string { return filepath.Join(c.dir, adminKubeconfig) }

// Stop ends the control plane's processes. One that is shared goes on.
func (c *ControlPlane) Stop(ctx context.Context) error {
	if c.processes == nil {
		return nil
	}
	return c.processes.Stop(ctx)
}
