// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/controllers/certificate"
	"github.com/assay-dev/assay/controllers/imagepolicy"
	"github.com/assay-dev/assay/controllers/intelligence"
	"github.com/assay-dev/assay/controllers/trustedimage"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
	"github.com/assay-dev/assay/internal/workpool"
)

// Names of objects that the controller shares with the webhook.
const (
	certificateSecret    = "assay-webhook-certificate"
	webhookConfiguration = "assay-webhook"
	leaseName            = "assay-controller"
)

// The lease is renewed slowly: admission does not depend on the controller, and an idle one should be quiet.
var (
	leaseDuration = 137 * time.Second
	renewDeadline = 107 * time.Second
	retryPeriod   = 26 * time.Second
)

// queueLength bounds how many notifications wait for the reconciler's queue.
const queueLength = 1024

func run(ctx context.Context, o options) error {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	mgr, err := newManager(config, o)
	if err != nil {
		return err
	}
	uncached, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return err
	}
	parts, err := assembly.Assemble(assembly.Options{
		DataDir: o.dataDir,
		Indexer: o.indexer, IndexMemory: o.indexMemory, IndexDeadline: o.indexDeadline,
		Database: o.database, DatabaseFile: o.databaseFile, KEV: o.kev, EPSS: o.epss,
		ConfigMaps:    feedConfigMaps{configMaps: cluster.ConfigMaps{Reader: uncached}, namespace: o.namespace},
		InsecureHosts: o.insecureHosts, AllowedAddresses: o.allowed,
	})
	if err != nil {
		return err
	}
	defer parts.Close() //nolint:errcheck // The process ends.
	if err := addControllers(ctx, mgr, uncached, parts, o); err != nil {
		return err
	}
	if err := addQueryServer(mgr, uncached, parts.Fleet, o); err != nil {
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
		Cache:                         cache.Options{ReaderFailOnMissingInformer: true, DefaultTransform: cache.TransformStripManagedFields()},
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

func addControllers(ctx context.Context, mgr ctrl.Manager, uncached client.Client, parts *assembly.Parts, o options) error {
	checkGuard(ctx, uncached)
	signer, err := sealKey(ctx, uncached, o.namespace)
	if err != nil {
		return err
	}
	pushCredentials, err := readRegistryConfig(o.registryConfig)
	if err != nil {
		return err
	}
	attacher, err := parts.Registries.Writer(pushCredentials)
	if err != nil {
		return fmt.Errorf("--registry-config: %w", err)
	}
	resolver := &keys.Resolver{
		Policies:   cluster.Policies{Reader: mgr.GetClient()},
		ConfigMaps: keys.Remember(cluster.ConfigMaps{Reader: uncached}, clock.RealClock{}),
		Namespace:  o.namespace,
	}
	notifications := make(trustedimage.Notifications, queueLength)
	pool := workpool.New(o.workers, clock.RealClock{}, notifications.Notify)
	images := &trustedimage.Reconciler{
		Client:       mgr.GetClient(),
		Secrets:      uncached,
		Policies:     resolver,
		Registries:   parts.Registries,
		Gatherer:     parts.Gatherer,
		Intelligence: parts.Intelligence,
		Seals: &trustedimage.Seals{
			Signer: signer, Store: parts.Store, Ledger: parts.Store, Attacher: attacher, Version: version,
		},
		Pool:     pool,
		Recorder: mgr.GetEventRecorder("assay-controller"),
		Clock:    clock.RealClock{},
	}
	if err := images.SetupWithManager(ctx, mgr, notifications); err != nil {
		return err
	}
	if err := metrics.Registry.Register(trustedimage.Metrics(mgr.GetClient())); err != nil {
		return err
	}
	if err := imagepolicy.SetupWithManager(mgr, resolver); err != nil {
		return err
	}
	feeds := intelligence.New(clock.RealClock{}, func(ctx context.Context, _ string, change feed.Change) {
		if change.Any() {
			images.All(ctx, notifications)
		}
	}, schedules(parts, o)...)
	feeds.Load(ctx)
	if err := metrics.Registry.Register(feeds); err != nil {
		return err
	}
	keeper := &certificate.Keeper{
		Client:  uncached,
		Secret:  types.NamespacedName{Namespace: o.namespace, Name: certificateSecret},
		Publish: certificate.ToWebhook(uncached, webhookConfiguration),
		Names:   o.webhookHosts,
		Clock:   clock.RealClock{},
	}
	for _, runnable := range []interface{ Start(context.Context) error }{pool, feeds, keeper} {
		if err := mgr.Add(runnable); err != nil {
			return err
		}
	}
	return nil
}

// schedules says how often the database and the feeds are refreshed.
func schedules(parts *assembly.Parts, o options) []intelligence.Schedule {
	every := intelligence.URLInterval
	if o.databaseFile != "" {
		every = intelligence.FileInterval
	}
	list := []intelligence.Schedule{{Name: "vulnerability-database", Feed: intelligence.Whole(parts.Database), Every: every}}
	if parts.Catalogue != nil {
		list = append(list, intelligence.Schedule{Name: "kev", Feed: parts.Catalogue, Every: feedInterval(o.kev)})
	}
	if parts.Scores != nil {
		list = append(list, intelligence.Schedule{Name: "epss", Feed: parts.Scores, Every: feedInterval(o.epss)})
	}
	return list
}

// feedInterval is how often a feed is refreshed that comes from a place.
func feedInterval(place string) time.Duration {
	switch {
	case assembly.IsURL(place):
		return intelligence.URLInterval
	case assembly.IsConfigMap(place):
		return intelligence.ConfigMapInterval
	}
	return intelligence.FileInterval
}

// readRegistryConfig reads the credentials that Assay pushes with; without any it pushes anonymously.
func readRegistryConfig(path string) (registry.Credentials, error) {
	if path == "" {
		return registry.Credentials{}, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return registry.Credentials{}, fmt.Errorf("--registry-config: %w", err)
	}
	return registry.Credentials{DockerConfigs: [][]byte{content}}, nil
}
