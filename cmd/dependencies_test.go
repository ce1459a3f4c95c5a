// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cmd holds what is tested of all programs together.
package cmd

import (
	"os/exec"
	"strings"
	"testing"
)

// Packages that make a program large, or bring what it must not have.
var (
	analyzers = []string{
		"github.com/aquasecurity/trivy/pkg/fanal/analyzer",
		"github.com/aquasecurity/trivy/pkg/misconf",
		"github.com/aquasecurity/trivy/pkg/iac",
		"github.com/open-policy-agent/opa",
		"helm.sh/helm",
		"github.com/tetratelabs/wazero",
		"github.com/hashicorp/go-getter",
		"github.com/go-git/go-git",
	}
	clouds = []string{
		"github.com/aws/",
		"github.com/Azure/",
		"cloud.google.com/go/",
		"github.com/chrismellard/docker-credential-acr-env",
		"github.com/awslabs/amazon-ecr-credential-helper",
		"github.com/sigstore/cosign/v2/cmd",
		"github.com/sigstore/cosign/v2/pkg/policy",
	}
	images = []string{
		"github.com/aquasecurity/trivy", // and trivy-db; its comparisons of versions are small
		"github.com/sigstore/",
		"github.com/google/go-containerregistry/pkg/v1",
		"go.etcd.io/bbolt",
		"oras.land/",
	}
)

// forbidden are the packages that each program must not link, by the beginnings of their paths.
var forbidden = map[string][][]string{
	"assay":            {analyzers, clouds},
	"assay-controller": {analyzers, clouds},
	"assay-webhook":    {analyzers, clouds, images, {"sigs.k8s.io/controller-runtime"}},
	"kubectl-assay":    {analyzers, clouds, images, {"sigs.k8s.io/controller-runtime/pkg/manager"}},
	// The indexer has the analyzers, and with them all that they link; of Assay it has nothing that speaks to anybody.
	"assay-index": {{
		"github.com/assay-dev/assay/controllers",
		"github.com/assay-dev/assay/internal/registry/oci",
		"github.com/assay-dev/assay/internal/signature",
		"github.com/assay-dev/assay/internal/evidence/disk",
	}},
}

func TestNoProgramLinksWhatItMustNot(t *testing.T) {
	for program, lists := range forbidden {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+program).Output()
			if err != nil {
				t.Fatalf("list the packages of %s: %v", program, err)
			}
			for dependency := range strings.Lines(string(output)) {
				dependency = strings.TrimSpace(dependency)
				for _, list := range lists {
					for _, beginning := range list {
						if strings.HasPrefix(dependency, beginning) {
							t.Errorf("%s links %s", program, dependency)
						}
					}
				}
			}
		})
	}
}
