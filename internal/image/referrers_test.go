// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/image"
)

func TestParseReferrers(t *testing.T) {
	indexOf := func(manifests string) string { return `{"schemaVersion":2,"manifests":` + manifests + `}` }
	for about, test := range map[string]struct {
		contentType, raw string
		listed           int
		want             error
	}{
		"more than an index of platforms has": {indexType, indexOf(list(child, 1000)), 1000, nil},
		"none":                                {indexType, indexOf("[]"), 0, nil},
		"more than are taken":                 {indexType, indexOf(list(child, 1025)), 1024, image.ErrOverLimit},
		"one that cannot be read beside one":  {indexType, indexOf(`[{"digest":"sha1:00"},` + child + `]`), 1, image.ErrMalformed},
		"one that is too large beside one":    {indexType, indexOf(`[` + strings.Replace(child, `"size":`, `"size":9999999999999`, 1) + `,` + child + `]`), 1, image.ErrOverLimit},
		"an image":                            {manifestType, plainManifest, 0, image.ErrUnsupported},
		"both an index and an image":          {indexType, `{"schemaVersion":2,"manifests":[],"layers":[]}`, 0, image.ErrMalformed},
		"no list":                             {indexType, `{"schemaVersion":2}`, 0, image.ErrMalformed},
		"an error page":                       {"text/html", "<html>", 0, image.ErrMalformed},
		"a list that occurs twice":            {indexType, `{"schemaVersion":2,"manifests":[],"manifests":[]}`, 0, image.ErrMalformed},
		"a subject that cannot be read":       {indexType, `{"schemaVersion":2,"manifests":[],"subject":[]}`, 0, image.ErrMalformed},
		"more bytes than a document may have": {indexType, indexOf("[]") + strings.Repeat(" ", image.MaxDocumentSize), 0, image.ErrOverLimit},
	} {
		t.Run(about, func(t *testing.T) {
			document, err := image.ParseReferrers(test.contentType, []byte(test.raw))
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			listed := 0
			if document.Index != nil {
				listed = len(document.Index.Manifests)
			}
			if listed != test.listed {
				t.Errorf("%d are listed, want %d", listed, test.listed)
			}
		})
	}
}
