// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// scrapeTimeout bounds the look into the cache that one scrape costs.
const scrapeTimeout = 5 * time.Second

// images counts the TrustedImages by verdict when metrics are scraped, so that nothing can go out of step.
type images struct{ reader client.Reader }

var imagesDescription = prometheus.NewDesc("assay_trusted_images", "TrustedImages by the verdict on the digest that they show.", []string{"verdict"}, nil)

// Metrics returns the collector of the metrics on TrustedImages.
func Metrics(reader client.Reader) prometheus.Collector { return images{reader} }

// Describe implements prometheus.Collector.
func (i images) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- imagesDescription }

// Collect implements prometheus.Collector.
func (i images) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout) //nolint:forbidigo // A scrape brings no context.
	defer cancel()
	var list v1alpha1.TrustedImageList
	if err := i.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		metrics <- prometheus.NewInvalidMetric(imagesDescription, err)
		return
	}
	counts := map[v1alpha1.Verdict]int{v1alpha1.VerdictTrusted: 0, v1alpha1.VerdictRejected: 0, v1alpha1.VerdictUndetermined: 0}
	for _, image := range list.Items {
		verdict := image.Status.Summary.Verdict
		if verdict == "" {
			verdict = v1alpha1.VerdictUndetermined
		}
		counts[verdict]++
	}
	for verdict, count := range counts {
		metrics <- prometheus.MustNewConstMetric(imagesDescription, prometheus.GaugeValue, float64(count), string(verdict))
	}
}
