// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package scope

import (
	"errors"
	"fmt"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/glob"
	"github.com/assay-dev/assay/internal/image"
)

// anySegments stands for any number of segments. A single star stands for any characters within one.
const anySegments = "**"

// Docker Hub's other name, and the folder of its images without one.
const (
	dockerHubIndex = "index.docker.io"
	dockerLibrary  = "library"
)

// ErrPattern says that a pattern cannot match any repository.
var ErrPattern = errors.New("the pattern matches nothing")

// CheckPattern returns an error that wraps ErrPattern when no repository can ever match the pattern.
func CheckPattern(pattern v1alpha1.ImagePattern) error {
	segments := splitPattern(pattern)
	for i, segment := range segments {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return fmt.Errorf("%w: %q has a segment that is empty or made of dots", ErrPattern, pattern)
		case i > 0 && strings.ToLower(segment) != segment:
			return fmt.Errorf("%w: %q has capitals in its path", ErrPattern, pattern)
		case i > 0 && strings.ContainsAny(segment, ":[]"):
			return fmt.Errorf("%w: %q has a tag or a port in its path; patterns speak of repositories", ErrPattern, pattern)
		}
	}
	return nil
}

// matchRepository says that the pattern matches the repository's canonical name, segment by segment.
func matchRepository(pattern v1alpha1.ImagePattern, repository image.Repository) bool {
	names := strings.Split(repository.String(), "/")
	patterns := splitPattern(pattern)
	return wildcard(len(patterns), len(names),
		func(p int) bool { return patterns[p] == anySegments },
		func(p, n int) bool { return glob.Match(patterns[p], names[n]) })
}

// splitPattern returns the segments of the pattern's canonical form: the host in lower case, Docker Hub and its library
// folder written out, as in the canonical names of repositories.
func splitPattern(pattern v1alpha1.ImagePattern) []string {
	segments := strings.Split(string(pattern), "/")
	if segments[0] == anySegments {
		return segments
	}
	if !isHost(segments) {
		segments = append([]string{image.DockerHub}, segments...)
	}
	segments[0] = image.WithoutDefaultPort(strings.ToLower(segments[0]))
	if segments[0] == dockerHubIndex {
		segments[0] = image.DockerHub
	}
	if segments[0] == image.DockerHub && len(segments) == 2 && segments[1] != anySegments {
		segments = []string{image.DockerHub, dockerLibrary, segments[1]}
	}
	return segments
}

// isHost says that the first of several segments names a host, by the rule for references: it has a dot or a port or is
// localhost. One with a wildcard stands for hosts, too.
func isHost(segments []string) bool {
	return len(segments) > 1 && (strings.ContainsAny(segments[0], ".:*") || segments[0] == "localhost")
}

// wildcard says that a pattern of the given length matches all of a text of the given length, when star says which
// elements of the pattern stand for any number of elements of the text, and same which of the others matches which.
// Only the last star is ever tried again, so that it takes at most patternLength × textLength steps.
func wildcard(patternLength, textLength int, star func(p int) bool, same func(p, t int) bool) bool {
	p, t := 0, 0
	lastStar, taken := -1, 0 // the last star, and where the text that it does not stand for begins
	for t < textLength {
		switch {
		case p < patternLength && star(p):
			lastStar, taken = p, t
			p++
		case p < patternLength && same(p, t):
			p++
			t++
		case lastStar >= 0:
			taken++
			p, t = lastStar+1, taken
		default:
			return false
		}
	}
	for p < patternLength && star(p) {
		p++
	}
	return p == patternLength
}
