// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package confine

import "github.com/assay-dev/assay/internal/inventory/wire"

// Other systems are for trying Assay out: there the deadline and the bounds on the input have to do.
func setLimits(wire.Limits) error { return nil }

func raiseWalls(string) (wire.Confinement, error) { return wire.Confinement{}, nil }
