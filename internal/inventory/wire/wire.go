// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire is what passes between a program that wants an image indexed and its child, assay-index: the child's
// standard input begins with a [Request] and an [Image], and then come the bytes of each of [Image.Distinct]'s layers; its
// standard output is one [Result]. The child needs nothing else: no file, no network, no environment.
package wire

import (
	"encoding/json"
	"time"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

// Version of the protocol. Both sides come from one build; a child that was left over from another says so.
const Version = 1

// Request opens the conversation. It holds nothing that an image says, so that the child can confine itself before it
// reads the first hostile byte.
type Request struct {
	Version int
	// Scratch is the only folder that the child may use.
	Scratch string
	Limits  Limits
}

// Limits of one child. They are all above zero.
type Limits struct {
	// Memory is the data that the child may have, in bytes.
	Memory int64
	// CPU is the processor time that the child may use, in whole seconds.
	CPU time.Duration
	// FileSize bounds one file in the scratch folder, in bytes.
	FileSize int64
	// LayerBytes and ImageBytes bound what one layer and all layers decompress to.
	LayerBytes, ImageBytes int64
	// Ratio bounds how many times larger than its compressed form a layer may become, once it has grown large.
	Ratio int64
	// Entries bounds the files, folders and links of all layers.
	Entries int
	// PathLength bounds the path of an entry, in bytes.
	PathLength int
	// ResultBytes bounds what the child answers.
	ResultBytes int64
}

// Settings change what is found in a layer.
type Settings struct {
	// Secrets asks to search files, environment and history for secrets.
	Secrets bool `json:",omitempty"`
}

// Image is what the child has to know about the image.
type Image struct {
	Settings Settings
	// Config is the configuration's bytes. They are looked at only when layers are applied.
	Config []byte
	// Layers from the bottom to the top.
	Layers []Layer
}

// Layer is one layer of an image.
type Layer struct {
	// Digest of the compressed layer. Whoever sends the bytes has checked it.
	Digest image.Digest
	// DiffID is the digest that the decompressed layer must have.
	DiffID image.Digest
}

// Distinct returns the indexes of the layers whose bytes are sent: a layer that an image lists twice is sent once.
func (i Image) Distinct() []int {
	var indexes []int
	seen := map[image.Digest]bool{}
	for index, layer := range i.Layers {
		if !seen[layer.Digest] {
			seen[layer.Digest] = true
			indexes = append(indexes, index)
		}
	}
	return indexes
}

// Outcome is how indexing ended. A child that was killed or crashed has none.
type Outcome string

// The outcomes.
const (
	// Indexed: Result.Contents is set.
	Indexed Outcome = "Indexed"
	// MalformedLayer is [inventory.ErrMalformedLayer].
	MalformedLayer Outcome = "MalformedLayer"
	// OverLimit is [inventory.ErrOverLimit].
	OverLimit Outcome = "OverLimit"
	// Failed is [inventory.ErrFailed].
	Failed Outcome = "Failed"
)

// Result is the child's answer.
type Result struct {
	Outcome Outcome
	// Message says which limit or layer it was, unless Outcome is Indexed.
	Message string `json:",omitempty"`
	// Contents is set when Outcome is Indexed.
	Contents *Contents `json:",omitempty"`
	// Confinement is what the child could do to itself.
	Confinement Confinement
}

// Contents is what is in an image. The fields are those of [inventory.Inventory].
type Contents struct {
	Detail       json.RawMessage
	Packages     int
	Problems     List[inventory.Problem] `json:",omitempty"`
	Unidentified List[string]            `json:",omitempty"`
	// SecretsSought repeats [Settings.Secrets].
	SecretsSought  bool                    `json:",omitempty"`
	Secrets        List[inventory.Secret]  `json:",omitempty"`
	SecretProblems List[inventory.Problem] `json:",omitempty"`
}

// Confinement says which walls stand around a child besides its limits, which always hold.
type Confinement struct {
	// Landlock is the version of the kernel's Landlock interface that confines the child to its scratch folder, and zero
	// when it is not confined.
	Landlock int
	// NoSockets says that the child can neither open sockets nor start programs.
	NoSockets bool
}

// Complete says that every wall stands.
func (c Confinement) Complete() bool { return c.Landlock > 0 && c.NoSockets }

// Failure is an outcome other than Indexed, as an error.
type Failure struct {
	Outcome Outcome
	Message string
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }
