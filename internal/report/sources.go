// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/assay-dev/assay/internal/evidence"
)

// maxVersion bounds the version of a feed, in characters; a digest has 71.
const maxVersion = 80

// sources are what the report rests on beside the image.
func (j Judgement) sources() []row {
	rows := []row{{cells: []string{"Data:", j.feeds(func(version string) string { return version })}}}
	if said := j.ignoredVEX(); said != "" {
		rows = append(rows, row{cells: []string{"VEX:", said}})
	}
	return rows
}

// feeds are the versions and dates of the vulnerability database and the feeds, in one line.
func (j Judgement) feeds(quote func(version string) string) string {
	return strings.Join([]string{
		describeFeed("vulnerability database", j.Evidence.Database, quote), describeFeed("KEV", j.Evidence.KEV, quote), describeFeed("EPSS", j.Evidence.EPSS, quote),
	}, ", ")
}

func describeFeed(name string, feed evidence.Fact[evidence.Feed], quote func(version string) string) string {
	switch {
	case feed.State == evidence.CouldNotCheck:
		return fmt.Sprintf("no %s (%s)", name, feed.Reason)
	case feed.State != evidence.Known:
		return "no " + name
	}
	if feed.Value.Version != "" {
		name += " " + quote(evidence.Printable(feed.Value.Version, maxVersion))
	}
	if !feed.Value.UpdatedAt.IsZero() {
		name += feed.Value.UpdatedAt.UTC().Format(" of 2006-01-02 15:04 UTC")
	}
	return name
}

// ignoredVEX tells of VEX documents that excuse nothing, since nobody is to wonder why; empty when there are none.
func (j Judgement) ignoredVEX() string {
	switch j.Evidence.IgnoredVEX {
	case 0:
		return ""
	case 1:
		return "1 VEX document on the image is ignored: none of the authorities that the policies believe signed it"
	}
	return fmt.Sprintf("%d VEX documents on the image are ignored: none of the authorities that the policies believe signed them", j.Evidence.IgnoredVEX)
}
