// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package entity verifies what the cosign command signs: Sigstore bundles, and signatures and attestations in the form in which cosign
// attaches them under tags. It says who signed; whether the signer is one who may, and whether what was signed is about the image in
// question, is for the callers to say. It reaches no network: an entity brings its proofs along, and the anchor is given.
//
// The proofs are verified by sigstore-go's own functions, one by one rather than by its Verifier, which knows no certificate authority
// without timestamps, wants one signature in an envelope and tells nothing of log entries.
package entity

import (
	"crypto/x509"
	"errors"
	"strings"
	"unicode"

	"github.com/sigstore/sigstore-go/pkg/tlog"
)

// statementMediaType is the payload type of an in-toto statement in a DSSE envelope.
const statementMediaType = "application/vnd.in-toto+json"

// What an entity may have. Sigstore-go itself takes 32 log entries and 32 timestamps.
const (
	// maxSize bounds an entity in bytes, in any of its forms (CVE-2024-29902). Who fetches it is to bound it further.
	maxSize = 64 << 20
	// maxSignatures bounds the signatures in one envelope.
	maxSignatures = 16
	// maxIntermediates bounds the certificates beside the signer's own (CVE-2026-32280).
	maxIntermediates = 8
	// maxCertificateSize bounds a certificate in bytes; Fulcio's have less than 2 KiB.
	maxCertificateSize = 32 << 10
	// maxTimestampSize bounds an RFC 3161 timestamp in bytes; with all certificates in it one has some 6 KiB. What reads it is recursive.
	maxTimestampSize = 32 << 10
	// maxAnnotationSize bounds each annotation that is read; a log entry with an envelope in it has some 60 KiB.
	maxAnnotationSize = 1 << 20
)

// maxMessageLength bounds what an error says, in bytes.
const maxMessageLength = 256

// ErrPanicked says that a library panicked on what somebody put into the registry, or into an anchor.
var ErrPanicked = errors.New("it could not be checked: the verifier failed on it")

// Entity is something signed, as it was found. It is parsed, and bounded in size; nothing about it is verified.
type Entity struct {
	// payload of the DSSE envelope, or of the tag-based signature; nil for a signature over an artifact.
	payload []byte
	// payloadType of the DSSE envelope; empty for anything else.
	payloadType string
	// message is what was signed: for an envelope, its pre-authentication encoding. Nil for a signature over an artifact that is elsewhere.
	message []byte
	// digest of the message by the word of what is no envelope.
	digest messageDigest
	// signatures over the message: one, but for an envelope that several signed.
	signatures [][]byte
	// proofs are asked for whom and when; flaw says why they cannot be read. With a key alone nobody asks for them.
	proofs proofs
	flaw   error
}

// messageDigest is the digest of a message, with its algorithm as Sigstore names it.
type messageDigest struct {
	algorithm string
	sum       []byte
}

// proofs are what is said to prove who signed, and when.
type proofs struct {
	// leaf is the signer's certificate; nil for a key.
	leaf *x509.Certificate
	// intermediates stand beside the leaf. They count with an authority of one's own only; trust roots have theirs.
	intermediates []*x509.Certificate
	// chained says that a bundle v0.3 has them, which it must not under a trust root.
	chained bool
	// entries of transparency logs.
	entries []*tlog.Entry
	// timestamps (RFC 3161) over timestamped, or over the signature where that is nil.
	timestamps  [][]byte
	timestamped []byte
	// legacy is a log entry of a kind that sigstore-go does not verify.
	legacy *legacyEntry
}

// Payload is the payload of a DSSE envelope, or of a tag-based signature; nil for a signature over an artifact.
func (e Entity) Payload() []byte { return e.payload }

// IsStatement says that the payload is an in-toto statement by its type in a DSSE envelope.
func (e Entity) IsStatement() bool { return e.payloadType == statementMediaType }

// guard turns a panic into ErrPanicked: what makes a verifier fall over must not look like a pass, nor end the process
// (CVE-2023-33199, CVE-2026-23831, CVE-2026-44310). Any other error it makes fit for people: there is text from elsewhere in it.
func guard[T any](work func() (T, error)) (result T, err error) {
	var nothing T
	defer func() {
		if recover() != nil {
			result, err = nothing, ErrPanicked
		}
	}()
	result, err = work()
	if err != nil {
		return nothing, errors.New(presentable(err.Error()))
	}
	return result, nil
}

// presentable makes text printable, and bounds it.
func presentable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
	if len(text) > maxMessageLength {
		text = strings.ToValidUTF8(text[:maxMessageLength-len("…")], "") + "…"
	}
	return text
}
