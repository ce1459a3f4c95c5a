// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"

	"github.com/assay-dev/assay/internal/query"
)

// errCut says that there is more than an answer holds.
var errCut = errors.New("there is more")

// counted writes as many statements as an answer holds.
type counted struct {
	out        query.EvidenceWriter
	statements int
	bytes      int64
	told       map[string]bool // what was signed, by digest
}

// room is errCut when there is none for so many bytes.
func (c *counted) room(size int64) error {
	if c.statements == 0 || size > c.bytes {
		return errCut
	}
	return nil
}

func (c *counted) tell(s query.Statement, signed []byte) error {
	if err := c.room(int64(len(signed))); err != nil {
		return err
	}
	if c.told == nil {
		c.told = map[string]bool{}
	}
	c.told[s.Digest] = true
	c.statements--
	c.bytes -= int64(len(signed))
	return c.out.Statement(s, signed)
}
