// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package assembly

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/vulnerability/epss"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
	"github.com/assay-dev/assay/internal/vulnerability/kev"
)

// How the place of a feed begins that is no file.
const (
	httpsPrefix     = "https://"
	configMapPrefix = "configmap:"
)

// catalogue returns the catalogue of known exploited vulnerabilities, nil when none is configured.
func (o Options) catalogue(registries *oci.Client) (*kev.Catalogue, error) {
	if o.KEV == "" {
		return nil, nil //nolint:nilnil // That there is none is a choice.
	}
	source, err := o.feedSource(o.KEV, registries)
	if err != nil {
		return nil, fmt.Errorf("--kev: %w", err)
	}
	return kev.New(filepath.Join(o.DataDir, kevFolder), source, clock.RealClock{}), nil
}

// scores returns the EPSS scores, nil when none are configured.
func (o Options) scores(registries *oci.Client) (*epss.Scores, error) {
	if o.EPSS == "" {
		return nil, nil //nolint:nilnil // That there are none is a choice.
	}
	source, err := o.feedSource(o.EPSS, registries)
	if err != nil {
		return nil, fmt.Errorf("--epss: %w", err)
	}
	return epss.New(filepath.Join(o.DataDir, epssFolder), source, clock.RealClock{}), nil
}

// feedSource reads the place of a feed: an https URL, configmap:NAME/KEY or a file.
func (o Options) feedSource(place string, registries *oci.Client) (feed.Source, error) {
	if configMap, is := strings.CutPrefix(place, configMapPrefix); is {
		if o.ConfigMaps == nil {
			return nil, errors.New("a ConfigMap can be read in a cluster only")
		}
		return feed.FromConfigMap(configMap, o.ConfigMaps)
	}
	if !strings.Contains(place, "://") {
		return feed.FromPath(place), nil
	}
	if !strings.HasPrefix(place, httpsPrefix) {
		return nil, errors.New("want " + o.feedPlaces())
	}
	transport, err := registries.FeedTransport()
	if err != nil {
		return nil, err
	}
	return feed.FromURL(place, transport)
}

// feedPlaces names the places that a feed can be read from.
func (o Options) feedPlaces() string {
	if o.ConfigMaps == nil {
		return "a file or an https URL"
	}
	return "a file, an https URL or configmap:NAME/KEY"
}

// IsConfigMap and IsURL say what the place of a feed is; it is a file otherwise.
func IsConfigMap(place string) bool { return strings.HasPrefix(place, configMapPrefix) }

// IsURL says that a feed comes over the network.
func IsURL(place string) bool { return strings.HasPrefix(place, httpsPrefix) }

// noCatalogue stands for a catalogue that nobody configured, which could be in one of the places.
type noCatalogue struct{ places string }

func (noCatalogue) Exploited(string) bool { return false }

func (noCatalogue) Ransomware(string) bool { return false }

func (n noCatalogue) Feed() evidence.Fact[evidence.Feed] {
	return evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable,
		"no catalogue of known exploited vulnerabilities is configured: give --kev "+n.places)
}

// noScores stands for scores that nobody configured, which could be in one of the places.
type noScores struct{ places string }

func (noScores) Score(string) (float64, bool) { return 0, false }

func (n noScores) Feed() evidence.Fact[evidence.Feed] {
	return evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable,
		"no EPSS scores are configured: give --epss "+n.places)
}
