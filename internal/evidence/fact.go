// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package evidence holds what the phases of an image's way pass to one another: facts about a digest, the same in every
// environment. It also declares the Store in which evidence is kept by digest.
package evidence

// State says whether a fact is known. The zero value is NotChecked.
type State uint8

// The states of a fact. Failed, could not check, and not yet checked are three different things: what was checked and
// found bad is Known with a bad value.
const (
	NotChecked State = iota
	Known
	CouldNotCheck
)

// Fact is a value that may not be known. Reason and Message tell why it could not be checked.
type Fact[T any] struct {
	State State
	// Value is meaningful only when State is Known.
	Value T
	// Reason is one of the api's Reason constants when State is CouldNotCheck.
	Reason string
	// Message says in a sentence what happened and what to do; bounded, printable and stable across retries. Of a value that is
	// known it may say what the value leaves out, such as products of a VEX document that have no package URL.
	Message string
}

// Checked returns a known fact.
func Checked[T any](value T) Fact[T] { return Fact[T]{State: Known, Value: value} }

// Unchecked returns a fact that could not be checked.
func Unchecked[T any](reason, message string) Fact[T] {
	return Fact[T]{State: CouldNotCheck, Reason: reason, Message: message}
}
