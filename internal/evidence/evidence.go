// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"github.com/assay-dev/assay/internal/image"
)

// Evidence is all that is known of one digest.
type Evidence struct {
	Image image.Reference
	// Platforms that were looked at, sorted by name. An image that is no index has one, whose Manifest is the image's digest.
	Platforms []Platform
	// Signatures by the fingerprint of the key that was tried.
	Signatures map[string]Fact[Signature]
	// KEV says whether Finding.Exploited can be relied upon.
	KEV Fact[Feed]
}

// Platform is what is known of one platform's image.
type Platform struct {
	Platform image.Platform
	Manifest image.Digest
	Config   image.Config
	// Inventory is CouldNotCheck when something in the image could not be parsed.
	Inventory Fact[Inventory]
	// Findings are sorted; CouldNotCheck when the database does not cover the image.
	Findings Fact[[]Finding]
}

// Inventory sums up what is in an image.
type Inventory struct {
	// Packages is the number of packages found.
	Packages int
	// Unidentified lists files, such as jars, that hold packages nobody can name; at most 20, sorted.
	Unidentified []string
}

// Severity of a finding, from the least to the worst. The zero value means that nobody rated it.
type Severity uint8

// The severities.
const (
	SeverityUnknown Severity = iota
	SeverityLow
	SeverityMedium
	SeverityHigh
	SeverityCritical
)

// Finding is one vulnerability in one package of one platform's image.
type Finding struct {
	// ID of the vulnerability, such as CVE-2021-44228.
	ID string
	// Target within the image, such as the path of a program or the name of the distribution.
	Target string
	// Package that carries it, with its Version and the path of its file if it has one.
	Package string
	Version string
	Path    string
	// FixedVersion is empty when no fix is published.
	FixedVersion string
	Severity     Severity
	// Exploited says that the vulnerability is in CISA's catalogue; meaningful only when Evidence.KEV is Known.
	Exploited bool
}

// Signature says whether one key signed the digest.
type Signature struct {
	// Verified is true when at least one signature by the key verified over the digest.
	Verified bool
	// Message tells, when Verified is false, what was found instead; bounded and stable.
	Message string
}

// Feed is the state of a feed.
type Feed struct {
	// Version as the feed states it.
	Version string
	// Entries is the number of entries.
	Entries int
}
