// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
)

// leaseName is the name of the lease of the one controller that writes.
const leaseName = "assay-controller"

// The lease is renewed slowly: admission does not depend on the controller, and an idle one should be quiet.
var (
	leaseDuration = 137 * time.Second
	renewDeadline = 107 * time.Second
	retryPeriod   = 26 * time.Second
)

func run(ctx context.Context, o options) error {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	// Fan-outs, such as a policy that concerns thousands of images, are paced: so many statuses are written in a second.
	config.QPS, config.Burst = o.qps, o.burst
	mgr, err := newManager(config, o)
	if err != nil {
		return err
	}
	uncached, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return err
	}
	parts, err := assembly.Assemble(ctx, assembly.Options{
		DataDir: o.dataDir,
		Indexer: o.indexer, IndexMemory: o.indexMemory, IndexDeadline: o.indexDeadline,
		Database: o.database, DatabaseFile: o.databaseFile, JavaDatabases: o.javaDatabases, JavaDatabaseFile: o.javaDatabaseFile, KEV: o.kev, EPSS: o.epss,
		ConfigMaps:    feedConfigMaps{texts: cluster.Texts{Reader: uncached}, namespace: o.namespace},
		InsecureHosts: o.insecureHosts, AllowedAddresses: o.allowed,
	})
	if err != nil {
		return err
	}
	defer parts.Close() //nolint:errcheck // The process ends.
	if err := addControllers(ctx, mgr, uncached, parts, o); err != nil {
		return err
	}
	if err := addQueryServer(mgr, uncached, parts.Fleet, parts.Store, o); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func newManager(config *rest.Config, o options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		// A read that no informer was meant for fails instead of watching a kind in the whole cluster.
		Cache:                         cache.Options{ReaderFailOnMissingInformer: true, DefaultTransform: slimmed()},
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.leaderElection,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 ptr.To(leaseDuration),
		RenewDeadline:                 ptr.To(renewDeadline),
		RetryPeriod:                   ptr.To(retryPeriod),
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("ping", healthz.Ping)
}
