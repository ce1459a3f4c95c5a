// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// DefaultDeadline bounds the indexing of one platform's image.
const DefaultDeadline = 10 * time.Minute

// DefaultLimits hold for one platform's image. They leave room for the largest images in use, with several gigabytes of
// machine learning in one layer, and for one such image on a small node.
func DefaultLimits() wire.Limits {
	return wire.Limits{
		Memory:      1 << 30,
		CPU:         5 * time.Minute,
		FileSize:    4 << 30,
		LayerBytes:  16 << 30,
		ImageBytes:  32 << 30,
		Ratio:       200,
		Entries:     1_000_000,
		PathLength:  4096,
		ResultBytes: 64 << 20,
	}
}

// Options of the sandbox. A field that is zero stands for its default.
type Options struct {
	// Program is the path of assay-index; there is no default.
	Program string
	// ScratchDir is where each child gets a folder of its own, of up to about twice the size of the decompressed layers'
	// packages. What children of a process that was killed left there is removed. By default the system's folder for
	// temporary files.
	ScratchDir string
	// Deadline for one platform's image, fetching its layers included; DefaultDeadline if zero.
	Deadline time.Duration
	// Limits of one platform's image; DefaultLimits has those of the fields that are zero. Its children share Memory and CPU evenly.
	Limits wire.Limits
	// Layers keeps what was found in layers, for other images that have them too; nil keeps nothing. When it fails, layers are
	// looked into again.
	Layers evidence.Store
	// Clock tells when there was calm for long enough to start children for the next image; the system's if nil.
	Clock clock.WithDelayedExecution
	// Logger hears of children that crash or cannot be confined; slog's default if nil.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.Program == "" {
		return o, errors.New("the path of assay-index is not set")
	}
	program, err := exec.LookPath(o.Program)
	if err != nil {
		return o, fmt.Errorf("find assay-index: %w", err)
	}
	// A child works in a folder of its own.
	if o.Program, err = filepath.Abs(program); err != nil {
		return o, fmt.Errorf("find assay-index: %w", err)
	}
	if o.ScratchDir, err = filepath.Abs(cmp.Or(o.ScratchDir, os.TempDir())); err != nil {
		return o, fmt.Errorf("find the scratch folder: %w", err)
	}
	o.Deadline = cmp.Or(o.Deadline, DefaultDeadline)
	o.Limits = limitsWithDefaults(o.Limits)
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}

// children is how many processes may work on an image at a time.
const children = 2

// atOnce is how many processes work on an image at a time. More than there are processors would only take memory.
func atOnce() int { return min(children, runtime.GOMAXPROCS(0)) }

// ofChild is what each of an image's children may use, also while there is only one: so that it does not depend on how many
// processors there are whether an image can be indexed.
func ofChild(limits wire.Limits) wire.Limits {
	limits.Memory /= children
	limits.CPU = max(limits.CPU/children, time.Second)
	return limits
}

func limitsWithDefaults(l wire.Limits) wire.Limits {
	d := DefaultLimits()
	return wire.Limits{
		Memory:      cmp.Or(l.Memory, d.Memory),
		CPU:         cmp.Or(l.CPU, d.CPU),
		FileSize:    cmp.Or(l.FileSize, d.FileSize),
		LayerBytes:  cmp.Or(l.LayerBytes, d.LayerBytes),
		ImageBytes:  cmp.Or(l.ImageBytes, d.ImageBytes),
		Ratio:       cmp.Or(l.Ratio, d.Ratio),
		Entries:     cmp.Or(l.Entries, d.Entries),
		PathLength:  cmp.Or(l.PathLength, d.PathLength),
		ResultBytes: cmp.Or(l.ResultBytes, d.ResultBytes),
	}
}
