// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intelligence

import (
	"github.com/prometheus/client_golang/prometheus"
)

var _ prometheus.Collector = (*Refresher)(nil)

// metrics of one feed. The labels are the feed's name and, of info, the version of the content in use.
type metrics struct {
	// updated, entries and info have no value while there is no content.
	updated  *prometheus.Desc
	entries  *prometheus.Desc
	info     *prometheus.Desc
	failures prometheus.Counter
}

func newMetrics(schedule Schedule) metrics {
	feed := prometheus.Labels{"feed": schedule.Name}
	return metrics{
		updated: prometheus.NewDesc("assay_intelligence_updated_timestamp_seconds",
			"When the content in use of a feed was published.", nil, feed),
		entries: prometheus.NewDesc("assay_intelligence_entries",
			"Entries of the content in use of a feed that counts them.", nil, feed),
		info: prometheus.NewDesc("assay_intelligence_info",
			"Always 1, with the version of the content in use of a feed.", []string{"version"}, feed),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name:        "assay_intelligence_refresh_failures_total",
			Help:        "Refreshes of a feed that failed; the content from before stayed in use.",
			ConstLabels: feed,
		}),
	}
}

// Describe implements prometheus.Collector.
func (r *Refresher) Describe(descriptions chan<- *prometheus.Desc) {
	for _, s := range r.feeds {
		for _, description := range []*prometheus.Desc{s.metrics.updated, s.metrics.entries, s.metrics.info} {
			descriptions <- description
		}
		s.metrics.failures.Describe(descriptions)
	}
}

// Collect implements prometheus.Collector. The age of the content is read when metrics are scraped.
func (r *Refresher) Collect(values chan<- prometheus.Metric) {
	for _, s := range r.feeds {
		status := s.Feed.Status()
		gauge := func(description *prometheus.Desc, value float64, labels ...string) {
			values <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, labels...)
		}
		if !status.UpdatedAt.IsZero() {
			gauge(s.metrics.updated, float64(status.UpdatedAt.Unix()))
		}
		if status.Entries > 0 {
			gauge(s.metrics.entries, float64(status.Entries))
		}
		if status.Version != "" {
			gauge(s.metrics.info, 1, status.Version)
		}
		s.metrics.failures.Collect(values)
	}
}
