// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// signers writes who signed the image, and what is stated about it: the chain from the source to the signature.
func (p *printer) signers(signers []v1alpha1.SignerReference) {
	if len(signers) == 0 {
		return
	}
	p.line("\nSigners:")
	for _, s := range signers {
		p.line(indent + cell(s.Authority) + gap + cell(whatSigned(s)))
		p.table(indent+indent, chain(s))
	}
}

// whatSigned is what was signed.
func whatSigned(s v1alpha1.SignerReference) string {
	if s.PredicateType == "" {
		return "signature"
	}
	return s.PredicateType
}

// chain tells what is known of a signature: who, when by whose word, the log entry, and what was built from which source.
func chain(s v1alpha1.SignerReference) []row {
	var rows []row
	tell := func(label, value string) {
		if value != "" {
			rows = append(rows, row{cells: []string{label, value}})
		}
	}
	if key, is := shortKey(s); is {
		tell("key", key)
	} else {
		tell("identity", s.Identity)
	}
	tell("issuer", s.Issuer)
	tell("signed", when(s))
	tell("log entry", s.LogEntry)
	tell("builder", s.Builder)
	tell("source", s.Source)
	tell("commit", s.Commit)
	if s.NotAfter != nil {
		tell("key until", string(*s.NotAfter))
	}
	return rows
}

// shortPrint is how many digits are shown of a key's fingerprint.
const shortPrint = 12

// shortKey is the beginning of the key's fingerprint, if the signer is a key.
func shortKey(s v1alpha1.SignerReference) (string, bool) {
	if sum, err := hex.DecodeString(s.Identity); err != nil || len(sum) != 32 || s.Issuer != "" {
		return "", false
	}
	return s.Identity[:shortPrint], true
}

// when is the time of the signature, and by whose word it is.
func when(s v1alpha1.SignerReference) string {
	if s.SignedAt == nil {
		return ""
	}
	if s.SignedAtBy == "" {
		return string(*s.SignedAt)
	}
	return string(*s.SignedAt) + ", by a " + s.SignedAtBy
}

// signersTable tells the same as a table: what was signed by whom, and what was built.
func (p *printer) signersTable(signers []v1alpha1.SignerReference) {
	var rows []string
	for _, s := range signers {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |", code(s.Authority), code(whatSigned(s)), signer(s),
			code(when(s)), code(s.LogEntry), code(s.Builder), code(strings.TrimSpace(s.Source+" "+s.Commit))))
	}
	p.listed("| authority | signed | by | when | log entry | builder | source, commit |\n|---|---|---|---|---|---|---|", rows)
}

// signer names who signed in one cell: a key and its end, or an identity and who vouched for it.
func signer(s v1alpha1.SignerReference) string {
	if key, is := shortKey(s); is {
		if s.NotAfter != nil {
			key += " until " + string(*s.NotAfter)
		}
		return "key " + code(key)
	}
	if s.Issuer == "" {
		return code(s.Identity)
	}
	return code(s.Identity) + " by " + code(s.Issuer)
}
