// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// check verifies a bundle under an anchor.
func check(t testing.TB, anchor signature.Anchor, bundle []byte) ([]evidence.Signer, error) {
	t.Helper()
	checker, err := entity.NewChecker(anchor)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := entity.FromBundle(bundle)
	if err != nil {
		return nil, err
	}
	return checker.Check(signed)
}

// TestEveryWindowIsCheckedAtTheTrustedTimes holds in all six orders of now, the time of signing by a timestamp authority and the log's
// time: each certificate of the chain must have been valid at both times, and whether it is so now does not matter. CVE-2026-24122.
func TestEveryWindowIsCheckedAtTheTrustedTimes(t *testing.T) {
	now := time.Now().Truncate(time.Second).UTC()
	before, after := now.AddDate(-10, 0, 0), now.AddDate(10, 0, 0)
	orders := map[string]struct{ signed, logged time.Time }{
		"now, signed, logged": {after, after.AddDate(10, 0, 0)},
		"now, logged, signed": {after.AddDate(10, 0, 0), after},
		"signed, now, logged": {before, after},
		"logged, now, signed": {after, before},
		"signed, logged, now": {before.AddDate(-10, 0, 0), before},
		"logged, signed, now": {before, before.AddDate(-10, 0, 0)},
	}
	for order, times := range orders {
		first, last := times.signed, times.logged
		if first.After(last) {
			first, last = last, first
		}
		windows := map[string]struct {
			window window
			valid  bool
		}{
			"valid exactly from the first time to the last": {window{first, last}, true},
			"valid from after the first time":               {window{first.Add(time.Second), always.to}, false},
			"valid until before the last time":              {window{always.from, last.Add(-time.Second)}, false},
		}
		for name, c := range windows {
			for place, certificates := range map[string][3]window{
				"leaf": {always, always, c.window}, "intermediate": {always, c.window, always}, "root": {c.window, always, always},
			} {
				w := newWorld(t, certificates[0], certificates[1], certificates[2])
				bundle := w.bundle(signing{statement: "{}", stamped: times.signed, logged: times.logged})
				for kind, anchor := range map[string]signature.Anchor{
					"trust root":    {Root: w.trustRoot(), Logged: true},
					"one's own CA":  {Root: w.trustRoot(), Chain: pemOf(w.middle.certificate, w.root.certificate), Logged: true, Timed: true},
					"neither asked": {Root: w.trustRoot(), Chain: pemOf(w.middle.certificate, w.root.certificate)},
				} {
					t.Run(order+": the "+place+" is "+name+", "+kind, func(t *testing.T) {
						signers, err := check(t, anchor, bundle)
						if !c.valid {
							if err == nil {
								t.Errorf("verified: %+v", signers)
							}
							return
						}
						if err != nil {
							t.Fatal(err)
						}
						want := []evidence.TrustedTime{{Time: times.signed, By: evidence.WitnessTimestamp}, {Time: times.logged, By: evidence.WitnessLog}}
						if want[0].Time.After(want[1].Time) {
							want[0], want[1] = want[1], want[0]
						}
						if diff := cmp.Diff(want, signers[0].Times); diff != "" {
							t.Errorf("times (-want +got):\n%s", diff)
						}
						if says := signers[0].Certificate; says.NotBefore != first || says.NotAfter != last {
							t.Errorf("the chain is said to be valid from %s to %s", says.NotBefore, says.NotAfter)
						}
					})
				}
			}
		}
	}
}

// TestCVE_2026_24122 is about chains of one's own authority where nobody vouches for a time: the window of the whole chain is told, and
// with a time the whole chain is held against it. SEC-24.
func TestCVE_2026_24122(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2020, 1, n, 0, 0, 0, 0, time.UTC) }
	long := window{day(1), day(31)}
	cases := map[string]struct {
		root, middle, leaf window
		want               window
		never              bool
	}{
		"the leaf ends first":                     {long, long, window{day(5), day(10)}, window{day(5), day(10)}, false},
		"an expired intermediate":                 {long, window{day(1), day(8)}, window{day(5), day(20)}, window{day(5), day(8)}, false},
		"a root that is not valid yet":            {window{day(15), day(31)}, long, window{day(5), day(20)}, window{day(15), day(20)}, false},
		"the intermediate ended before the leaf":  {long, window{day(1), day(4)}, window{day(5), day(20)}, window{}, true},
		"a root that begins when the leaf is out": {window{day(21), day(31)}, long, window{day(5), day(20)}, window{}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.root, c.middle, c.leaf)
			own := pemOf(w.root.certificate)
			timestamps := pemOf(w.tsa.certificate, w.tsaRoot.certificate)
			signers, err := check(t, signature.Anchor{Chain: own}, w.bundle(signing{statement: "{}", withIntermediate: true}))
			if c.never {
				if err == nil {
					t.Errorf("verified though never valid: %+v", signers)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if says := signers[0].Certificate; says.NotBefore != c.want.from || says.NotAfter != c.want.to || signers[0].Times != nil {
				t.Errorf("got %+v at %v", says, signers[0].Times)
			}
			for moment, valid := range map[time.Time]bool{
				c.want.from: true, c.want.to: true, c.want.from.Add(-time.Second): false, c.want.to.Add(time.Second): false,
			} {
				for vouched, s := range map[string]signing{
					"timestamp": {statement: "{}", withIntermediate: true, stamped: moment},
					"log":       {statement: "{}", withIntermediate: true, logged: moment},
				} {
					_, err := check(t, signature.Anchor{Chain: own, Root: w.trustRoot(), Timestamps: timestamps}, w.bundle(s))
					if (err == nil) != valid {
						t.Errorf("by a %s at %s: %v", vouched, moment, err)
					}
				}
			}
		})
	}
}

