// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/inventory/sbom"
)

const (
	// sampleSize is of how many images trivy is asked; its time for the others is reckoned from theirs.
	sampleSize = 100
	// smallFleet is how many images the growth of the costs is reckoned from.
	smallFleet = 1_000
)

// The targets: how many times less processor time than `trivy sbom` takes for each image, and by how much the costs may grow from
// the small fleet to the whole one.
const (
	rematchTarget     = 500.0
	incrementalTarget = 5_000.0
	growthTarget      = 3.0
)

// finding is what trivy's and Assay's findings are compared by.
type finding struct{ ID, Package, Version, Fixed, Severity string }

func compareFindings(a, b finding) int {
	return slices.Compare([]string{a.ID, a.Package, a.Version, a.Fixed, a.Severity}, []string{b.ID, b.Package, b.Version, b.Fixed, b.Severity})
}

// rematch measures what a new database costs for the whole fleet.
func rematch(ctx context.Context, b *bench) ([]result, error) {
	p, err := b.fleetPlan(ctx)
	if err != nil {
		return nil, err
	}
	theirs, findings, err := askTrivy(ctx, p)
	if err != nil {
		return nil, err
	}
	small, err := runRematch(ctx, p, smallFleet)
	if err != nil {
		return nil, err
	}
	whole, err := runRematch(ctx, p, fleetSize)
	if err != nil {
		return nil, err
	}
	if err := whole.check(p, findings); err != nil {
		return nil, err
	}
	trivy := theirs.Seconds() / sampleSize * fleetSize
	scaled := fmt.Sprintf(" of `trivy sbom` (%d images, scaled)", sampleSize)
	return []result{
		fasterThan("full re-match of 10,000 images, processor time,"+scaled, "s", whole.Full.Seconds(), trivy, rematchTarget),
		fasterThan("re-match after 1 % of advisories changed,"+scaled, "s", whole.Changed.Seconds(), trivy, incrementalTarget),
		fasterThan("re-match after nothing but the date changed,"+scaled, "s", whole.Same.Seconds(), trivy, 0),
		compare("full re-match of 10,000 images, of 1,000", "s", whole.Full.Seconds(), small.Full.Seconds(), growthTarget),
		compare("findings of the sample that are not trivy's, of trivy's", "findings", 0, float64(total(findings)), 0),
		compare("verdicts that one advisory flipped, of those that it had to", "images", float64(len(whole.Flipped)), float64(len(whole.Expected)), 1),
	}, nil
}

// fasterThan compares a cost with one that must be so many times higher, if anything is promised.
func fasterThan(name, unit string, ours, theirs, times float64) result {
	if times == 0 {
		return compare(name, unit, ours, theirs)
	}
	return compare(name, unit, ours, theirs, 1/times)
}

// sample are the numbers of the images that trivy is asked about.
func sample() []int {
	numbers := make([]int, sampleSize)
	for i := range numbers {
		numbers[i] = i * fleetSize / sampleSize
	}
	return numbers
}

// askTrivy has trivy match SBOMs of the sample with the first edition, and adds up the processor time of its processes.
func askTrivy(ctx context.Context, p plan) (cpu time.Duration, findings map[int][]finding, err error) {
	fleet, err := p.fleet()
	if err != nil {
		return 0, nil, err
	}
	cache := filepath.Join(p.Folder, "trivy")
	if err := os.MkdirAll(filepath.Join(cache, "db"), 0o700); err != nil {
		return 0, nil, err
	}
	for _, name := range []string{"trivy.db", "metadata.json"} {
		if err := os.Link(filepath.Join(p.first(), name), filepath.Join(cache, "db", name)); err != nil {
			return 0, nil, err
		}
	}
	findings = map[int][]finding{}
	for _, number := range sample() {
		made, err := fleet.Image(number).Inventory(manifest(number))
		if err != nil {
			return 0, nil, err
		}
		document, err := sbom.NewWriter().CycloneDX(ctx, "bench", made)
		if err != nil {
			return 0, nil, err
		}
		path := filepath.Join(cache, "sbom.json")
		if err := os.WriteFile(path, document, 0o600); err != nil {
			return 0, nil, err
		}
		took, found, err := trivySBOM(ctx, cache, path)
		if err != nil {
			return 0, nil, err
		}
		cpu += took
		findings[number] = found
	}
	return cpu, findings, nil
}

