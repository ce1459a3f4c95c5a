// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestLinksLittle holds what keeps the program small: it is on every Pod's way, and it has to be up before anything else is.
func TestLinksLittle(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(output))
	forbidden := map[string]string{
		"github.com/aquasecurity/":                         "it scans nothing",
		"github.com/sigstore/":                             "it verifies the seal key's signatures with the standard library",
		"github.com/google/go-containerregistry/pkg/v1":    "it speaks to no registry",
		"github.com/google/go-containerregistry/pkg/authn": "it has no credentials",
		"oras.land/":                                        "it speaks to no registry",
		"github.com/aws/":                                   "it speaks to no cloud",
		"github.com/Azure/":                                 "it speaks to no cloud",
		"cloud.google.com/":                                 "it speaks to no cloud",
		"google.golang.org/":                                "it needs neither gRPC nor protocol buffers",
		"sigs.k8s.io/controller-runtime":                    "client-go's reflector is enough",
		"k8s.io/api/":                                       "views decode what is needed; each group that is linked costs memory",
		"k8s.io/client-go/kubernetes":                       "it knows five kinds",
		"github.com/assay-dev/assay/internal/gather":        "it gathers nothing",
		"github.com/assay-dev/assay/internal/vulnerability": "it gathers nothing",
		"github.com/assay-dev/assay/internal/registry":      "it speaks to no registry",
		"github.com/assay-dev/assay/controllers":            "it writes nothing",
		"github.com/assay-dev/assay/test":                   "tests are for tests",
	}
	for prefix, why := range forbidden {
		if i := slices.IndexFunc(packages, func(p string) bool { return strings.HasPrefix(p, prefix) }); i >= 0 {
			t.Errorf("links %s: %s", packages[i], why)
		}
	}
	if len(packages) > 400 {
		t.Errorf("links %d packages, want at most 400", len(packages))
	}
}
