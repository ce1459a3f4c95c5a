// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"bytes"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/internal/inventory/sbom"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/shareddata"
)

// TestRealImages are images that nobody here made: nothing in them may be taken for broken.
func TestRealImages(t *testing.T) {
	x := newIndexer(t, sandbox.Options{})
	amd64 := v1.Platform{OS: "linux", Architecture: "amd64"}
	archive := func(path string) func() (v1.Image, error) {
		return func() (v1.Image, error) { return images.LoadArchive(path) }
	}
	rootFS := func(path string) func() (v1.Image, error) {
		return func() (v1.Image, error) { return images.LoadRootFS(path, amd64) }
	}
	saved := func(path string) func() (v1.Image, error) {
		return func() (v1.Image, error) {
			index, err := images.LoadSaved(path)
			if err != nil {
				return nil, err
			}
			return images.ForPlatform(index, amd64)
		}
	}
	for name, test := range map[string]struct {
		load func(path string) func() (v1.Image, error)
		want summary
	}{
		"images/alpine-310.tar.gz":                       {archive, summary{OS: "alpine/3.10.4", Packages: 14}},
		"images/distroless.tar.gz":                       {archive, summary{OS: "debian/9.12", Packages: 6}},
		"images/alpine-minirootfs-3.10.9-x86_64.tar.gz":  {rootFS, summary{OS: "alpine/3.10.9", Packages: 14}},
		"images/alpine-minirootfs-3.11.13-x86_64.tar.gz": {rootFS, summary{OS: "alpine/3.11.13", Packages: 14}},
		"images/alpine-minirootfs-3.18.9-x86_64.tar.gz":  {rootFS, summary{OS: "alpine/3.18.9", Packages: 15}},
		"images/alpine-minirootfs-3.18.9-aarch64.tar.gz": {rootFS, summary{OS: "alpine/3.18.9", Packages: 15}},
		"slsa/v1.7.0/container_workflow_dispatch":        {saved, summary{OS: "debian/11.7", Packages: 7, Applications: []string{"gobinary 4 app"}}},
		"slsa/v2.0.0/container_workflow_dispatch":        {saved, summary{OS: "debian/11.9", Packages: 7, Applications: []string{"gobinary 4 app"}}},
	} {
		t.Run(name, func(t *testing.T) {
			source := sourceOf(t, images.Build(t, test.load(shareddata.Require(t, name))))
			first, err := x.Index(t.Context(), source)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summarize(t, first)); diff != "" {
				t.Error(diff)
			}
			wantValidSBOMs(t, source.Name, first)
			second, err := x.Index(t.Context(), source)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first.Detail, second.Detail) {
				t.Error("the second inventory is not the first")
			}
		})
	}
}

func wantValidSBOMs(t *testing.T, name string, i inventory.Inventory) {
	t.Helper()
	content, err := sbom.NewWriter().SPDX(t.Context(), name, i)
	if err != nil {
		t.Fatal(err)
	}
	var document v2_3.Document
	if err := spdxjson.ReadInto(bytes.NewReader(content), &document); err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(&document); err != nil {
		t.Error(err)
	}
	if len(document.Packages) < i.Packages {
		t.Errorf("%d packages in the SPDX document, %d in the inventory", len(document.Packages), i.Packages)
	}
	if content, err = sbom.NewWriter().CycloneDX(t.Context(), name, i); err != nil {
		t.Fatal(err)
	}
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(content), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.Components == nil || len(*bom.Components) < i.Packages {
		t.Errorf("too few components in the CycloneDX document, %d packages in the inventory", i.Packages)
	}
}
