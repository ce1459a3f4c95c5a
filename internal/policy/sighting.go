// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/assay-dev/assay/internal/evidence"
)

// maxPlatformName bounds the name of a platform in a message, in characters.
const maxPlatformName = 48

// sighting is a finding with the platforms that it was made on, sorted. The same finding on several platforms is one.
type sighting struct {
	evidence.Finding
	platforms []string
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

// sightings returns all findings that are known, the worst first. Whether a vulnerability is exploited counts only when
// the catalogue of those is known.
func sightings(e evidence.Evidence) []sighting {
	at := map[identity]int{}
	var all []sighting
	for _, p := range byPlatform(e) {
		if p.Findings.State != evidence.Known {
			continue
		}
		for _, f := range p.Findings.Value {
			f.Exploited = f.Exploited && e.KEV.State == evidence.Known
			key := identityOf(&f)
			i, seen := at[key]
			if !seen {
				i = len(all)
				at[key] = i
				all = append(all, sighting{Finding: f})
			}
			all[i].platforms = appendNew(all[i].platforms, platformName(p))
		}
	}
	slices.SortFunc(all, worstFirst)
	return all
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

// group adds a sighting to groups, of which each stands for the same vulnerability in the same package, wherever in the image
// that is. At most limit groups are made, from the first sightings that are added.
func group(groups []sighting, s *sighting, limit int) []sighting {
	for i := range groups {
		if g := &groups[i]; g.ID == s.ID && g.Package == s.Package && g.Version == s.Version {
			for _, name := range s.platforms {
				g.platforms = appendNew(g.platforms, name)
			}
			return groups
		}
	}
	if len(groups) < limit {
		groups = append(groups, sighting{Finding: s.Finding, platforms: slices.Clone(s.platforms)})
	}
	return groups
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
