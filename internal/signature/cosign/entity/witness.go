// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/assay-dev/assay/internal/evidence"
)

// claim shows sigstore-go one signature of an entity with its proofs.
type claim struct {
	verify.BaseSignedEntity
	content    verify.SignatureContent
	signer     verify.VerificationContent
	entries    []*tlog.Entry
	timestamps [][]byte
}

// SignatureContent implements verify.SignedEntity.
func (c claim) SignatureContent() (verify.SignatureContent, error) { return c.content, nil }

// VerificationContent implements verify.SignedEntity.
func (c claim) VerificationContent() (verify.VerificationContent, error) { return c.signer, nil }

// TlogEntries implements verify.SignedEntity.
func (c claim) TlogEntries() ([]*tlog.Entry, error) { return c.entries, nil }

// Timestamps implements verify.SignedEntity.
func (c claim) Timestamps() ([][]byte, error) { return c.timestamps, nil }

func (c *Checker) claim(e Entity, sig []byte) claim {
	made := claim{entries: e.proofs.entries, timestamps: e.proofs.timestamps}
	if c.anchor.Key != nil {
		made.signer = &bundle.PublicKey{}
	} else {
		made.signer = bundle.NewCertificate(e.proofs.leaf)
	}
	if e.payloadType == "" {
		made.content = bundle.NewMessageSignature(e.digest.sum, e.digest.algorithm, sig)
		return made
	}
	made.content = &bundle.Envelope{Envelope: &dsse.Envelope{
		PayloadType: e.payloadType,
		Payload:     base64.StdEncoding.EncodeToString(e.payload),
		Signatures:  []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(sig)}},
	}}
	return made
}

// witness returns what the anchor's logs and timestamp authorities say of a signature: the times at which it existed, sorted, and its
// entries. The error says that an entry of a log is about something else.
func (c *Checker) witness(e Entity, sig []byte) ([]evidence.TrustedTime, []evidence.LogEntry, error) {
	made := c.claim(e, sig)
	times, entries, err := c.logged(made)
	if err != nil {
		return nil, nil, fmt.Errorf("what the transparency log says is not about this signature: %w", err)
	}
	if promised, entry, err := c.promised(e.proofs); err != nil {
		return nil, nil, errors.New("what the transparency log says is not about this attestation, or its promise is not good")
	} else if entry != nil {
		times, entries = append(times, promised), append(entries, *entry)
	}
	if e.proofs.timestamped != nil {
		made.content = bundle.NewMessageSignature(nil, "", e.proofs.timestamped)
	}
	stamps, _, err := verify.VerifySignedTimestamp(&made, c.material)
	if err != nil {
		return nil, nil, fmt.Errorf("its timestamps cannot be verified: %w", err)
	}
	for _, stamp := range stamps {
		times = append(times, evidence.TrustedTime{Time: stamp.Time.UTC(), By: evidence.WitnessTimestamp})
	}
	slices.SortStableFunc(times, func(a, b evidence.TrustedTime) int { return a.Time.Compare(b.Time) })
	return times, entries, nil
}

// logged returns what is proven by the entries of the anchor's logs, all of which must be about the claim.
func (c *Checker) logged(made claim) (times []evidence.TrustedTime, entries []evidence.LogEntry, err error) {
	if len(c.material.RekorLogs()) == 0 {
		return nil, nil, nil
	}
	if _, err := verify.VerifyTlogEntry(&made, c.material, 0, true); err != nil {
		return nil, nil, err
	}
	for _, entry := range made.entries {
		one := made
		one.entries = []*tlog.Entry{entry}
		// The time is the log's word only where it promised the entry; the proof does not cover it.
		promised, err := verify.VerifyTlogEntry(&one, c.material, 1, true)
		if err != nil {
			continue // another's log, or a promise that is not good
		}
		entries = append(entries, c.describeEntry(entry))
		for _, stamp := range promised {
			times = append(times, logTime(stamp.Time))
		}
	}
	return times, entries, nil
}

// promised returns what is proven by an entry of the legacy kind; no entry for none of the anchor's logs.
func (c *Checker) promised(p proofs) (evidence.TrustedTime, *evidence.LogEntry, error) {
	if p.legacy == nil || c.material.RekorLogs()[hex.EncodeToString([]byte(p.legacy.entry.LogKeyID()))] == nil {
		return evidence.TrustedTime{}, nil, nil
	}
	if err := p.legacy.verify(p, c.key, c.material); err != nil {
		return evidence.TrustedTime{}, nil, err
	}
	entry := c.describeEntry(p.legacy.entry)
	return logTime(p.legacy.entry.IntegratedTime()), &entry, nil
}

func logTime(moment time.Time) evidence.TrustedTime {
	return evidence.TrustedTime{Time: moment.UTC(), By: evidence.WitnessLog}
}

func (c *Checker) describeEntry(entry *tlog.Entry) evidence.LogEntry {
	id := hex.EncodeToString([]byte(entry.LogKeyID()))
	described := evidence.LogEntry{Log: id, Index: entry.LogIndex(), Kind: kindOf(entry)}
	if log := c.material.RekorLogs()[id]; log != nil && log.BaseURL != "" {
		described.Log = log.BaseURL
	}
	if message := entry.TransparencyLogEntry(); !entry.HasInclusionPromise() {
		described.Index = message.GetInclusionProof().GetLogIndex() // the other is not proven
	}
	return described
}

// kindOf is the kind and version of an entry by its body, which the log vouches for.
func kindOf(entry *tlog.Entry) string {
	kind, version := kindAndVersion(entry.TransparencyLogEntry().GetCanonicalizedBody())
	return kind + " " + version
}

func kindAndVersion(body []byte) (kind, version string) {
	var b struct {
		Kind    string `json:"kind"`
		Version string `json:"apiVersion"`
	}
	// What cannot be read here is refused by what reads the entry.
	if err := json.Unmarshal(body, &b); err != nil {
		return "", ""
	}
	return b.Kind, b.Version
}
