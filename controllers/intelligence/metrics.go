// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intelligence

import (
	"github.com/prometheus/client_golang/prometheus"
)

var _ prometheus.Collector = (*Refresher)(nil)

// metrics of one feed. The only label is the feed's name.
type metrics struct {
	// updated is when the content in use was published, in seconds since 1970; without a value while there is none.
	updated  *prometheus.Desc
	failures prometheus.Counter
}

func newMetrics(schedule Schedule) metrics {
	feed := prometheus.Labels{"feed": schedule.Name}
	return metrics{
		updated: prometheus.NewDesc("assay_intelligence_updated_timestamp_seconds",
			"When the content in use of a feed was published.", nil, feed),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name:        "assay_intelligence_refresh_failures_total",
			Help:        "Refreshes of a feed that failed; the content from before stayed in use.",
			ConstLabels: feed,
		}),
	}
}

// Describe implements prometheus.Collector.
func (r *Refresher) Describe(descriptions chan<- *prometheus.Desc) {
	for _, feed := range r.feeds {
		descriptions <- feed.metrics.updated
		feed.metrics.failures.Describe(descriptions)
	}
}

// Collect implements prometheus.Collector. The age of the content is read when metrics are scraped.
func (r *Refresher) Collect(values chan<- prometheus.Metric) {
	for _, feed := range r.feeds {
		if updated := feed.Feed.UpdatedAt(); !updated.IsZero() {
			values <- prometheus.MustNewConstMetric(feed.metrics.updated, prometheus.GaugeValue, float64(updated.Unix()))
		}
		feed.metrics.failures.Collect(values)
	}
}
