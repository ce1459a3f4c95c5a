// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/assay-dev/assay/test/process"
	"github.com/assay-dev/assay/test/story"
)

// demoDir is the demo's folder, from the project's root; every demo begins with a new one.
const demoDir = "bin/demo"

// registryFolder is that of the registry's process, in the demo's folder.
const registryFolder = "registry"

// start ends an earlier demo, starts everything, plays the story and shows what came of it. What runs is left running also
// when the story does not come out, so that somebody can look why.
func start(ctx context.Context) error {
	began := time.Now()
	if _, err := os.Stat("go.mod"); err != nil {
		return errors.New("run it from the project's root")
	}
	if stopped, err := stop(ctx); err != nil {
		return err
	} else if stopped > 0 {
		say(fmt.Sprintf("an earlier demo: %d processes ended", stopped))
	}
	if err := os.RemoveAll(demoDir); err != nil {
		return err
	}
	world, err := play(ctx)
	if err != nil {
		return fmt.Errorf("%w\nthe logs are in %s/*/*.log; `make demo-stop` ends what is running", err, demoDir)
	}
	fmt.Printf("\nThe story came out in %.0f s. Everything keeps running until `make demo-stop`. To go on:\n\n    source %s\n\n",
		time.Since(began).Seconds(), world.Shell())
	return nil
}

// play boots the world and plays the story on it.
func play(ctx context.Context) (*story.World, error) {
	say("==> registry")
	registry, err := startRegistry(ctx)
	if err != nil {
		return nil, err
	}
	world, err := story.Boot(ctx, story.Options{
		Root: ".", Dir: demoDir, Registry: registry, Detached: true,
		Controllers: []string{"*"}, Scheduler: true, Say: say,
	})
	if err != nil {
		return nil, err
	}
	if err := world.WriteFiles(); err != nil {
		return nil, err
	}
	digests, err := world.Play(ctx)
	if err != nil {
		return world, errors.Join(err, show(ctx, world, "get", "trustedimages", "-A"))
	}
	if err := world.PublishQueries(ctx); err != nil {
		return world, err
	}
	return world, present(ctx, world, digests)
}

// stop ends the processes of a demo, also of one that was only half started, and returns how many ran.
func stop(ctx context.Context) (int, error) {
	world, err := story.StopDetached(ctx, demoDir)
	registry, failed := process.StopDetached(ctx, filepath.Join(demoDir, registryFolder))
	return world + registry, errors.Join(err, failed)
}

func say(line string) { fmt.Println(line) }
