// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/assay-dev/assay/internal/image"
)

// record is one line of the log: the times of a subject, or a digest in a place. What the log says of one thing again and again
// adds up, the earliest time and the last copy, so that no line depends on another.
type record struct {
	ID        string       `json:"id,omitempty"`
	Package   string       `json:"package,omitempty"`
	FirstSeen int64        `json:"firstSeen,omitempty"`
	FixSeen   int64        `json:"fixSeen,omitempty"`
	Digest    image.Digest `json:"digest,omitzero"`
	// Repository of the place, with the copy that was put there.
	Repository string `json:"repository,omitempty"`
	Copy       uint64 `json:"copy,omitempty"`
	CopiedAt   int64  `json:"copiedAt,omitempty"`
}

func recordOf(at subject, t times) record {
	return record{ID: at.id, Package: at.pkg, FirstSeen: t.first, FixSeen: t.fix}
}

// writeLine writes a record after its checksum.
func writeLine(w io.Writer, r record) error {
	text, err := json.Marshal(r)
	if err == nil {
		_, err = fmt.Fprintf(w, "%08x %s\n", crc32.ChecksumIEEE(text), text)
	}
	return err
}

// parseLine reads what writeLine wrote. It returns false for a line that is damaged.
func parseLine(line []byte) (record, bool) {
	sum, text, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if string(sum) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) {
		return record{}, false
	}
	var r record
	err := json.Unmarshal(text, &r)
	return r, err == nil
}
