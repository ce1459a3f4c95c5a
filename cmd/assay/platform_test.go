// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/assay-dev/assay/test/images"
)

// Nobody is shown one platform who asked for another.
func TestAPlatformThatIsNotThereIsRefused(t *testing.T) {
	w := newWorkshop(t)
	one, two := w.layout(t, images.Build(t, images.PatchedDebian)), t.TempDir()
	path, err := layout.Write(two, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendIndex(images.Build(t, images.TwoPlatforms)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a scan of the platform that is there":     {[]string{"scan", one, "--platform", "linux/amd64"}, 0, ""},
		"a scan of another":                        {[]string{"scan", one, "--platform", "linux/arm64"}, exitUndetermined, "the image is not for linux/arm64; it is for linux/amd64"},
		"a scan of one that is and one that isn't": {[]string{"scan", one, "--platform", "linux/amd64", "--platform", "linux/s390x"}, exitUndetermined, "not for linux/s390x"},
		"a scan of two that are there":             {[]string{"scan", two, "--platform", "linux/amd64", "--platform", "linux/arm64"}, 0, ""},
		"a scan of a third":                        {[]string{"scan", two, "--platform", "linux/s390x"}, exitUndetermined, "linux/s390x"},
		"a bill of the platform that is there":     {[]string{"sbom", one, "--platform", "linux/amd64"}, 0, ""},
		"a bill of another":                        {[]string{"sbom", one, "--platform", "linux/arm64"}, exitUndetermined, "the image is not for linux/arm64; it is for linux/amd64"},
		"a bill of one of two":                     {[]string{"sbom", two, "--platform", "linux/arm64"}, 0, ""},
		"a bill of two":                            {[]string{"sbom", two}, exitUndetermined, "choose one by --platform: linux/amd64, linux/arm64"},
		"a bill of what is no platform":            {[]string{"sbom", one, "--platform", "arm64"}, exitUndetermined, "want os/architecture"},
	} {
		t.Run(name, func(t *testing.T) {
			args := test.args
			if args[0] == "scan" {
				args = append(args, "--database-file", w.database)
			}
			code, stdout, stderr := w.run(t, args...)
			if code != test.code || !strings.Contains(stderr, test.says) || (code == 0) == (stdout == "") {
				t.Errorf("exit code %d, want %d and %q in:\n%s\n%.200s", code, test.code, test.says, stderr, stdout)
			}
		})
	}
}

func TestABillThatIsIncompleteIsNoSuccess(t *testing.T) {
	w := newWorkshop(t)
	path := w.layout(t, images.Build(t, images.OverlongApk))
	code, stdout, stderr := w.run(t, "sbom", path)
	if code != exitUndetermined || !strings.Contains(stderr, "warning: it is incomplete") || !json.Valid([]byte(stdout)) {
		t.Errorf("exit code %d\n%s\n%.200s", code, stderr, stdout)
	}
}
