// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"

	"github.com/assay-dev/assay/internal/inventory"
)

// Details are what may be long of what is in an image, and so follow the answer in a stream. The fields are those of
// [inventory.Inventory].
type Details struct {
	Detail json.RawMessage
	Hidden json.RawMessage     `json:",omitempty"`
	Jars   List[inventory.Jar] `json:",omitempty"`
}

// MaxJars is how many jars there may be.
const MaxJars = 5000
