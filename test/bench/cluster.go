// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/bench/synthetic"
	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/story"
)

const (
	// teams are the namespaces that the images are spread over.
	teams = 100
	// hosts are the registries that they are spread over.
	hosts = 40
	// fillPatience bounds the time until all images have a verdict, changePatience that until a change has shown.
	fillPatience   = 20 * time.Minute
	changePatience = 2 * time.Minute
	// quietFor is how long nothing must happen until it is believed that nothing more will.
	quietFor = 10 * time.Second
)

// cluster is a control plane with as many TrustedImages as the fleet has images, and the controller as it ships.
type cluster struct {
	*bench
	plan  plan
	fleet *synthetic.Fleet
	dir   string
	// heavy are images with thousands of findings, and usual others, of which one TrustedImage each comes to trust all.
	heavy, usual []content
	// registries are several, since Assay asks each only so many times in a second.
	registries []*registry.Registry
	passports  *passports
	expected   map[client.ObjectKey]int // numbers of the fleet's images
}

// onCluster fills a cluster and measures.
func onCluster(ctx context.Context, b *bench) (results []result, err error) {
	p, err := b.fleetPlan(ctx)
	if err != nil {
		return nil, err
	}
	c := &cluster{bench: b, plan: p, expected: map[client.ObjectKey]int{}}
	if c.dir, err = os.MkdirTemp(roomy(), "assay-bench-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	if c.fleet, err = p.fleet(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		err = errors.Join(err, b.stop(ctx))
		for _, r := range c.registries {
			r.Close()
		}
	}()
	for _, step := range []func(context.Context) error{c.prepare, c.start, c.fill} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	for _, benchmark := range []func(context.Context) ([]result, error){c.memory, c.objects, c.queries, c.updates, c.exploitation} {
		more, err := benchmark(ctx)
		if err != nil {
			return nil, err
		}
		results = append(results, more...)
	}
	return results, nil
}

// Where nothing waits for a disk, and how many bytes must be free there.
const (
	memoryFolder = "/dev/shm"
	memoryRoom   = 8 << 30
)

// roomy is the folder in which the cluster's data is kept: in memory where there is room, since what a disk costs is not measured.
func roomy() string {
	var room syscall.Statfs_t
	if err := syscall.Statfs(memoryFolder, &room); err == nil && room.Bavail*uint64(room.Bsize) >= memoryRoom {
		return memoryFolder
	}
	return os.TempDir()
}

// prepare puts all images into a registry, and what is in them into the evidence store.
func (c *cluster) prepare(ctx context.Context) (err error) {
	defer took("put 10,000 images into a registry, and what is in them into the evidence store")()
	for range hosts {
		started, err := registry.Start() //nolint:contextcheck // it runs until it is closed
		if err != nil {
			return err
		}
		c.registries = append(c.registries, started)
	}
	if err := c.makeHistories(); err != nil {
		return err
	}
	return store(ctx, filepath.Join(c.dir, "data"), func(yield func(content) error) error { //nolint:contextcheck // the registry is in this process
		for _, special := range append(c.heavy, c.usual...) {
			if err := yield(special); err != nil {
				return err
			}
		}
		for number := range fleetSize {
			one, err := c.fleetContent(number)
			if err != nil {
				return err
			}
			if err := c.put(one); err != nil {
				return err
			}
			c.expected[keyOf(number)] = number
			if err := yield(one); err != nil {
				return err
			}
		}
		return nil
	})
}

// put puts a manifest under its tag.
func (c *cluster) put(one content) error {
	at := slices.IndexFunc(c.registries, func(r *registry.Registry) bool { return r.Host() == one.host })
	for _, reference := range []string{one.tag, one.digest().String()} {
		if err := c.registries[at].Put(one.repository, reference, types.OCIManifestSchema1, one.manifest); err != nil {
			return err
		}
	}
	return nil
}

// start boots Assay on the first editions, in a registry that nobody may write to.
func (c *cluster) start(ctx context.Context) error {
	if err := c.use(c.plan.first()); err != nil {
		return err
	}
	catalogue, err := c.catalogue(1)
	if err != nil {
		return err
	}
	flags := []string{"--database-file=" + c.edition(), "--kube-api-qps=1000", "--kube-api-burst=1000"}
	if scores := filepath.Join(sharedFolder, "epss", "epss_scores-2026-08-16.csv.gz"); shared() != "" {
		path, err := filepath.Abs(scores)
		if err != nil {
			return err
		}
		flags = append(flags, "--epss="+path)
	}
	c.world, err = story.Boot(ctx, story.Options{
		Root: ".", Dir: c.dir, Registry: c.registries[0].Host(), Others: c.hosts(), Catalogue: catalogue, Flags: flags,
		Controllers: []string{"serviceaccount-controller"}, Say: func(line string) { fmt.Println(line) },
	})
	if err != nil {
		return err
	}
	for _, r := range c.registries {
		r.Script(registry.Row{Fault: registry.ReadOnly})
	}
	c.passports, err = followPassports(ctx, c.world.Kubeconfig)
	return err
}

