// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/purl"
	"github.com/assay-dev/assay/internal/query"
)

// maxCarriers is how many packages an answer is made of: of each match there may be one for every platform.
const maxCarriers = (query.MaxMatches + 1) * maxPlatforms

// maxPlatforms is how many platforms a TrustedImage judges.
const maxPlatforms = 16

// maxText bounds what an answer says of one property of a package, in characters.
const maxText = 256

// Index knows what is in the images of the fleet, by the manifests of their platforms. [fleet.Fleet] is one.
type Index interface {
	// Has says whether it knows what is in the image.
	Has(manifest image.Digest) bool
	// Affected returns the packages in the images that carry the vulnerability, whose id is compared without regard to case, in the
	// order of the images, and no more images once there are as many as the limit.
	Affected(id string, in []image.Digest, limit int) []fleet.Carrier
	// Find returns the packages in the images that match, likewise.
	Find(pattern fleet.Pattern, in []image.Digest, limit int) []fleet.Carrier
	// Feed is the vulnerability database's version; it is CouldNotCheck while none is loaded.
	Feed() evidence.Fact[evidence.Feed]
}

// answerer joins what the index knows with TrustedImages.
type answerer struct {
	index  Index
	images client.Reader
}

// list reads the TrustedImages in the namespace, or in all when it is empty. They are those of the cache and must not be changed.
func (a answerer) list(ctx context.Context, namespace string) ([]v1alpha1.TrustedImage, error) {
	var list v1alpha1.TrustedImageList
	err := a.images.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// identifier is what the identifiers of vulnerabilities look like, such as CVE-2021-44228.
var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$`)

func (a answerer) affected(question string, of places) (*query.Answer, error) {
	if !identifier.MatchString(question) {
		return nil, &refused{http.StatusBadRequest, "that is no identifier of a vulnerability, such as CVE-2021-44228"}
	}
	feed := a.index.Feed()
	if feed.State != evidence.Known {
		return nil, &refused{http.StatusServiceUnavailable, "nothing is known of vulnerabilities yet: " + feed.Message}
	}
	answer := a.join(a.index.Affected(question, of.manifests(), maxCarriers), of, func(string) bool { return false })
	answer.Database = feed.Value.Version
	return answer, nil
}

func (a answerer) find(question string, of places) (*query.Answer, error) {
	pattern, err := purl.ParsePattern(question)
	if err != nil {
		return nil, &refused{http.StatusBadRequest, evidence.Printable(err.Error(), maxText)}
	}
	return a.join(a.index.Find(possibly{pattern}, of.manifests(), maxCarriers), of, func(text string) bool {
		parsed, err := purl.Parse(text)
		return err == nil && pattern.Match(parsed) == purl.Unsure
	}), nil
}

// possibly matches also the packages of which it cannot be told: what is not known is not left out.
type possibly struct{ purl.Pattern }

// Matches implements [fleet.Pattern].
func (p possibly) Matches(text string) bool {
	parsed, err := purl.Parse(text)
	return err == nil && p.Match(parsed) != purl.No
}

// join says where the carriers are, and where it is not known whether there are any. The function unsure says of a package URL
// that it is a match perhaps.
func (a answerer) join(carriers []fleet.Carrier, of places, unsure func(purl string) bool) *query.Answer {
	within := map[image.Digest][]*fleet.Carrier{}
	for i := range carriers {
		within[carriers[i].Manifest] = append(within[carriers[i].Manifest], &carriers[i])
	}
	answer := &query.Answer{Matches: []query.Match{}}
	for i := range of {
		if !a.known(&of[i]) {
			answer.Unknown = append(answer.Unknown, of[i].Image)
		}
		if len(answer.Matches) <= query.MaxMatches {
			answer.Matches = append(answer.Matches, matches(&of[i], within, unsure)...)
		}
	}
	answer.Matches, answer.MoreMatches = cut(answer.Matches, query.MaxMatches)
	answer.Unknown, answer.MoreUnknown = cut(answer.Unknown, query.MaxUnknown)
	return answer
}

// cut returns at most the first items, and whether there were more.
func cut[T any](items []T, most int) (kept []T, more bool) {
	return items[:min(len(items), most)], len(items) > most
}

// known says that what was not found in the place is not there.
func (a answerer) known(p *place) bool {
	if !p.judged {
		return false
	}
	for _, platform := range p.platforms {
		if !a.index.Has(platform.manifest) {
			return false
		}
	}
	return true
}

// carried tells apart what is in the images of several platforms. Package URLs differ by the platform.
type carried struct{ name, version, path, id string }

// matches are the packages in one place, sorted, each once however many platforms have it.
func matches(p *place, within map[image.Digest][]*fleet.Carrier, unsure func(purl string) bool) []query.Match {
	found := map[carried]*query.Match{}
	for _, platform := range p.platforms {
		for _, c := range within[platform.manifest] {
			key := carried{c.Package.Name, c.Package.Version, c.Package.Path, c.ID}
			match := matchOf(p, c)
			match.Unsure = unsure(c.Package.PURL)
			if first, again := found[key]; again {
				match.Platforms = first.Platforms
				match.PURL = min(match.PURL, first.PURL)
			}
			if platform.name != "" && !slices.Contains(match.Platforms, platform.name) {
				match.Platforms = append(match.Platforms, platform.name)
			}
			found[key] = &match
		}
	}
	all := make([]query.Match, 0, len(found))
	for _, match := range found {
		slices.Sort(match.Platforms)
		all = append(all, *match)
	}
	slices.SortFunc(all, func(a, b query.Match) int {
		return cmp.Or(strings.Compare(a.Package, b.Package), strings.Compare(a.Version, b.Version),
			strings.Compare(a.Path, b.Path), strings.Compare(a.Vulnerability, b.Vulnerability))
	})
	return all
}

func matchOf(p *place, c *fleet.Carrier) query.Match {
	match := query.Match{
		Image:        p.Image,
		Package:      evidence.Printable(c.Package.Name, maxText),
		Version:      evidence.Printable(c.Package.Version, maxText),
		PURL:         evidence.Printable(c.Package.PURL, maxText),
		Path:         evidence.Printable(c.Package.Path, maxText),
		FixedVersion: evidence.Printable(c.FixedVersion, maxText),
	}
	if c.ID != "" {
		match.Vulnerability, match.Severity = evidence.Printable(c.ID, maxText), severity(c.Severity)
	}
	return match
}

func severity(s evidence.Severity) string {
	names := [...]v1alpha1.Severity{
		evidence.SeverityUnknown: v1alpha1.SeverityUnknown, evidence.SeverityLow: v1alpha1.SeverityLow,
		evidence.SeverityMedium: v1alpha1.SeverityMedium, evidence.SeverityHigh: v1alpha1.SeverityHigh,
		evidence.SeverityCritical: v1alpha1.SeverityCritical,
	}
	if int(s) >= len(names) {
		s = evidence.SeverityUnknown
	}
	return string(names[s])
}
