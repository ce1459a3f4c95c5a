// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package worlds

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change makes one random change to a database: to an advisory, to the details of a vulnerability, or to what concerns a whole
// distribution or ecosystem.
func (w World) Change(content Advisories) {
	switch w.IntN(12) {
	case 0:
		bucket := w.bucket(content)
		content["data-source"][""][bucket] = w.source(bucket)
	case 1:
		content["Red Hat CPE"]["repository"]["extras"] = fmt.Sprintf("[%d]", w.IntN(3))
	case 2:
		if _, there := content["npm::Two"]; there {
			delete(content, "npm::Two")
			return
		}
		content["npm::Two"] = map[string]map[string]string{}
		w.fill(content["npm::Two"], "a", ranges)
	case 3, 4, 5:
		described := content[Described][""]
		if id := w.id(); w.IntN(4) == 0 {
			delete(described, id)
		} else {
			described[id] = w.details()
		}
	default:
		w.changeAdvisory(content)
	}
}

func (w World) changeAdvisory(content Advisories) {
	bucket := w.bucket(content)
	packages := slices.Sorted(maps.Keys(content[bucket]))
	if len(packages) == 0 {
		return
	}
	advisories := content[bucket][w.pick(packages...)]
	ids := append(slices.Sorted(maps.Keys(advisories)), w.id())
	id := w.pick(ids...)
	switch {
	case w.IntN(3) == 0:
		delete(advisories, id)
	case strings.Contains(bucket, "::") || strings.HasPrefix(bucket, "seal "):
		advisories[id] = ranges(w)
	default:
		advisories[id] = w.advisory(w)
	}
}

// bucket with advisories.
func (w World) bucket(content Advisories) string {
	buckets := slices.DeleteFunc(slices.Sorted(maps.Keys(content)), func(name string) bool {
		return name == Described || name == "data-source" || name == "Red Hat CPE"
	})
	return w.pick(buckets...)
}
