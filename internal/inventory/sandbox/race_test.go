// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package sandbox

// raceDetector says that the children have a race detector, which crashes when there is no memory.
const raceDetector = true
