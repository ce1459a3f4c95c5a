// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire is what passes between a program that wants an image indexed and its child, assay-index. The child needs
// nothing else: no file, no network, no environment.
//
//	parent                                    child
//	[Request], nothing of which is of an image
//	                                          [Greeting]: it has confined itself
//	[Image]
//	any number of times:
//	    [Task] to look into a layer, and a stream of its bytes
//	                                          [Answer] with Measures, and a stream of what was found
//	[Task] to lay the layers on each other, a stream of what was found in each of [Image.Distinct], and one of the configuration
//	                                          [Answer] with Contents, and a stream of the inventory's detail
//
// Nothing of a layer is sent before the answer to the one before is there: whatever a layer does to the child comes too late for
// what was found in those before it.
package wire

import (
	"time"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

// Version of the protocol. Both sides come from one build; a child that was left over from another says so.
const Version = 2

// Request opens the conversation. It holds nothing that an image says, so that the child can confine itself before it
// reads the first hostile byte.
type Request struct {
	Version int
	// Scratch is the only folder that the child may use.
	Scratch string
	Limits  Limits
}

// Limits of indexing one image. They are all above zero. Several children share Memory and CPU.
type Limits struct {
	// Memory is the data that a child may have, in bytes.
	Memory int64
	// CPU is the processor time that a child may use, in whole seconds.
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
	// ResultBytes bounds what the child answers about a layer, and about the image.
	ResultBytes int64
}

// Greeting is the child's answer to a request. It comes before the child reads what a stranger wrote.
type Greeting struct {
	// Analyzers names all that decides what is found in a layer, beside the layer and the settings. What was found under
	// another name is found anew.
	Analyzers string
	// Confinement is what the child could do to itself.
	Confinement Confinement
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

// Settings change what is found in a layer.
type Settings struct {
	// Secrets asks to search files, environment and history for secrets.
	Secrets bool `json:",omitempty"`
}

// Image is what the child has to know about the image.
type Image struct {
	Settings Settings
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

// Distinct returns the indexes of the layers, without those that are listed again further up.
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

// Task is what a child is to do next.
type Task struct {
	// Layer is the index of the layer to look into.
	Layer int
	// Apply asks instead to lay the layers on each other. It is the last task.
	Apply bool `json:",omitempty"`
}

// Measures are what a layer counts for in an image's limits.
type Measures struct {
	// Bytes that it decompresses to.
	Bytes int64
	// Entries are its files, folders and links.
	Entries int
}

// Outcome is how something ended. A child that was killed or crashed has none.
type Outcome string

// The outcomes.
const (
	// Indexed: Answer.Measures or Answer.Contents is set, and a stream follows.
	Indexed Outcome = "Indexed"
	// MalformedLayer is [inventory.ErrMalformedLayer].
	MalformedLayer Outcome = "MalformedLayer"
	// OverLimit is [inventory.ErrOverLimit].
	OverLimit Outcome = "OverLimit"
	// Failed is [inventory.ErrFailed].
	Failed Outcome = "Failed"
	// Forgotten: what was found once in a layer cannot be read, and has to be found again.
	Forgotten Outcome = "Forgotten"
)

// Answer is what the child says of a layer or of the image. After any outcome but Indexed there is nothing more.
type Answer struct {
	Outcome Outcome
	// Message says which limit or layer it was, unless Outcome is Indexed.
	Message string `json:",omitempty"`
	// Measures is set in the answer to a layer, Contents in the one to the image.
	Measures *Measures `json:",omitempty"`
	Contents *Contents `json:",omitempty"`
}

// MaxListed is how long the lists of [Contents] may be: as long as any list of an inventory.
const MaxListed = 100

// Contents is what is in an image, beside the detail. The fields are those of [inventory.Inventory]; each list has the first
// MaxListed elements in the order of the inventory.
type Contents struct {
	Packages int
	Problems List[inventory.Problem] `json:",omitempty"`
	// SecretsSought repeats [Settings.Secrets].
	SecretsSought  bool                    `json:",omitempty"`
	Secrets        List[inventory.Secret]  `json:",omitempty"`
	SecretProblems List[inventory.Problem] `json:",omitempty"`
}

// Failure is an outcome other than Indexed, as an error.
type Failure struct {
	Outcome Outcome
	Message string
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }
