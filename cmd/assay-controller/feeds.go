// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/controllers/imagepolicy"
	"github.com/assay-dev/assay/controllers/intelligence"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
)

// feedConfigMaps reads feeds from ConfigMaps in Assay's own namespace.
type feedConfigMaps struct {
	texts     cluster.Texts
	namespace string
}

var _ feed.ConfigMaps = feedConfigMaps{}

// Read implements feed.ConfigMaps.
func (f feedConfigMaps) Read(ctx context.Context, name, key string) ([]byte, error) {
	text, err := f.texts.Read(ctx, keys.Place{Kind: keys.ConfigMap, Namespace: f.namespace, Name: name, Key: key})
	switch {
	case errors.Is(err, keys.ErrNotFound):
		return nil, feed.ErrConfigMapNotFound
	case errors.Is(err, keys.ErrKeyNotFound):
		return nil, feed.ErrKeyNotFound
	}
	return []byte(text), err
}

// schedules says how often the database and the feeds are refreshed.
func schedules(parts *assembly.Parts, o options) []intelligence.Schedule {
	every := intelligence.URLInterval
	if o.databaseFile != "" {
		every = intelligence.FileInterval
	}
	list := []intelligence.Schedule{{Name: policy.FeedVulnerabilities, Feed: intelligence.Whole(parts.Database), Every: every}}
	if parts.Jars != nil {
		list = append(list, intelligence.Schedule{Name: javaDatabase, Feed: intelligence.Whole(parts.Jars), Every: javaInterval(o)})
	}
	if parts.Catalogue != nil {
		list = append(list, intelligence.Schedule{Name: policy.FeedKEV, Feed: parts.Catalogue, Every: feedInterval(o.kev)})
	}
	if parts.Scores != nil {
		list = append(list, intelligence.Schedule{Name: policy.FeedEPSS, Feed: parts.Scores, Every: feedInterval(o.epss)})
	}
	return list
}

// javaDatabase is the feed that names jars.
const javaDatabase = "java-database"

func javaInterval(o options) time.Duration {
	if o.javaDatabaseFile != "" {
		return intelligence.FileInterval
	}
	return intelligence.URLInterval
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

// feedsOf tells what is loaded of a feed, and what to do about one that is not configured.
func feedsOf(parts *assembly.Parts, schedules []intelligence.Schedule) imagepolicy.Feeds {
	return func(name string) v1alpha1.FeedStatus {
		status := v1alpha1.FeedStatus{Name: name}
		for _, schedule := range schedules {
			if schedule.Name != name {
				continue
			}
			loaded := schedule.Feed.Status()
			status.Version, status.Message = loaded.Version, loaded.Message
			if !loaded.UpdatedAt.IsZero() {
				updated := v1alpha1.NewTimestamp(loaded.UpdatedAt)
				status.UpdatedAt = &updated
			}
			return status
		}
		switch name {
		case policy.FeedKEV:
			status.Message = parts.Gatherer.Catalogue.Feed().Message
		case policy.FeedEPSS:
			status.Message = parts.Gatherer.Scores.Feed().Message
		}
		return status
	}
}
