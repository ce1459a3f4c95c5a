// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package authority says whether a signer is one whom a policy believes. It is pure.
package authority

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// Authority is an authority of a policy, ready to be compared with signers. The zero value believes nobody.
type Authority struct {
	// ID names the authority by what it believes: two with the same believe the same signers.
	ID string
	// Anchor is the ID of the signature.Anchor that signatures are checked against.
	Anchor string
	// Key is the fingerprint of the key; empty when certificates are believed.
	Key string
	// NotBefore and NotAfter are the time in which the key is in use; zero times for no bound.
	NotBefore, NotAfter time.Time

	// identities of which a certificate must meet one; nil when the chain alone counts.
	identities []identity
	// never says that a bound is no moment of any calendar, so that the key is in use at no time.
	never bool
	// chain says that certificates come from an authority of one's own, and may be valid without a trusted time.
	chain bool
}

// OfKey returns the authority of a key.
func OfKey(anchor, fingerprint string, source v1alpha1.KeySource) Authority {
	a := Authority{Anchor: anchor, Key: fingerprint}
	for _, bound := range []struct {
		stated *v1alpha1.Timestamp
		to     *time.Time
	}{{source.NotBefore, &a.NotBefore}, {source.NotAfter, &a.NotAfter}} {
		if bound.stated == nil {
			continue
		}
		if *bound.to = bound.stated.Time(); bound.to.IsZero() {
			a.never = true
		}
	}
	return a.named(source.NotBefore, source.NotAfter)
}

// OfIdentities returns the authority of keyless identities. The error names the field that cannot be compiled.
func OfIdentities(anchor string, identities []v1alpha1.Identity) (Authority, error) {
	a := Authority{Anchor: anchor}
	for _, spec := range identities {
		compiled, err := compile(spec)
		if err != nil {
			return Authority{}, err
		}
		a.identities = append(a.identities, compiled)
	}
	sorted := slices.SortedFunc(slices.Values(identities), func(x, y v1alpha1.Identity) int {
		return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y))
	})
	return a.named(sorted), nil
}

// OfChain returns the authority of a chain of certificates. The error names the field that cannot be compiled.
func OfChain(anchor string, source v1alpha1.CertificateAuthority) (Authority, error) {
	a := Authority{Anchor: anchor, chain: true}
	if source.Subject != "" || source.SubjectRegExp != "" {
		compiled, err := compile(v1alpha1.Identity{Subject: source.Subject, SubjectRegExp: source.SubjectRegExp})
		if err != nil {
			return Authority{}, err
		}
		a.identities = []identity{compiled}
	}
	return a.named(source.Subject, source.SubjectRegExp), nil
}

// named gives the authority its ID, from the anchor, the key and what else tells it from others.
func (a Authority) named(rest ...any) Authority {
	content, err := json.Marshal([]any{a.Anchor, a.Key, a.chain, rest})
	if err != nil { // Strings and lists of them can always be written.
		panic(err)
	}
	a.ID = image.DigestOf(content).Hex()
	return a
}

// NeedsTime says that signatures count only at a trusted time.
func (a Authority) NeedsTime() bool { return !a.NotBefore.IsZero() || !a.NotAfter.IsZero() }

// Accepts returns nil when the authority believes the signer now, and otherwise why not, in words that name what differs. until is when
// that changes by itself, the zero time for never.
func (a Authority) Accepts(signer evidence.Signer, now time.Time) (until time.Time, err error) {
	switch {
	case a.never:
		return time.Time{}, errors.New("the time in which the key is in use is none that a calendar has")
	case a.Key != "":
		if signer.Key != a.Key {
			return time.Time{}, errors.New("it is signed by another key")
		}
		return time.Time{}, a.inUse(signer.Times)
	case signer.Certificate == nil:
		return time.Time{}, errors.New("it is signed by a key, not under a certificate")
	}
	if err := a.identifies(*signer.Certificate); err != nil {
		return time.Time{}, err
	}
	return a.valid(*signer.Certificate, signer.Times, now)
}

// inUse says whether the key was in use at a trusted time.
func (a Authority) inUse(times []evidence.TrustedTime) error {
	if !a.NeedsTime() {
		return nil
	}
	if len(times) == 0 {
		return errors.New("nobody vouches for the time at which it was signed, and the key counts for a time only: sign it with a timestamp or a log entry")
	}
	if slices.ContainsFunc(times, func(t evidence.TrustedTime) bool {
		return !t.Time.Before(a.NotBefore) && (a.NotAfter.IsZero() || t.Time.Before(a.NotAfter))
	}) {
		return nil
	}
	return fmt.Errorf("it was signed at %s, when the key was not in use%s", times[0].Time.UTC().Format(time.RFC3339), a.window())
}

func (a Authority) window() string {
	var window string
	if !a.NotBefore.IsZero() {
		window += ", which is from " + a.NotBefore.Format(time.RFC3339)
	}
	if !a.NotAfter.IsZero() {
		window += ", which ends at " + a.NotAfter.Format(time.RFC3339)
	}
	return window
}

// valid says whether the certificate's chain is valid: at every trusted time, or, without any, now when the authority is one's own.
func (a Authority) valid(c evidence.Certificate, times []evidence.TrustedTime, now time.Time) (until time.Time, err error) {
	for _, t := range times {
		if t.Time.Before(c.NotBefore) || t.Time.After(c.NotAfter) {
			return time.Time{}, fmt.Errorf("its chain of certificates was not valid at %s, when it was signed", t.Time.UTC().Format(time.RFC3339))
		}
	}
	switch {
	case len(times) > 0:
		return time.Time{}, nil
	case !a.chain:
		return time.Time{}, errors.New("nobody vouches for the time at which it was signed")
	case now.Before(c.NotBefore):
		return c.NotBefore, invalid(c)
	case !now.Before(c.NotAfter): // so that until is the moment itself
		return time.Time{}, invalid(c)
	}
	return c.NotAfter, nil
}

func invalid(c evidence.Certificate) error {
	return fmt.Errorf("its chain of certificates is valid from %s to %s only, and no timestamp says that it was signed then",
		c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
}

// identifies says whether the certificate meets one of the identities.
func (a Authority) identifies(c evidence.Certificate) error {
	if len(a.identities) == 0 && a.chain {
		return nil
	}
	err := errors.New("the authority names no identity")
	for i, identity := range a.identities {
		mismatch := identity.matches(c)
		if mismatch == nil {
			return nil
		}
		if i == 0 {
			err = mismatch
		}
	}
	return err
}
