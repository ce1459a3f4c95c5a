// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

func TestTheDataThatWasUsedIsNamed(t *testing.T) {
	day := time.Date(2026, 11, 21, 10, 14, 0, 0, time.UTC)
	feed := func(version string, at time.Time) evidence.Fact[evidence.Feed] {
		return evidence.Checked(evidence.Feed{Version: version, UpdatedAt: at})
	}
	for name, test := range map[string]struct {
		feeds    evidence.Evidence
		text     string
		markdown string
		sarif    sarifSources
	}{
		"everything was there": {
			feeds:    evidence.Evidence{Database: feed("sha256:0f", day), KEV: feed("2026.11.20", day), EPSS: feed("v2025.03.14", day)},
			text:     "vulnerability database sha256:0f of 2026-11-21 10:14 UTC, KEV 2026.11.20 of 2026-11-21 10:14 UTC, EPSS v2025.03.14 of 2026-11-21 10:14 UTC",
			markdown: "vulnerability database `sha256:0f` of 2026-11-21 10:14 UTC, KEV `2026.11.20` of 2026-11-21 10:14 UTC, EPSS `v2025.03.14` of 2026-11-21 10:14 UTC",
			sarif: sarifSources{
				Database: jsonFeed{Version: "sha256:0f", UpdatedAt: day}, KEV: jsonFeed{Version: "2026.11.20", UpdatedAt: day}, EPSS: jsonFeed{Version: "v2025.03.14", UpdatedAt: day},
			},
		},
		"what could not be loaded, what has no version or date, and what nobody asked for": {
			feeds: evidence.Evidence{
				Database: evidence.Unchecked[evidence.Feed](v1alpha1.ReasonDatabaseUnavailable, "no database is loaded"), KEV: feed("", time.Time{}),
			},
			text: "no vulnerability database (DatabaseUnavailable), KEV, no EPSS", markdown: "no vulnerability database (DatabaseUnavailable), KEV, no EPSS",
			sarif: sarifSources{Database: jsonFeed{Reason: v1alpha1.ReasonDatabaseUnavailable, Message: "no database is loaded"}},
		},
		"a version that a stranger wrote": {
			feeds:    evidence.Evidence{Database: feed("1`|\x1b[31m"+strings.Repeat("x", 1<<12), time.Time{})},
			text:     "vulnerability database 1`|\\x1b[31m" + strings.Repeat("x", maxVersion-14) + "..., no KEV, no EPSS",
			markdown: "vulnerability database `1'\\|\\x1b[31m" + strings.Repeat("x", maxVersion-14) + "...`, no KEV, no EPSS",
			sarif:    sarifSources{Database: jsonFeed{Version: "1`|\x1b[31m" + strings.Repeat("x", 1<<12)}},
		},
	} {
		for _, verdict := range []v1alpha1.Verdict{"", v1alpha1.VerdictTrusted} {
			t.Run(name+" "+string(verdict), func(t *testing.T) {
				said := inEveryFormat(t, Judgement{Image: "shop", Digest: "sha256:91ab", Verdict: verdict, Evidence: test.feeds})
				if !strings.Contains(said["text"], " "+test.text+"\n") || !strings.Contains(said["markdown"], "\nWith "+test.markdown) {
					t.Errorf("%s\n%s", said["text"], said["markdown"])
				}
				var log struct {
					Runs []struct{ Properties sarifSources }
				}
				if err := json.Unmarshal([]byte(said["sarif"]), &log); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.sarif, log.Runs[0].Properties); diff != "" {
					t.Errorf("properties of the run (-want +got):\n%s", diff)
				}
			})
		}
	}
}
