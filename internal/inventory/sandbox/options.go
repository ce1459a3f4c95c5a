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
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// DefaultDeadline bounds the indexing of one platform's image.
const DefaultDeadline = 10 * time.Minute

// DefaultLimits hold for one platform's image. They leave room for the largest images in use, with several gigabytes of
// machine learning in one layer, and for one such image on a small node.
func DefaultLimits() wire.Limits {
	return wire.Limits{
		Memory:      512 << 20,
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
	// Limits of a child; DefaultLimits has those of the fields that are zero.
	Limits wire.Limits
	// Layers keeps what was found in layers, for other images that have them too; nil keeps nothing. When it fails, layers are
	// looked into again.
	Layers evidence.Store
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
	o.Program = program
	o.ScratchDir = cmp.Or(o.ScratchDir, os.TempDir())
	o.Deadline = cmp.Or(o.Deadline, DefaultDeadline)
	o.Limits = limitsWithDefaults(o.Limits)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
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
