// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/purl"
)

// maxPlatformName bounds the name of a platform in a message, in characters.
const maxPlatformName = 48

// sighting is a finding with the places that it was made in, by platform. The same finding on several platforms is one.
type sighting struct {
	evidence.Finding
	places []place
}

// place is where a finding was made.
type place struct {
	platform     string // its name
	architecture string
	manifest     image.Digest
	purl         string
	url          *purl.Package // that purl names; nil until it is asked for
}

// packageAt returns the package that the finding is about in a place; the zero Package when its URL cannot be read.
func (p *place) packageAt() purl.Package {
	if p.url == nil {
		parsed, err := purl.Parse(p.purl)
		if err != nil {
			parsed = purl.Package{}
		}
		p.url = &parsed
	}
	return *p.url
}

// identity is what makes the findings of several platforms one.
type identity struct {
	id, target, name, version, path, fixedVersion string
	severity                                      evidence.Severity
	exploited                                     bool
}

func identityOf(f *evidence.Finding) identity {
	return identity{f.ID, f.Target, f.Package, f.Version, f.Path, f.FixedVersion, f.Severity, f.Exploited}
}

// sightings returns all findings that are known, the worst first. What feeds say of a vulnerability counts only when they are known.
func sightings(e evidence.Evidence) []sighting {
	at := map[identity]int{}
	var all []sighting
	for _, p := range byPlatform(e) {
		if p.Findings.State != evidence.Known {
			continue
		}
		name := platformName(p)
		for _, f := range p.Findings.Value {
			trustFeeds(&f, e)
			key := identityOf(&f)
			i, seen := at[key]
			if !seen {
				i = len(all)
				at[key] = i
				all = append(all, sighting{Finding: f})
			}
			all[i].merge(f, place{platform: name, architecture: p.Platform.Architecture, manifest: p.Manifest, purl: f.PURL})
		}
	}
	slices.SortFunc(all, worstFirst)
	return all
}

// trustFeeds takes away what no feed says.
func trustFeeds(f *evidence.Finding, e evidence.Evidence) {
	if e.KEV.State != evidence.Known {
		f.Exploited, f.Ransomware = false, false
	}
	if e.EPSS.State != evidence.Known {
		f.EPSS, f.Scored = 0, false
	}
}

// merge takes in the same finding in another place. Of different dates the earliest counts, and one that is not known before all,
// so that no grace comes of it.
func (s *sighting) merge(f evidence.Finding, where place) {
	s.places = append(s.places, where)
	s.Published = earlier(s.Published, f.Published)
	s.FirstSeen = earlier(s.FirstSeen, f.FirstSeen)
	s.FixSeen = earlier(s.FixSeen, f.FixSeen)
	s.Ransomware = s.Ransomware || f.Ransomware
	if f.Scored && (!s.Scored || f.EPSS > s.EPSS) {
		s.Scored, s.EPSS = true, f.EPSS
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// worstFirst orders exploited before others, then by severity, then those that can be fixed first, then by name.
func worstFirst(a, b sighting) int {
	return cmp.Or(
		trueFirst(a.Exploited, b.Exploited),
		cmp.Compare(b.Severity, a.Severity),
		trueFirst(a.FixedVersion != "", b.FixedVersion != ""),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Package, b.Package),
		cmp.Compare(a.Version, b.Version),
		cmp.Compare(a.FixedVersion, b.FixedVersion),
		cmp.Compare(a.Target, b.Target),
		cmp.Compare(a.Path, b.Path),
	)
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// group is the same vulnerability in the same package, wherever in the image that is.
type group struct {
	evidence.Finding
	platforms []string // sorted
}

// regroup adds a sighting to groups. At most limit groups are made, from the first sightings that are added.
func regroup(groups []group, s *sighting, limit int) []group {
	for i := range groups {
		if g := &groups[i]; g.ID == s.ID && g.Package == s.Package && g.Version == s.Version {
			g.add(s.places)
			return groups
		}
	}
	if len(groups) < limit {
		groups = append(groups, group{Finding: s.Finding})
		groups[len(groups)-1].add(s.places)
	}
	return groups
}

func (g *group) add(places []place) {
	for _, where := range places {
		g.platforms = appendNew(g.platforms, where.platform)
	}
}

// appendNew adds a name to a sorted list that does not have it yet.
func appendNew(names []string, name string) []string {
	at, found := slices.BinarySearch(names, name)
	if found {
		return names
	}
	return slices.Insert(names, at, name)
}

// byPlatform returns the platforms by name, so that what is said of them does not depend on how they were listed.
func byPlatform(e evidence.Evidence) []evidence.Platform {
	return slices.SortedStableFunc(slices.Values(e.Platforms), func(a, b evidence.Platform) int {
		return cmp.Or(strings.Compare(a.Platform.String(), b.Platform.String()), strings.Compare(a.Manifest.Hex(), b.Manifest.Hex()))
	})
}

// platformName returns the platform's name, which the image states itself.
func platformName(p evidence.Platform) string {
	return evidence.Printable(p.Platform.String(), maxPlatformName)
}
