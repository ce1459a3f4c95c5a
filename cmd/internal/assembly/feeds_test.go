// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package assembly

import (
	"context"
	"strings"
	"testing"
)

// configMaps are those of a cluster.
type configMaps struct{}

func (configMaps) Read(context.Context, string, string) ([]byte, error) { return nil, nil }

func TestWhoIsToConfigureAFeedIsToldOfPlacesThatThereAre(t *testing.T) {
	for name, test := range map[string]struct {
		options   Options
		configMap bool
	}{
		"in a cluster":      {Options{ConfigMaps: configMaps{}}, true},
		"outside a cluster": {Options{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, unknown := test.options.feedSource("ftp://example.com/kev.json", nil)
			for what, message := range map[string]string{
				"no catalogue":     noCatalogue{test.options.feedPlaces()}.Feed().Message,
				"no scores":        noScores{test.options.feedPlaces()}.Feed().Message,
				"an unknown place": unknown.Error(),
			} {
				if strings.Contains(message, "configmap") != test.configMap || !strings.Contains(message, "an https URL") {
					t.Errorf("%s: %s", what, message)
				}
			}
		})
	}
}
