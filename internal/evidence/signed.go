// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"time"

	"github.com/assay-dev/assay/internal/image"
)

// SignaturePredicate is the predicate type of a signature of an image as cosign makes it, and stands for tag-based signatures, too, which
// are no in-toto statements (sigstore/cosign, specs/SIGNATURE_SPEC.md).
const SignaturePredicate = "https://sigstore.dev/cosign/sign/v1"

// Signed is a statement about an image that was signed by a key, or under a certificate authority, that somebody named. The signature is
// good; whether its signer is one who may make the statement is for a policy to say.
type Signed struct {
	// PredicateType says what is stated; SignaturePredicate for a signature of the image.
	PredicateType string `json:"predicateType"`
	// Manifests that it is about: the image's own digest, or else those of platforms' images, sorted. None for a link of an in-toto
	// layout, whose subjects are whatever its step made.
	Manifests []image.Digest `json:"manifests,omitempty"`
	// Payload is the digest of what was signed: of the in-toto statement, or of the payload of a tag-based signature.
	Payload image.Digest `json:"payload"`
	// Attached is the digest of what is attached to the image: a bundle, an envelope or, for a tag-based signature, its payload.
	Attached image.Digest `json:"attached"`
	// Statement is what was signed, a JSON document. It is nil for a signature, and where nobody asked for it.
	Statement []byte `json:"-"`
	// Signer is who signed. A statement that several signed is there once for each.
	Signer Signer `json:"signer"`
}

// Statements are those about an image that verified against one anchor.
type Statements struct {
	// Signed is always in the same order. What verified is here whether or not everything else could be looked at.
	Signed []Signed
	// Rest is Known when everything that is attached to the image was looked at, so that what is not in Signed is not there. Its value tells
	// for people what was found that does not count, such as "2 signatures by others"; empty for nothing. CouldNotCheck says why not
	// everything could be looked at.
	Rest Fact[string]
}

// Believes says that somebody believes the signer of a statement that was checked against the anchor. Whoever may push to a repository could
// fill memory and disk with what others signed; what nobody believes is told of, and not kept.
type Believes func(anchor string, signer Signer) bool

// Signer is who signed a statement, by what was proven.
type Signer struct {
	// Key is the fingerprint of the public key (see signature.Key); empty for a certificate.
	Key string `json:"key,omitempty"`
	// Certificate that was issued to the signer; nil for a key.
	Certificate *Certificate `json:"certificate,omitempty"`
	// Times at which the signature existed by the word of somebody who is believed, sorted. The certificate's whole chain was valid at
	// each. None where nobody vouches for a time.
	Times []TrustedTime `json:"times,omitempty"`
	// Entries of transparency logs that prove that the signature was logged.
	Entries []LogEntry `json:"entries,omitempty"`
}

// TrustedTime is a moment at which a signature existed.
type TrustedTime struct {
	Time time.Time `json:"time"`
	// By is WitnessLog or WitnessTimestamp.
	By string `json:"by"`
}

// Who may vouch for the time of a signature.
const (
	WitnessLog       = "transparency log"
	WitnessTimestamp = "timestamp authority"
)

// LogEntry is a place in a transparency log.
type LogEntry struct {
	// Log is the log's origin or URL as the trust root has it, or else its key's id in hexadecimal.
	Log string `json:"log"`
	// Index of the entry in the log.
	Index int64 `json:"index"`
	// Kind and version of the entry, such as "dsse 0.0.1".
	Kind string `json:"kind,omitempty"`
}

// Certificate is what a signer's certificate says. What Fulcio writes into extensions is empty where it is not there
// (sigstore/fulcio, docs/oid-info.md).
type Certificate struct {
	// Subject is the subject alternative name: a URI, an e-mail address, a host name or another name.
	Subject string `json:"subject"`
	// Issuer is the OpenID Connect issuer that vouched for the subject; empty in certificates of other authorities than Fulcio.
	Issuer string `json:"issuer,omitempty"`
	// Authority is the common name, or else the organisation, of the root certificate.
	Authority string `json:"authority,omitempty"`
	// SourceRepository that was built, such as https://github.com/shop/checkout, at SourceRef, such as refs/heads/main, and SourceDigest.
	SourceRepository string `json:"sourceRepository,omitempty"`
	SourceRef        string `json:"sourceRef,omitempty"`
	SourceDigest     string `json:"sourceDigest,omitempty"`
	// Workflow that built it: the URI of the build's configuration.
	Workflow string `json:"workflow,omitempty"`
	// WorkflowName is what the workflow's author calls it (GitHub Actions); it may be anything.
	WorkflowName string `json:"workflowName,omitempty"`
	// Trigger of the build, such as push.
	Trigger string `json:"trigger,omitempty"`
	// NotBefore and NotAfter bound the time in which the certificate and every one above it are valid.
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
}
