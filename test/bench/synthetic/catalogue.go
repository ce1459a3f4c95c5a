// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package synthetic

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/types"
	bolt "go.etcd.io/bbolt"
)

// known is a package of which advisories speak.
type known struct {
	name string
	// versions that advisories name: real ones, most of them fixed ones, and so affected by what was found later.
	versions []string
}

// maxVersions bounds the versions of one package.
const maxVersions = 12

// catalogue is what advisories speak of, by bucket, such as "debian 12" or "npm::Node.js Ecosystem Security Working Group".
type catalogue map[string][]known

// version is how versions begin that stand in advisories' ranges.
var version = regexp.MustCompile(`[0-9][0-9A-Za-z.+~:-]*`)

// readCatalogue reads what the database in the folder speaks of.
func readCatalogue(folder string) (catalogue, error) {
	db, err := bolt.Open(filepath.Join(folder, databaseFile), 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	defer db.Close() //nolint:errcheck // only read from
	all := catalogue{}
	return all, db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEachBucket(func(pkg []byte) error {
				versions, err := versionsIn(b.Bucket(pkg))
				if err == nil && len(versions) > 0 {
					all[string(name)] = append(all[string(name)], known{string(pkg), versions})
				}
				return err
			})
		})
	})
}

func versionsIn(advisories *bolt.Bucket) ([]string, error) {
	var versions []string
	err := advisories.ForEach(func(_, value []byte) error {
		var advisory types.Advisory
		if err := json.Unmarshal(value, &advisory); err != nil {
			return err
		}
		ranges := strings.Join(append(advisory.PatchedVersions, advisory.VulnerableVersions...), " ")
		found := version.FindAllString(ranges, maxVersions)
		if advisory.FixedVersion != "" && advisory.FixedVersion != "0" {
			found = append(found, advisory.FixedVersion)
		}
		versions = append(versions, found...)
		return nil
	})
	slices.Sort(versions)
	versions = slices.Compact(versions)
	if extra := len(versions) - maxVersions; extra > 0 { // the last ones, which are newer more often than not
		versions = versions[extra:]
	}
	return versions, err
}