func (c *cluster) hosts() []string {
	var all []string
	for _, r := range c.registries {
		all = append(all, r.Host())
	}
	return all
}

// requests is how many the registries got.
func (c *cluster) requests() int {
	all := 0
	for _, r := range c.registries {
		all += len(r.Requests())
	}
	return all
}

// edition is where the controller looks for the database.
func (c *cluster) edition() string { return filepath.Join(c.dir, "edition") }

// use makes another edition of the database the one that the controller finds, at one moment.
func (c *cluster) use(edition string) error {
	next := c.edition() + ".next"
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	if err := os.Symlink(edition, next); err != nil {
		return err
	}
	return os.Rename(next, c.edition())
}

// catalogue is an edition of CISA's: with the second one the exploited vulnerability of the plan is new.
func (c *cluster) catalogue(edition int) ([]byte, error) {
	if shared() != "" {
		return os.ReadFile(filepath.Join(sharedFolder, "kev", fmt.Sprintf("known_exploited_vulnerabilities-2026.08.%02d.json", 5+edition)))
	}
	ids := []string{"CVE-2021-44228", exploitedID}
	return advisories.KEVOf(ids[:edition]...)
}

// fleetPolicies are what the images are judged by. The histories are to be trusted, whatever is in them.
const fleetPolicies = `
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: fleet}
spec:
  namespaces: ["team-*"]
  vulnerabilities:
    block:
    - {name: exploited, exploited: Known}
    - {name: critical, minSeverity: Critical, fix: Available}
  image: {user: NonRoot}
---
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: histories}
spec:
  namespaces: [histories]
  image: {user: NonRoot}
---
apiVersion: v1
kind: Namespace
metadata: {name: histories}
`

// fill creates the TrustedImages and waits for their verdicts.
func (c *cluster) fill(ctx context.Context) error {
	policies, err := c.world.Expand(fleetPolicies)
	if err != nil {
		return err
	}
	if err := c.world.Apply(ctx, policies); err != nil {
		return err
	}
	for team := range teams {
		namespace, err := c.world.Expand(fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", teamName(team)))
		if err != nil {
			return err
		}
		if err := c.world.Apply(ctx, namespace); err != nil {
			return err
		}
	}
	defer took("10,000 TrustedImages from their creation to their verdicts")()
	if err := c.create(ctx); err != nil {
		return err
	}
	defer func() {
		if pid, err := child("assay-controller"); err == nil {
			if cpu, err := processorTime(pid); err == nil {
				fmt.Printf("    assay-controller took %.0f s of processors, and asked registries %d times\n", cpu.Seconds(), c.requests())
			}
		}
	}()
	return c.passports.await(ctx, fillPatience, func(all map[client.ObjectKey]passport) string {
		missing := 0
		for key := range c.expected {
			if p := all[key]; p.verdict == v1alpha1.VerdictUndetermined || !p.settled {
				missing++
			}
		}
		if missing == 0 {
			return ""
		}
		return fmt.Sprintf("%d of %d images have no verdict yet", missing, fleetSize)
	})
}

func (c *cluster) create(ctx context.Context) error {
	group, creating := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.NumCPU())
	for key, number := range c.expected {
		group.Go(func() error {
			one, err := c.fleetContent(number)
			if err != nil {
				return err
			}
			return c.world.Admin.Create(creating, passportFor(key, one))
		})
	}
	return group.Wait()
}

// passport asks the registry once a day, so that what is asked of it besides shows.
func passportFor(key client.ObjectKey, one content) *v1alpha1.TrustedImage {
	return &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec: v1alpha1.TrustedImageSpec{
			Source:   v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{Repository: one.host + "/" + one.repository, Tag: one.tag}},
			Interval: ptr.To(v1alpha1.Duration("24h")),
		},
	}
}

func teamName(team int) string { return fmt.Sprintf("team-%02d", team) }

// keyOf names the TrustedImage of an image of the fleet.
func keyOf(number int) client.ObjectKey {
	return client.ObjectKey{Namespace: teamName(number % teams), Name: fmt.Sprintf("image-%05d", number)}
}

// took says what was done and, by the function that it returns, how long it took.
func took(what string) func() {
	began := time.Now()
	fmt.Println("==>", what)
	return func() { fmt.Printf("    took %.1f s\n", time.Since(began).Seconds()) }
}
