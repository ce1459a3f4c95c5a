// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/json"
)

// maxListed is how many elements of a list are read: far more than anybody is told of.
const maxListed = 10_000

// List is a list in a child's answer. Only its beginning is read: an element may be much longer in memory than as text.
type List[T any] []T

// UnmarshalJSON decodes the beginning of a list.
func (l *List[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	decoder := json.NewDecoder(bytes.NewReader(raw))
	opening, err := decoder.Token()
	if err != nil || opening == nil { // null is a list without elements
		return err
	}
	if opening != json.Delim('[') {
		return ErrBroken
	}
	for len(*l) < maxListed && decoder.More() {
		var element T
		if err := decoder.Decode(&element); err != nil {
			return err
		}
		*l = append(*l, element)
	}
	return nil
}