func trivySBOM(ctx context.Context, cache, path string) (time.Duration, []finding, error) {
	program, err := filepath.Abs("bin/clients/trivy")
	if err != nil {
		return 0, nil, err
	}
	output := filepath.Join(cache, "report.json")
	command := exec.CommandContext(ctx, program, "sbom", "--cache-dir="+cache, "--quiet", "--skip-db-update", "--skip-java-db-update", "--offline-scan",
		"--skip-version-check", "--disable-telemetry", "--scanners=vuln", "--format=json", "--output="+output, path)
	command.Env = []string{"HOME=" + cache}
	if said, err := command.CombinedOutput(); err != nil {
		return 0, nil, fmt.Errorf("trivy sbom: %w\n%s", err, said)
	}
	content, err := os.ReadFile(output)
	if err != nil {
		return 0, nil, err
	}
	var report struct {
		Results []struct {
			Vulnerabilities []struct{ VulnerabilityID, PkgName, InstalledVersion, FixedVersion, Severity string }
		}
	}
	if err := json.Unmarshal(content, &report); err != nil {
		return 0, nil, err
	}
	var found []finding
	for _, result := range report.Results {
		for _, v := range result.Vulnerabilities {
			found = append(found, finding{v.VulnerabilityID, v.PkgName, v.InstalledVersion, v.FixedVersion, v.Severity})
		}
	}
	slices.SortFunc(found, compareFindings)
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), slices.Compact(found), nil
}

// runRematch matches so many images in a process of its own.
func runRematch(ctx context.Context, p plan, images int) (rematched, error) {
	var r rematched
	program, err := os.Executable()
	if err != nil {
		return r, err
	}
	command := exec.CommandContext(ctx, program, rematchInChild, p.path(), fmt.Sprint(images))
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return r, fmt.Errorf("match %d images: %w", images, err)
	}
	if err := json.Unmarshal(output, &r); err != nil {
		return r, err
	}
	fmt.Printf("    %6d images: full %.3f s of processors, 1 %% changed %.3f s, same %.3f s; %d and %d images with other findings, %d findings\n",
		images, r.Full.Seconds(), r.Changed.Seconds(), r.Same.Seconds(), r.ChangedImages, r.SameImages, r.Total)
	return r, nil
}

// check fails when the run did not find what it must.
func (r rematched) check(p plan, theirs map[int][]finding) error {
	for _, number := range sample() {
		if diff := cmp.Diff(theirs[number], r.Findings[number]); diff != "" {
			return fmt.Errorf("image %d: other findings than trivy's (-trivy +assay):\n%s", number, diff)
		}
	}
	switch {
	case len(r.Expected) == 0:
		return errors.New("no image passed that the new advisory is about, so that it cannot flip a verdict")
	case !slices.Equal(r.Flipped, r.Expected):
		return fmt.Errorf("%s flipped the verdicts of images %v, and those with %s that passed before are %v", flippingID, r.Flipped, p.Flipping.Package, r.Expected)
	case r.SameImages != 0:
		return fmt.Errorf("an edition in which nothing changed changed findings in %d images", r.SameImages)
	}
	fmt.Printf("    findings in %d images are trivy's; %s flips the verdict of images %v\n", len(theirs), flippingID, r.Flipped)
	return nil
}

func total(findings map[int][]finding) int {
	all := 0
	for _, of := range findings {
		all += len(of)
	}
	return all
}
