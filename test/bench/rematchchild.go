// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
)

// rematchInChild is the argument with which this program matches a fleet: rematch-in-child PLAN IMAGES.
const rematchInChild = "rematch-in-child"

// rematched is what matching a fleet gave. The times are of processors, of the user and of the system.
type rematched struct {
	// Full is the first match of everything, Changed the one after the second edition came, Same after the third.
	Full, Changed, Same       time.Duration
	ChangedImages, SameImages int
	// Total is the number of findings in all images, Findings are those of the sample, both by the first edition.
	Total    int
	Findings map[int][]finding
	// Flipped are the images whose verdict the second edition changed, Expected those that passed and contain the marker.
	Flipped, Expected []int
}

// matching is a fleet under way.
type matching struct {
	plan     plan
	images   int
	numbers  map[image.Digest]int
	source   string
	database *trivydb.Database
	fleet    *fleet.Fleet
	verdicts []policy.Outcome
}

func matchFleet(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: bench " + rematchInChild + " PLAN IMAGES")
	}
	p, err := readPlan(args[0])
	if err != nil {
		return err
	}
	images, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "assay-bench-match-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // it is temporary
	store, err := disk.Open(filepath.Join(folder, "evidence"))
	if err != nil {
		return err
	}
	m := &matching{plan: p, images: images, numbers: map[image.Digest]int{}, source: filepath.Join(folder, "source"), verdicts: make([]policy.Outcome, images)}
	m.database = trivydb.New(filepath.Join(folder, "database"), trivydb.FromPath(m.source), clock.RealClock{})
	m.fleet = fleet.New(m.database, store)
	r, err := m.run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (m *matching) run(ctx context.Context) (r rematched, err error) {
	if err := m.add(ctx); err != nil {
		return r, err
	}
	if r.Full, _, err = m.update(ctx, m.plan.first()); err != nil {
		return r, err
	}
	if err := m.describe(ctx, &r); err != nil {
		return r, err
	}
	var changed, same []image.Digest
	if r.Changed, changed, err = m.update(ctx, m.plan.changed()); err != nil {
		return r, err
	}
	if err := m.flip(ctx, &r, changed); err != nil {
		return r, err
	}
	r.Same, same, err = m.update(ctx, m.plan.same())
	r.ChangedImages, r.SameImages = len(changed), len(same)
	return r, err
}

// add adds all images before there is a database, so that nothing is matched yet.
func (m *matching) add(ctx context.Context) error {
	made, err := m.plan.fleet()
	if err != nil {
		return err
	}
	for number := range m.images {
		digest := manifest(number)
		m.numbers[digest] = number
		err := m.fleet.Add(ctx, digest, func(context.Context) (inventory.Inventory, error) { return made.Image(number).Inventory(digest) })
		if err != nil {
			return err
		}
	}
	return nil
}

// update loads an edition and measures the match that follows.
func (m *matching) update(ctx context.Context, edition string) (time.Duration, []image.Digest, error) {
	if err := os.RemoveAll(m.source); err != nil {
		return 0, nil, err
	}
	if err := os.Symlink(edition, m.source); err != nil {
		return 0, nil, err
	}
	if _, err := m.database.Refresh(ctx); err != nil {
		return 0, nil, err
	}
	runtime.GC()
	before, err := ownProcessorTime()
	if err != nil {
		return 0, nil, err
	}
	changed, err := m.fleet.Update(ctx)
	if err != nil {
		return 0, nil, err
	}
	after, err := ownProcessorTime()
	return after - before, changed, err
}

// describe notes findings and verdicts by the first edition.
func (m *matching) describe(ctx context.Context, r *rematched) error {
	r.Findings = map[int][]finding{}
	sampled := sample()
	for number := range m.images {
		matched, err := m.fleet.Match(ctx, manifest(number))
		if err != nil {
			return err
		}
		r.Total += len(matched.Findings)
		m.verdicts[number] = m.judge(matched.Findings)
		if slices.Contains(sampled, number) {
			r.Findings[number] = sortedFindings(matched.Findings)
		}
	}
	for _, number := range m.plan.Flipping.Images {
		if number < m.images && m.verdicts[number] == policy.Trusted {
			r.Expected = append(r.Expected, number)
		}
	}
	return nil
}

// flip notes whose verdict is another one now.
func (m *matching) flip(ctx context.Context, r *rematched, changed []image.Digest) error {
	for _, digest := range changed {
		matched, err := m.fleet.Match(ctx, digest)
		if err != nil {
			return err
		}
		if number := m.numbers[digest]; m.judge(matched.Findings) != m.verdicts[number] {
			r.Flipped = append(r.Flipped, number)
		}
	}
	slices.Sort(r.Flipped)
	return nil
}

// judge judges by the policy of the benchmark: nothing critical that has a fix.
func (m *matching) judge(findings []evidence.Finding) policy.Outcome {
	e := evidence.Evidence{Database: m.fleet.Feed(), Platforms: []evidence.Platform{{
		Platform: image.Platform{OS: "linux", Architecture: "amd64"}, Inventory: evidence.Checked(evidence.Inventory{Packages: 1}), Findings: evidence.Checked(findings),
	}}}
	nothingCritical := policy.Policy{Name: "bench", Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{
		Block: []v1alpha1.BlockRule{{Name: "critical", MinSeverity: v1alpha1.SeverityCritical, Fix: v1alpha1.FixAvailable}},
	}}}
	return policy.Judge([]policy.Policy{nothingCritical}, e, policy.Circumstances{Now: day(4)}).Outcome
}

// sortedFindings are findings as they are compared with trivy's.
func sortedFindings(findings []evidence.Finding) []finding {
	names := map[evidence.Severity]v1alpha1.Severity{
		evidence.SeverityUnknown: v1alpha1.SeverityUnknown, evidence.SeverityLow: v1alpha1.SeverityLow, evidence.SeverityMedium: v1alpha1.SeverityMedium,
		evidence.SeverityHigh: v1alpha1.SeverityHigh, evidence.SeverityCritical: v1alpha1.SeverityCritical,
	}
	var all []finding
	for _, f := range findings {
		all = append(all, finding{f.ID, f.Package, f.Version, f.FixedVersion, strings.ToUpper(string(names[f.Severity]))})
	}
	slices.SortFunc(all, compareFindings)
	return slices.Compact(all)
}

// ownProcessorTime is that of this process.
func ownProcessorTime() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
