// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate

import (
	"fmt"
	"time"
)

// Scan is the record of a vulnerability scan as cosign has it (sigstore/cosign, specs/COSIGN_VULN_ATTESTATION_SPEC.md). What the scan
// found is of the scanner's own form, for an expression to look at.
type Scan struct {
	// Scanner and Database are URIs; they and their versions may be empty.
	Scanner, ScannerVersion   string
	Database, DatabaseVersion string
	StartedAt, FinishedAt     time.Time // zero when not stated
}

// ParseScan reads a predicate of type ScanV1 or ScanOld. The error wraps ErrMalformed.
func ParseScan(predicate []byte) (Scan, error) {
	var s struct {
		Scanner *struct {
			URI     text `json:"uri"`
			Version text `json:"version"`
			DB      struct {
				URI     text `json:"uri"`
				Version text `json:"version"`
			} `json:"db"`
		} `json:"scanner"`
		Metadata struct {
			Started  moment `json:"scanStartedOn"`
			Finished moment `json:"scanFinishedOn"`
		} `json:"metadata"`
	}
	if err := decode(predicate, &s); err != nil {
		return Scan{}, fmt.Errorf("vulnerability scan: %w", err)
	}
	if s.Scanner == nil {
		return Scan{}, fmt.Errorf("vulnerability scan: %w: it names no scanner", ErrMalformed)
	}
	return Scan{
		Scanner: string(s.Scanner.URI), ScannerVersion: string(s.Scanner.Version),
		Database: string(s.Scanner.DB.URI), DatabaseVersion: string(s.Scanner.DB.Version),
		StartedAt: time.Time(s.Metadata.Started), FinishedAt: time.Time(s.Metadata.Finished),
	}, nil
}
