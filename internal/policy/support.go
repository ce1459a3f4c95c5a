// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// judgeScanAge says whether the vulnerability database is young enough. An old one leaves the verdict open and rejects nothing.
func (t *trial) judgeScanAge(limit *v1alpha1.Duration) judgement {
	database := t.evidence.Database
	if database.State != evidence.Known {
		return unknown(database, v1alpha1.ReasonDatabaseUnavailable, "no vulnerability database is loaded; configure where to read it")
	}
	published := database.Value.UpdatedAt
	if published.IsZero() {
		return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonScanStale,
			message: "the vulnerability database does not say when it was published; use one that does"}
	}
	ends := published.Add(limit.Duration(0))
	t.changesAt(ends)
	if ends.After(t.now) {
		return pass()
	}
	return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonScanStale, message: fmt.Sprintf(
		"the vulnerability database is of %s, and findings may be no older than %s; look why no newer one was loaded",
		published.UTC().Format(time.RFC3339), *limit)}
}

// judgeEndOfLife says whether the distribution of every platform is still supported.
func (t *trial) judgeEndOfLife() judgement {
	return t.onEveryPlatform("what the image's distribution is was not looked at yet", func(p evidence.Platform) judgement {
		switch {
		case p.Distribution.State != evidence.Known:
			return unknown(p.Distribution, v1alpha1.ReasonInProgress, "what the image's distribution is was not looked at yet")
		case p.Distribution.Value.EndOfLife:
			return fail(v1alpha1.ReasonEndOfLife, evidence.Printable(p.Distribution.Value.Name, maxNamedPackage)+
				" is no longer supported by its vendor; choose a base image of a newer release")
		}
		return pass()
	})
}

// judgeUnidentified says whether everything in the image that looks like a package could be named.
func (t *trial) judgeUnidentified() judgement {
	const waiting = "what is in the image was not looked at yet"
	return t.onEveryPlatform(waiting, func(p evidence.Platform) judgement {
		if p.Inventory.State != evidence.Known {
			return unknown(p.Inventory, v1alpha1.ReasonInProgress, waiting)
		}
		files := p.Inventory.Value.Unidentified
		if len(files) == 0 {
			return pass()
		}
		named := make([]string, 0, maxNamed+1)
		for _, file := range files[:min(len(files), maxNamed+1)] {
			named = append(named, evidence.Printable(file, maxNamedPlace))
		}
		return fail(v1alpha1.ReasonUnidentified, list(count(len(files), "file")+" with packages that nobody can name", named,
			"give them their coordinates, such as a jar's pom.properties, or remove them"))
	})
}

// onEveryPlatform judges each platform by itself: one that fails comes before one that cannot be judged. Of several platforms the
// message names the one.
func (t *trial) onEveryPlatform(waiting string, judge func(evidence.Platform) judgement) judgement {
	worst := pass()
	if len(t.platforms) == 0 {
		return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonInProgress, message: waiting}
	}
	for _, p := range t.platforms {
		j := judge(p)
		if len(t.platforms) > 1 {
			j.message = platformName(p) + ": " + j.message
		}
		switch {
		case j.of == v1alpha1.ResultFail:
			return j
		case j.of == v1alpha1.ResultUnknown && worst.of == v1alpha1.ResultPass:
			worst = j
		}
	}
	return worst
}
