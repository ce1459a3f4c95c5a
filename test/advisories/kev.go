// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package advisories

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// KEV is a small catalog of known exploited vulnerabilities in CISA's JSON format: of those that the database knows, the ones
// that the real catalog has.
func KEV() ([]byte, error) {
	body, err := fs.ReadFile(testdata, "testdata/kev/catalog.json")
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	return body, nil
}

// KEVOf is a catalog of just these vulnerabilities.
func KEVOf(ids ...string) ([]byte, error) {
	type entry struct {
		CVEID     string `json:"cveID"`
		DateAdded string `json:"dateAdded"`
	}
	entries := make([]entry, 0, len(ids))
	for _, id := range ids {
		entries = append(entries, entry{id, "2026-08-07"})
	}
	return json.Marshal(map[string]any{
		"title": "Known exploited vulnerabilities for one test", "catalogVersion": "2026.08.07",
		"dateReleased": "2026-08-07T16:45:47.0648Z", "count": len(entries), "vulnerabilities": entries,
	})
}

// MalformedKEV is catalogs that are none, by what is wrong with each.
func MalformedKEV() (map[string][]byte, error) {
	names, err := fs.Glob(testdata, "testdata/kev/bad-*.json")
	if err != nil {
		return nil, fmt.Errorf("list the catalogs: %w", err)
	}
	bad := map[string][]byte{}
	for _, name := range names {
		body, err := fs.ReadFile(testdata, name)
		if err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		what := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "bad-"), ".json")
		bad[strings.ReplaceAll(what, "-", " ")] = body
	}
	return bad, nil
}
