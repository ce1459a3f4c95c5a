// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/image"
)

// kid writes a child of an index, told apart from others by one digit.
func kid(digit byte, mediaType, platform, more string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%s","size":7%s%s}`, mediaType, strings.Repeat(string(digit), 64), platform, more)
}

func on(os, architecture string) string {
	return fmt.Sprintf(`,"platform":{"os":%q,"architecture":%q}`, os, architecture)
}

func TestRunnable(t *testing.T) {
	amd64 := kid('1', manifestType, on("linux", "amd64"), "")
	arm64 := kid('2', manifestType, on("linux", "arm64"), "")
	armV7 := kid('3', manifestType, `,"platform":{"os":"linux","architecture":"arm","variant":"v7"}`, "")
	windows := kid('4', image.MediaTypeDockerManifest, `,"platform":{"os":"windows","architecture":"amd64","os.version":"10.0.17763.1"}`, "")
	newerWindows := kid('5', image.MediaTypeDockerManifest, `,"platform":{"os":"windows","architecture":"amd64","os.version":"10.0.20348.1"}`, "")
	marked := `,"annotations":{"vnd.docker.reference.type":"attestation-manifest"}`
	attestation := kid('6', manifestType, on("unknown", "unknown"), marked)
	for about, test := range map[string]struct {
		children []string
		wanted   []string
		want     string // the digits of the children, in their order
		err      error
	}{
		"every platform":                                {children: []string{arm64, amd64, armV7}, want: "213"},
		"an attestation is left out":                    {children: []string{amd64, attestation}, want: "1"},
		"unknown/unknown without a mark is left out":    {children: []string{amd64, kid('7', "a/b", on("unknown", "unknown"), "")}, want: "1"},
		"Windows alone (SEC-11)":                        {children: []string{windows}, want: "4"},
		"two versions of Windows are both looked at":    {children: []string{windows, newerWindows}, want: "45"},
		"arm64 alone (SEC-11)":                          {children: []string{arm64, attestation}, want: "2"},
		"the same child twice counts once":              {children: []string{amd64, amd64}, want: "1"},
		"two images for one platform are both returned": {children: []string{amd64, kid('8', manifestType, on("linux", "amd64"), "")}, want: "18"},
		"one wanted platform":                           {children: []string{amd64, arm64}, wanted: []string{"linux/arm64"}, want: "2"},
		"wanted in another order":                       {children: []string{amd64, arm64}, wanted: []string{"linux/arm64", "linux/amd64"}, want: "12"},
		"a variant that is not asked for":               {children: []string{armV7}, wanted: []string{"linux/arm"}, want: "3"},
		"a wanted Windows takes all its versions":       {children: []string{amd64, windows, newerWindows}, wanted: []string{"windows/amd64"}, want: "45"},

		"no children":                          {err: image.ErrNoRunnablePlatform},
		"attestations only":                    {children: []string{attestation}, err: image.ErrNoRunnablePlatform},
		"a wanted platform is not there":       {children: []string{amd64}, wanted: []string{"linux/amd64", "linux/s390x"}, err: image.ErrNoRunnablePlatform},
		"a wanted variant is not there":        {children: []string{armV7}, wanted: []string{"linux/arm/v6"}, err: image.ErrNoRunnablePlatform},
		"a child without a platform":           {children: []string{amd64, kid('9', manifestType, "", "")}, err: image.ErrUnsupported},
		"a child with an empty platform":       {children: []string{kid('9', manifestType, on("", ""), "")}, err: image.ErrUnsupported},
		"a child without an operating system":  {children: []string{kid('9', manifestType, on("", "amd64"), "")}, err: image.ErrUnsupported},
		"a child that is half unknown":         {children: []string{kid('9', manifestType, on("linux", "unknown"), "")}, err: image.ErrUnsupported},
		"an attestation that could be started": {children: []string{amd64, kid('9', manifestType, on("linux", "amd64"), marked)}, err: image.ErrMalformed},
		"a marked child without a platform":    {children: []string{amd64, kid('9', manifestType, "", marked)}, err: image.ErrUnsupported},
		"an index within the index (SEC-08)":   {children: []string{amd64, kid('9', indexType, on("linux", "arm64"), "")}, err: image.ErrUnsupported},
		"a list within the index (SEC-08)":     {children: []string{kid('9', image.MediaTypeDockerList, on("linux", "arm64"), "")}, err: image.ErrUnsupported},
		"a child that is no image":             {children: []string{kid('9', "application/octet-stream", on("linux", "arm64"), "")}, err: image.ErrUnsupported},
	} {
		t.Run(about, func(t *testing.T) {
			raw := `{"schemaVersion":2,"manifests":[` + strings.Join(test.children, ",") + `]}`
			document, err := image.ParseDocument(indexType, []byte(raw))
			if err != nil {
				t.Fatal(err)
			}
			got, err := document.Index.Runnable(platforms(t, test.wanted))
			if test.err != nil {
				if err == nil {
					t.Fatalf("returned %v", got)
				}
				checkError(t, err, test.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var digits strings.Builder
			for _, child := range got {
				digits.WriteString(child.Digest.Hex()[:1])
			}
			if diff := cmp.Diff(test.want, digits.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func platforms(t *testing.T, list []string) []image.Platform {
	t.Helper()
	var result []image.Platform
	for _, s := range list {
		platform, err := image.ParsePlatform(s)
		if err != nil {
			t.Fatal(err)
		}
		result = append(result, platform)
	}
	return result
}
