// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/image"
)

func TestParseConfigAccepts(t *testing.T) {
	digest, err := image.ParseDigest(digestA)
	if err != nil {
		t.Fatal(err)
	}
	for about, test := range map[string]struct {
		raw  string
		want image.Config
	}{
		"everything": {
			`{"os":"linux","architecture":"arm","variant":"v7","config":{"User":"65532:65532","Labels":{"a":"1","A":"2"},"Env":["A=B"]},` +
				`"rootfs":{"type":"layers","diff_ids":["` + digestA + `"]},"history":[{"created_by":"x"}],"docker_version":"1"}`,
			image.Config{
				Platform: image.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, User: "65532:65532",
				DiffIDs: []image.Digest{digest}, Labels: map[string]string{"a": "1", "A": "2"},
			},
		},
		"an artifact's empty one":     {`{}`, image.Config{}},
		"a signature's one":           {`{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`, image.Config{}},
		"null where nothing is known": {`{"os":"linux","architecture":"amd64","config":null,"rootfs":null}`, image.Config{Platform: image.Platform{OS: "linux", Architecture: "amd64"}}},
		"labels that are null":        {`{"config":{"Labels":null,"User":""}}`, image.Config{}},
	} {
		t.Run(about, func(t *testing.T) {
			got, err := image.ParseConfig([]byte(test.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(x, y image.Digest) bool { return x == y })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for about, test := range map[string]struct {
		raw  string
		want error
	}{
		"no JSON":                      {"x", image.ErrMalformed},
		"an array":                     {"[]", image.ErrMalformed},
		"trailing garbage":             {"{}{}", image.ErrMalformed},
		"a user twice":                 {`{"config":{"User":"1","User":"0"}}`, image.ErrMalformed},
		"a user in another case":       {`{"config":{"User":"1","user":"0"}}`, image.ErrMalformed},
		"a config in another case":     {`{"config":{"User":"1"},"Config":{"User":"0"}}`, image.ErrMalformed},
		"a user that is a number":      {`{"config":{"User":0}}`, image.ErrMalformed},
		"a user without end":           {`{"config":{"User":"` + strings.Repeat("0", 257) + `"}}`, image.ErrOverLimit},
		"a label that is no string":    {`{"config":{"Labels":{"a":[]}}}`, image.ErrMalformed},
		"too many labels":              {`{"config":{"Labels":{` + numbered(513) + `}}}`, image.ErrOverLimit},
		"a malformed diff_id (SEC-09)": {`{"rootfs":{"diff_ids":["sha256:x"]}}`, image.ErrMalformed},
		"a diff_id that is null":       {`{"rootfs":{"diff_ids":[null]}}`, image.ErrMalformed},
		"too many diff_ids":            {`{"rootfs":{"diff_ids":` + list(`"`+digestA+`"`, 129) + `}}`, image.ErrOverLimit},
		"a platform with a line feed":  {`{"os":"linux\n"}`, image.ErrMalformed},
		"too many bytes":               {"{}" + strings.Repeat(" ", image.MaxConfigSize), image.ErrOverLimit},
	} {
		t.Run(about, func(t *testing.T) {
			if _, err := image.ParseConfig([]byte(test.raw)); err == nil {
				t.Error("accepted")
			} else {
				checkError(t, err, test.want)
			}
		})
	}
}
