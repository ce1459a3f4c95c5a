// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
)

// scrapeTimeout bounds the look into the cache that one scrape costs.
const scrapeTimeout = 5 * time.Second

// exceptions counts the exceptions of all policies by their state when metrics are scraped, so that nothing can go out of step.
type exceptions struct {
	reader client.Reader
	clock  clock.PassiveClock
}

var exceptionsDescription = prometheus.NewDesc("assay_policy_exceptions",
	"Exceptions of all policies by their state: active, expiring (within 14 days), expired.", []string{"state"}, nil)

// Metrics returns the collector of the metrics on policies.
func Metrics(reader client.Reader, clock clock.PassiveClock) prometheus.Collector {
	return exceptions{reader, clock}
}

// Describe implements prometheus.Collector.
func (e exceptions) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- exceptionsDescription
}

// Collect implements prometheus.Collector.
func (e exceptions) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout) //nolint:forbidigo // A scrape brings no context.
	defer cancel()
	specs, err := e.specs(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(exceptionsDescription, err)
		return
	}
	now, all, soon, expired := e.clock.Now(), 0, 0, 0
	for _, spec := range specs {
		if spec.Vulnerabilities != nil {
			all += len(spec.Vulnerabilities.Exceptions)
		}
		soon += len(policy.Expiring(spec, now, ahead))
		expired += len(policy.Expiring(spec, now, 0))
	}
	for state, count := range map[string]int{"active": all - soon, "expiring": soon - expired, "expired": expired} {
		metrics <- prometheus.MustNewConstMetric(exceptionsDescription, prometheus.GaugeValue, float64(count), state)
	}
}

func (e exceptions) specs(ctx context.Context) ([]v1alpha1.PolicySpec, error) {
	var namespaced v1alpha1.ImagePolicyList
	if err := e.reader.List(ctx, &namespaced, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var clusterWide v1alpha1.ClusterImagePolicyList
	if err := e.reader.List(ctx, &clusterWide, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	specs := make([]v1alpha1.PolicySpec, 0, len(namespaced.Items)+len(clusterWide.Items))
	for i := range namespaced.Items {
		specs = append(specs, namespaced.Items[i].Spec)
	}
	for i := range clusterWide.Items {
		specs = append(specs, clusterWide.Items[i].Spec.PolicySpec)
	}
	return specs, nil
}
