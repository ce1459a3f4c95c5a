// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/assay-dev/assay/test/manifests"
)

// TestTheProgramFitsHowItIsShipped holds the Deployment against the flags and the folders of the program.
func TestTheProgramFitsHowItIsShipped(t *testing.T) {
	container := shipped(t)
	o, err := parseOptions(container.Args)
	if err != nil {
		t.Fatal(err)
	}
	if o.kev == "" {
		t.Error("no catalogue of known exploited vulnerabilities: rules on them would be Unknown for ever")
	}
	for _, folder := range []string{o.dataDir, filepath.Join(o.dataDir, "scratch")} {
		if !slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == folder }) {
			t.Errorf("%s is written to, and no volume is mounted there", folder)
		}
	}
	if len(container.VolumeMounts) != 2 {
		t.Errorf("mounts %v, of which some are not used", container.VolumeMounts)
	}
}

// TestTheREADMENamesFlagsThatThereAre holds the table in the README against the program.
func TestTheREADMENamesFlagsThatThereAre(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, install, _ := strings.Cut(string(readme), "## Install")
	install, _, _ = strings.Cut(install, "\n## ")
	var o options
	flags := o.flags()
	named := regexp.MustCompile("`--([a-z-]+)`").FindAllStringSubmatch(install, -1)
	if len(named) < 5 {
		t.Errorf("only %d flags are named", len(named))
	}
	for _, name := range named {
		if name[1] != "help" && flags.Lookup(name[1]) == nil {
			t.Errorf("there is no flag --%s", name[1])
		}
	}
}

func TestAWrongFlagIsSaidOnce(t *testing.T) {
	for name, test := range map[string]struct{ args, says string }{
		"a flag that is unknown":         {"--nope", "nope"},
		"an address that is no CIDR":     {"--allow-address=10.0.0.1", "CIDR"},
		"no worker at all":               {"--workers=0", "--workers"},
		"a word that belongs to no flag": {"serve", "serve"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseOptions([]string{test.args}); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func shipped(t *testing.T) corev1.Container {
	t.Helper()
	objects, err := manifests.Render("manager")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range manifests.Only(objects, "Deployment") {
		if object.GetName() != "assay-controller" {
			continue
		}
		var deployment appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &deployment); err != nil {
			t.Fatal(err)
		}
		return deployment.Spec.Template.Spec.Containers[0]
	}
	t.Fatal("there is no Deployment assay-controller")
	return corev1.Container{}
}
