// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"time"

	"github.com/assay-dev/assay/internal/image"
)

// Evidence is all that is known of one digest.
type Evidence struct {
	Image image.Reference
	// Platforms that were looked at, sorted by name. An image that is no index has one, whose Manifest is the image's digest.
	Platforms []Platform
	// Signed has the statements about the image, by the ID of the anchor (see signature.Anchor) that their signatures were checked against. One
	// that is missing here was not looked at.
	Signed map[string]Statements
	// Layouts says how the image did under in-toto layouts, by the layout's ID. One that is missing here was not looked at.
	Layouts map[string]Fact[LayoutResult]
	// Database is the vulnerability database that Findings come from.
	Database Fact[Feed]
	// KEV says whether Finding.Exploited and Finding.Ransomware can be relied upon.
	KEV Fact[Feed]
	// EPSS says whether Finding.EPSS can be relied upon.
	EPSS Fact[Feed]
	// VEX has the documents that were attested to the image.
	VEX []VEXDocument
	// IgnoredVEX is the number of VEX attestations on the image that nobody signed who could be believed.
	IgnoredVEX int
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
	// Distribution is known when Findings are.
	Distribution Fact[Distribution]
	// Packages are NotChecked unless they were asked for.
	Packages Fact[[]Package]
	// Secrets are NotChecked unless they were asked for; CouldNotCheck when not every file could be looked at.
	Secrets Fact[[]Secret]
	// SBOMs that the store holds, in the order of their kinds.
	SBOMs []Report
	// Naming says what named the jars in the image.
	Naming Naming
}

// Naming says what named the Java archives in an image that do not say what they are.
type Naming struct {
	// HasJars says that there are such archives.
	HasJars bool
	// Database is the version of the Java database that was asked for their names, empty while there was none.
	Database string
}

// Report is a whole document in the store.
type Report struct {
	Kind   Kind
	Digest image.Digest
}

// Distribution is what an image's operating system is.
type Distribution struct {
	// Name and version, such as "debian 9.12"; empty for an image without a distribution.
	Name string
	// EndOfLife says that its vendor no longer supports the release.
	EndOfLife bool
}

// Package is one package in an image.
type Package struct {
	// PURL is the package URL; empty where the ecosystem has none.
	PURL    string
	Name    string
	Version string
	// Path of its file, or of the file that names it, if it has one.
	Path     string
	Licenses []string
}

// Secret is the place of a secret in an image, never the secret itself.
type Secret struct {
	// Rule that found it, such as aws-access-key-id.
	Rule     string
	Severity Severity
	// Place is the path of the file, "environment variable NAME" or "history entry N".
	Place string
	// Layer is the diff ID of the layer that the file stands in, the zero digest for the configuration.
	Layer image.Digest
	// Line in the file, counted from 1; 0 when it is not known.
	Line int
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
	// Aliases are other identifiers of it, such as DSA-5020-1; sorted.
	Aliases []string
	// Target within the image, such as the path of a program or the name of the distribution.
	Target string
	// Package that carries it, with its Version and the path of its file if it has one.
	Package string
	Version string
	Path    string
	// PURL is the package URL of the package with its version; empty where the ecosystem has none.
	PURL string
	// FixedVersion is empty when no fix is published.
	FixedVersion string
	Severity     Severity
	// Published is when the vulnerability was published, the zero time when that is not known.
	Published time.Time
	// Comprehensive says that only comprehensive detection gives the finding: a package manager's file list claims the file.
	Comprehensive bool
	// Exploited and Ransomware say what CISA's catalogue lists; meaningful only when Evidence.KEV is Known.
	Exploited, Ransomware bool
	// EPSS is the probability of exploitation in the next 30 days; meaningful only when Evidence.EPSS is Known and Scored is true.
	EPSS   float64
	Scored bool
	// FirstSeen is when Assay first found the vulnerability in the package, FixSeen when it first saw a fix for it; zero times
	// when that is not known, FixSeen also while there is no fix.
	FirstSeen, FixSeen time.Time
}

// VEXStatus is what a VEX statement says.
type VEXStatus string

// The statuses of OpenVEX, to which those of CSAF are mapped.
const (
	VEXNotAffected        VEXStatus = "not_affected"
	VEXAffected           VEXStatus = "affected"
	VEXFixed              VEXStatus = "fixed"
	VEXUnderInvestigation VEXStatus = "under_investigation"
)

// VEXStatement says how one product is affected by one vulnerability.
type VEXStatement struct {
	// IDs of the vulnerability: its name and its aliases.
	IDs    []string
	Status VEXStatus
	// Product is a package URL: of a package, with or without a version, or of an image (pkg:oci/NAME@DIGEST).
	Product string
	// Subcomponents are package URLs of packages within Product. With none the statement is about Product as a whole.
	Subcomponents []string
	// Manifest is the platform's image that the statement was attested to, of whose platform alone it speaks. It is zero for what
	// was attested to the image itself and for documents that are attached to nothing, which speak of every platform.
	Manifest image.Digest
	// Justification, in the document's words; may be empty.
	Justification string
	// Author of the document; may be empty.
	Author string
	// Document identifies the document, such as its @id or tracking id.
	Document string
	// Timestamp orders statements about the same product and vulnerability: the latest counts.
	Timestamp time.Time
}

// VEXDocument is a VEX document that somebody attested to an image.
type VEXDocument struct {
	// Anchor is the ID of the anchor that the signature was checked against, and Signer is who signed.
	Anchor string
	Signer Signer
	// Statements are CouldNotCheck when the document cannot be read.
	Statements Fact[[]VEXStatement]
}

// LayoutResult says how an image did under an in-toto layout.
type LayoutResult struct {
	// Passed is true when every step was taken as the layout says.
	Passed bool
	// Reason is one of the api's Reason constants and Message says what is wrong and what to do, when Passed is false.
	Reason, Message string
	// Expires is when the layout ends.
	Expires time.Time
}

// Feed is the state of a feed.
type Feed struct {
	// Version as the feed states it.
	Version string
	// Entries is the number of entries, 0 when it was not counted.
	Entries int
	// UpdatedAt is when that version was published.
	UpdatedAt time.Time
}
