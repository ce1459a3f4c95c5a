// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package confine lets a process lock itself up before it reads what strangers wrote: limits that always hold, and walls
// that stand as far as the kernel has them. There is no way back.
package confine

import "github.com/assay-dev/assay/internal/inventory/wire"

// maxOpenFiles bounds the files that the process has open. An archive within an archive within an archive costs one each.
const maxOpenFiles = 256

// Apply confines the calling process: to the limits, to one folder, without sockets and without other programs. An error
// means that a limit could not be set, or that the kernel has a wall and did not put it up.
func Apply(folder string, limits wire.Limits) (wire.Confinement, error) {
	if err := setLimits(limits); err != nil {
		return wire.Confinement{}, err
	}
	return raiseWalls(folder)
}
