// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package crd holds the CustomResourceDefinitions that ship, for programs that check objects without an API server.
package crd

import "embed"

// Bases has one definition in YAML for each kind, below bases.
//
//go:embed bases/*.yaml
var Bases embed.FS