// TestTheTrustRootsWindowOfAnAuthority bounds the time as the certificates do.
func TestTheTrustRootsWindowOfAnAuthority(t *testing.T) {
	w := newWorld(t, always, always, always)
	authority := w.authority()
	authority.ValidityPeriodStart, authority.ValidityPeriodEnd = moment, moment.AddDate(1, 0, 0)
	anchor := signature.Anchor{Root: w.trustRootWith(authority, nil)}
	for at, valid := range map[time.Time]bool{
		moment: true, moment.AddDate(1, 0, 0): true, moment.Add(-time.Second): false, moment.AddDate(1, 0, 1): false,
	} {
		// The earlier time is the log's, so that not the first one alone is held against the window.
		got, err := check(t, anchor, w.bundle(signing{statement: "{}", logged: moment, stamped: at}))
		if valid != (err == nil) {
			t.Errorf("at %s: %+v, %v", at, got, err)
		}
		if valid && (got[0].Certificate.NotBefore != moment || got[0].Certificate.NotAfter != moment.AddDate(1, 0, 0)) {
			t.Errorf("at %s: %+v", at, got[0].Certificate)
		}
	}
}

// TestOfSeveralChainsTheLongestCounts: an intermediate authority has a certificate of the old root and one of the new.
func TestOfSeveralChainsTheLongestCounts(t *testing.T) {
	year := func(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }
	w := newWorld(t, always, window{year(2020), year(2025)}, always)
	renewed := reissue(t, &w.root, w.middle, window{year(2023), year(2030)})
	for name, certificates := range map[string][]*x509.Certificate{
		"the longer first": {renewed, w.middle.certificate, w.root.certificate}, "the longer last": {w.middle.certificate, renewed, w.root.certificate},
	} {
		own := signature.Anchor{Chain: pemOf(certificates...), Root: w.trustRoot()}
		for at, until := range map[time.Time]time.Time{year(2021): year(2025), year(2024): year(2030), year(2029): year(2030), {}: year(2030)} {
			got, err := check(t, own, w.bundle(signing{statement: "{}", stamped: at}))
			if err != nil || got[0].Certificate.NotAfter != until {
				t.Errorf("%s, signed at %s: %+v, %v", name, at, got, err)
			}
		}
		if got, err := check(t, own, w.bundle(signing{statement: "{}", stamped: year(2024), logged: year(2021)})); err != nil || got[0].Certificate.NotAfter != year(2025) {
			t.Errorf("%s, both at two times: %+v, %v", name, got, err)
		}
		if got, err := check(t, own, w.bundle(signing{statement: "{}", stamped: year(2029), logged: year(2021)})); err == nil {
			t.Errorf("%s, each at another time: %+v", name, got)
		}
	}
}

// TestManyIntermediateCertificates of the past do not use up what is spent on building a chain.
func TestManyIntermediateCertificates(t *testing.T) {
	w := newWorld(t, always, always, window{moment, always.to})
	certificates := []*x509.Certificate{w.middle.certificate, w.root.certificate}
	for n := range 20 {
		certificates = append(certificates, reissue(t, &w.root, w.middle, window{moment.AddDate(-1, 0, -n), moment.AddDate(0, 0, -n)}))
	}
	if got, err := check(t, signature.Anchor{Chain: pemOf(certificates...)}, w.bundle(signing{statement: "{}"})); err != nil || got[0].Certificate.NotAfter != always.to {
		t.Errorf("%+v, %v", got, err)
	}
}
