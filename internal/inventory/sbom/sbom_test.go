// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sbom

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/google/go-cmp/cmp"
	"github.com/package-url/packageurl-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/assay-dev/assay/internal/inventory"
)

var _ inventory.SBOMWriter = Writer{}

const name = "registry.example.com/shop/checkout@sha256:0fc143c7686904d6ff65b1a974155474435516574e354e044c58f4a483e94fbc"

// packages in the order of their names, as both documents must have them.
var packages = []string{
	"pkg:composer/symfony/process@v4.2.7",
	"pkg:golang/github.com/assay-dev/assay",
	"pkg:golang/github.com/google/go-cmp@v0.7.0",
	"pkg:golang/stdlib@v1.26.8",
	"pkg:maven/jstl/jstl@1.2",
	"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
	"pkg:npm/lodash@4.17.20",
	"pkg:oci/checkout@sha256:0fc143c7686904d6ff65b1a974155474435516574e354e044c58f4a483e94fbc?arch=amd64&repository_url=registry.example.com%2Fshop%2Fcheckout",
	"pkg:pypi/jinja2@3.0",
}

func read(t *testing.T) inventory.Inventory {
	t.Helper()
	content, err := os.ReadFile("testdata/inventory.json")
	if err != nil {
		t.Fatal(err)
	}
	var i inventory.Inventory
	if err := json.Unmarshal(content, &i); err != nil {
		t.Fatal(err)
	}
	i.Naming.Detail = jar(t, "jstl:jstl", "1.2")
	i.Hidden, i.Naming.Hidden = jar(t, "claimed:claimed", "1"), jar(t, "claimed:named", "1")
	return i
}

// jar is a detail with a jar, whose name is as GROUP:ARTIFACT.
func jar(t *testing.T, name, version string) json.RawMessage {
	t.Helper()
	group, artifact, _ := strings.Cut(name, ":")
	detail, err := json.Marshal(ftypes.ArtifactDetail{Applications: []ftypes.Application{{Type: ftypes.Jar, Packages: ftypes.Packages{{
		Name: name, Version: version, FilePath: "srv/x.jar",
		Identifier: ftypes.PkgIdentifier{UID: name, PURL: packageurl.NewPackageURL("maven", group, artifact, version, nil, "")},
	}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return detail
}

// withoutDebian sorts package URLs and leaves out those of the distribution, after counting them.
func withoutDebian(t *testing.T, all []string) []string {
	t.Helper()
	rest := slices.DeleteFunc(slices.Clone(all), func(purl string) bool {
		return purl == "" || strings.HasPrefix(purl, "pkg:deb/debian/")
	})
	if got, want := len(all)-len(rest), 13; got < want {
		t.Errorf("%d packages of Debian, want %d", got, want)
	}
	slices.Sort(rest)
	return rest
}

func TestSPDX(t *testing.T) {
	content, err := NewWriter().SPDX(t.Context(), name, read(t))
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
	if document.SPDXVersion != "SPDX-2.3" || document.DocumentName != name {
		t.Errorf("an %s document of %s", document.SPDXVersion, document.DocumentName)
	}
	var purls []string
	for _, p := range document.Packages {
		for _, reference := range p.PackageExternalReferences {
			purls = append(purls, reference.Locator)
		}
	}
	if diff := cmp.Diff(packages, withoutDebian(t, purls)); diff != "" {
		t.Error(diff)
	}
}

func TestCycloneDX(t *testing.T) {
	content, err := NewWriter().CycloneDX(t.Context(), name, read(t))
	if err != nil {
		t.Fatal(err)
	}
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(content), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.SpecVersion != cyclonedx.SpecVersion1_6 || bom.JSONSchema != "http://cyclonedx.org/schema/bom-1.6.schema.json" {
		t.Errorf("version %s by %s", bom.SpecVersion, bom.JSONSchema)
	}
	if bom.Metadata.Component.Name != name || bom.Vulnerabilities != nil {
		t.Errorf("of %s with vulnerabilities %v", bom.Metadata.Component.Name, bom.Vulnerabilities)
	}
	purls := []string{bom.Metadata.Component.PackageURL}
	for _, component := range *bom.Components {
		purls = append(purls, component.PackageURL)
	}
	if diff := cmp.Diff(packages, withoutDebian(t, purls)); diff != "" {
		t.Error(diff)
	}
}

func TestInventoriesOfNothing(t *testing.T) {
	empty := inventory.Inventory{Detail: json.RawMessage("{}")}
	for _, name := range []string{name, "no reference at all \x00"} {
		if _, err := NewWriter().SPDX(t.Context(), name, empty); err != nil {
			t.Error(err)
		}
		if _, err := NewWriter().CycloneDX(t.Context(), name, empty); err != nil {
			t.Error(err)
		}
	}
	broken := inventory.Inventory{Detail: json.RawMessage("[")}
	if _, err := NewWriter().SPDX(t.Context(), name, broken); err == nil {
		t.Error("an SPDX document of a broken inventory")
	}
	if _, err := NewWriter().CycloneDX(t.Context(), name, broken); err == nil {
		t.Error("a CycloneDX document of a broken inventory")
	}
}

// TestLinksNoAnalyzers: this package is part of the controller, which has no room for them.
func TestLinksNoAnalyzers(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dependency := range strings.Lines(string(output)) {
		for _, denied := range []string{
			"aquasecurity/trivy/pkg/fanal/analyzer\n", "aquasecurity/trivy/pkg/misconf", "aquasecurity/trivy/pkg/iac/",
			"open-policy-agent/", "helm.sh/", "k8s.io/client-go", "hashicorp/go-getter",
		} {
			if strings.Contains(dependency, denied) {
				t.Errorf("links %s", dependency)
			}
		}
	}
}
