// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/controllers/certificate"
	"github.com/assay-dev/assay/controllers/imagepolicy"
	"github.com/assay-dev/assay/controllers/intelligence"
	"github.com/assay-dev/assay/controllers/trustedimage"
	"github.com/assay-dev/assay/internal/alarm"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/roster"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
	"github.com/assay-dev/assay/internal/workpool"
)

// Names of objects that the controller shares with the webhook.
const (
	certificateSecret    = "assay-webhook-certificate"
	webhookConfiguration = "assay-webhook"
)

// queueLength bounds how many notifications wait for the reconciler's queue.
const queueLength = 1024

// recorderName is who sends events.
const recorderName = "assay-controller"

// addControllers adds the reconcilers and what wakes them.
func addControllers(ctx context.Context, mgr ctrl.Manager, uncached client.Client, parts *assembly.Parts, o options) error {
	checkGuard(ctx, uncached)
	currentRoot, rootSchedules := publicRoot(o)
	resolver := &keys.Resolver{
		Policies:  cluster.Policies{Reader: mgr.GetClient()},
		Texts:     keys.Remember(cluster.Texts{Reader: uncached}, clock.RealClock{}),
		Namespace: o.namespace, CheckAnchor: assembly.CheckAnchor, CheckLayout: assembly.CheckLayout, PublicRoot: currentRoot, Services: newKeyServices(o.signing),
	}
	var (
		known         = roster.New()
		moments       = alarm.New(clock.RealClock{})
		notifications = make(trustedimage.Notifications, queueLength)
		pool          = workpool.New(o.workers, clock.RealClock{}, notifications.Notify)
		schedules     = append(schedules(parts, o), rootSchedules...)
	)
	policies, err := imagepolicy.SetupWithManager(mgr, imagepolicy.Surroundings{
		Keys: resolver, Roster: known, Feeds: feedsOf(parts, schedules), Alarm: moments,
		Recorder: mgr.GetEventRecorder(recorderName), Clock: clock.RealClock{},
	})
	if err != nil {
		return err
	}
	seals, times, err := sealsOf(ctx, uncached, parts, o)
	if err != nil {
		return err
	}
	images := &trustedimage.Reconciler{
		Client:      mgr.GetClient(),
		Secrets:     uncached,
		Policies:    resolver,
		Registries:  parts.Registries,
		Gatherer:    parts.Gatherer,
		Describer:   parts.Database,
		Roster:      known,
		UsesChanged: policies.UsesChanged,
		Moments:     moments.Bell(notifications.NotifyOneOfMany),
		Seals:       seals,
		Times:       times,
		Pool:        pool,
		Recorder:    mgr.GetEventRecorder(recorderName),
		Clock:       clock.RealClock{},
	}
	if err := images.SetupWithManager(ctx, mgr, notifications); err != nil {
		return err
	}
	waker := &trustedimage.Waker{Reader: mgr.GetClient(), Fleet: parts.Fleet, Roster: known, Notifications: notifications}
	waker.FollowDate(moments, clock.RealClock{})
	parts.Gatherer.Times, parts.Gatherer.Earlier = times, waker.SeenEarlier
	feeds := intelligence.New(clock.RealClock{}, changed(waker, policies.FeedChanged), schedules...)
	feeds.Load(ctx)
	if err := register(feeds, trustedimage.Metrics(mgr.GetClient()), imagepolicy.Metrics(mgr.GetClient(), clock.RealClock{})); err != nil {
		return err
	}
	keeper := &certificate.Keeper{
		Client:  uncached,
		Secret:  types.NamespacedName{Namespace: o.namespace, Name: certificateSecret},
		Publish: certificate.ToWebhook(uncached, webhookConfiguration),
		Names:   o.webhookHosts,
		Clock:   clock.RealClock{},
	}
	for _, runnable := range []interface{ Start(context.Context) error }{
		pool, moments, feeds, keeper, sweeper{store: parts.Store, clock: clock.RealClock{}}, memoryReturner{clock: clock.RealClock{}},
	} {
		if err := mgr.Add(runnable); err != nil {
			return err
		}
	}
	return nil
}

// changed wakes those images that a change of a feed concerns, and tells policies of it.
func changed(waker *trustedimage.Waker, tellPolicies func(context.Context)) intelligence.OnChange {
	return func(ctx context.Context, name string, change feed.Change) {
		switch {
		case !change.Any(), name == sigstoreRoot: // Policies are resolved anew whenever an object is looked at.
		case name == javaDatabase:
			waker.JavaDatabaseChanged(ctx)
		case name == policy.FeedVulnerabilities:
			waker.DatabaseChanged(ctx)
		default:
			waker.FeedChanged(ctx, change)
		}
		tellPolicies(ctx)
	}
}

func register(collectors ...prometheus.Collector) error {
	for _, collector := range collectors {
		if err := metrics.Registry.Register(collector); err != nil {
			return err
		}
	}
	return nil
}
