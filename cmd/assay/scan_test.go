// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/assay-dev/assay/test/images"
)

func TestAScanOfWhatTheDatabaseDoesNotCoverIsNotCleanInAnyFormat(t *testing.T) {
	w := newWorkshop(t)
	path := w.saved(t, images.Build(t, images.UncoveredDebian), "registry.example.com/shop/old:1")
	for format, says := range map[string]string{
		"text": "NotCovered", "json": `"known": false`, "sarif": `"executionSuccessful": false`, "junit": `<error type="NotCovered"`, "markdown": "`NotCovered`",
	} {
		t.Run(format, func(t *testing.T) {
			if code, stdout, stderr := w.run(t, "scan", path, "--database-file", w.database, "-o", format); code != exitUndetermined || !strings.Contains(stdout, says) {
				t.Errorf("exit code %d, and no %s in\n%s\n%s", code, says, stdout, stderr)
			}
		})
	}
}
