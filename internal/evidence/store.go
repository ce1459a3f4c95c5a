// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"context"
	"errors"

	"github.com/assay-dev/assay/internal/image"
)

// The errors of the store and the ledger that a caller may want to tell from others.
var (
	// ErrNotFound says that the store holds no such evidence.
	ErrNotFound = errors.New("no such evidence")
	// ErrFull says that there is no room left to keep evidence.
	ErrFull = errors.New("the evidence store is full; enlarge its volume, or empty it while Assay is stopped")
	// ErrTooLarge says that a piece of evidence is larger than the store takes.
	ErrTooLarge = errors.New("the evidence is larger than the store takes")
)

// Kind of a piece of evidence about a digest. A subject has at most one piece of a kind.
type Kind string

// The kinds of evidence. Names are part of file names: letters, digits, dots and dashes only.
const (
	// KindInventory is the inventory of one platform's image; the subject is the platform's manifest.
	KindInventory Kind = "inventory"
	// KindComposition is an inventory taken apart, which takes less room and time to read; the subject is the platform's manifest.
	KindComposition Kind = "composition"
	// KindOutline is what is looked at of an inventory each time: all but its packages.
	KindOutline Kind = "inventory.outline"
	// KindDocument is a manifest or index as the registry gave it: its content type, a line feed, and its bytes.
	KindDocument Kind = "document"
	// KindConfig is the configuration of one platform's image; the subject is the platform's manifest.
	KindConfig Kind = "config"
	// KindSPDX and KindCycloneDX are documents made from an inventory, as bytes that were written once.
	KindSPDX      Kind = "sbom.spdx"
	KindCycloneDX Kind = "sbom.cyclonedx"
	// KindVulnerabilities is the report of the findings in one platform's image with every detail; of what kind a report is kept says
	// ReportKind.
	KindVulnerabilities Kind = "vulnerabilities"
	// KindSignature is Assay's own signature of the image.
	KindSignature Kind = "signature"
	// KindTaggedSignature is Assay's own signature of the image in tag-based form.
	KindTaggedSignature Kind = "signature.tag"
)

// ReportKind is the kind of the report of the findings that the status of an environment names for the image. Findings change, and
// statuses are written at different times: what one of them names stays until that one names another.
func ReportKind(environment Environment, about image.Reference) Kind {
	return KindVulnerabilities + Kind("."+image.DigestOf([]byte(environment.Namespace + "/" + environment.Name + " " + about.String())).Hex()[:32])
}

// AttestationKind is the kind of the signed statement that a document is about the image in the repository, as a Sigstore
// bundle. Statements name the repository, and one tenant's is none of another's business.
func AttestationKind(document Kind, repository image.Repository) Kind {
	return "attestation." + document + Kind("."+image.DigestOf([]byte(repository.String())).Hex()[:32])
}

// SealKind is the kind of the seal of a digest in one environment, as a Sigstore bundle.
func SealKind(environment Environment) Kind {
	return Kind("seal." + image.DigestOf([]byte(environment.Namespace + "/" + environment.Name)).Hex()[:32])
}

// AttachedKind is the kind of the note when the seal of a digest in one environment, and what belongs to it, was attached.
func AttachedKind(environment Environment) Kind {
	return Kind("attached." + image.DigestOf([]byte(environment.Namespace + "/" + environment.Name)).Hex()[:32])
}

// SignedKind is the kind of the list of what was found signed about a digest in the repository, as checked against the anchor with the
// ID (lower-case hexadecimal). What stands in one tenant's repository is none of another's business.
func SignedKind(anchor string, repository image.Repository) Kind {
	return SignedKinds(repository) + Kind(anchor[:min(len(anchor), 32)])
}

// SignedKinds begins the kinds of all those lists of a repository.
func SignedKinds(repository image.Repository) Kind { return "signed." + Kind(short(repository)) + "." }

// StatementKind is the kind of a statement about a digest that was found in the repository, as it was signed, by the digest of its bytes.
func StatementKind(payload image.Digest, repository image.Repository) Kind {
	return Kind("statement." + short(repository) + "." + payload.Hex()[:32])
}

func short(repository image.Repository) string {
	return image.DigestOf([]byte(repository.String())).Hex()[:16]
}

// Environment names one TrustedImage, the passport of one image in one environment.
type Environment struct{ Namespace, Name string }

// Store keeps evidence by the digest of what it speaks of. It is a cache on a disk: whoever finds nothing gathers anew.
// A piece is either wholly there or not there at all, also after the process is killed in the middle of a write.
type Store interface {
	// Put keeps content as the subject's only piece of the kind. The error may be ErrFull or ErrTooLarge.
	Put(ctx context.Context, subject image.Digest, kind Kind, content []byte) error
	// Get returns the piece. The error is ErrNotFound when there is none, also when what is there is damaged.
	Get(ctx context.Context, subject image.Digest, kind Kind) ([]byte, error)
	// Kinds returns what there is about the subject: of each kind the size in bytes; nothing for a subject of which nothing is kept.
	Kinds(ctx context.Context, subject image.Digest) (map[Kind]int64, error)
	// Room says by ErrFull that too little room is left for what is made of an image, before anybody makes it in vain.
	Room(ctx context.Context) error
}

// Ledger keeps, for each environment, what its status should be refilled from when that was emptied.
type Ledger interface {
	// Write replaces the environment's record. The error may be ErrFull or ErrTooLarge.
	Write(ctx context.Context, environment Environment, record []byte) error
	// Read returns the record. The error is ErrNotFound when there is none.
	Read(ctx context.Context, environment Environment) ([]byte, error)
}
