// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package authority_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy/authority"
)

func moment(at time.Time) *v1alpha1.Timestamp { return new(v1alpha1.NewTimestamp(at)) }

func TestKeys(t *testing.T) {
	from, to := signedAt, signedAt.Add(24*time.Hour)
	const unvouched, unused = "nobody vouches for the time at which it was signed", "it was signed at "
	window := v1alpha1.KeySource{NotBefore: moment(from), NotAfter: moment(to)}
	for name, test := range map[string]struct {
		source  v1alpha1.KeySource
		signer  evidence.Signer
		refused string
	}{
		"the key":                                 {v1alpha1.KeySource{}, evidence.Signer{Key: "11"}, ""},
		"another key":                             {v1alpha1.KeySource{}, evidence.Signer{Key: "12"}, "it is signed by another key"},
		"no key":                                  {v1alpha1.KeySource{}, evidence.Signer{}, "it is signed by another key"},
		"a certificate":                           {v1alpha1.KeySource{}, evidence.Signer{Certificate: new(workflow())}, "it is signed by another key"},
		"another key in time":                     {window, evidence.Signer{Key: "12", Times: times(from)}, "it is signed by another key"},
		"in time":                                 {window, evidence.Signer{Key: "11", Times: times(from.Add(time.Hour))}, ""},
		"at its beginning":                        {window, evidence.Signer{Key: "11", Times: times(from)}, ""},
		"just before it":                          {window, evidence.Signer{Key: "11", Times: times(from.Add(-1))}, unused},
		"just before its end":                     {window, evidence.Signer{Key: "11", Times: times(to.Add(-1))}, ""},
		"at its end":                              {window, evidence.Signer{Key: "11", Times: times(to)}, unused + "2026-11-21T12:00:00Z, when the key was not in use, which is from 2026-11-20T12:00:00Z, which ends at 2026-11-21T12:00:00Z"},
		"long before":                             {window, evidence.Signer{Key: "11", Times: times(from.AddDate(-1, 0, 0))}, unused},
		"long after":                              {window, evidence.Signer{Key: "11", Times: times(to.AddDate(1, 0, 0))}, unused},
		"one of several times":                    {window, evidence.Signer{Key: "11", Times: times(from.Add(-time.Hour), from.Add(time.Hour), to.Add(time.Hour))}, ""},
		"none of several times":                   {window, evidence.Signer{Key: "11", Times: times(from.Add(-time.Hour), to.Add(time.Hour))}, unused},
		"no time":                                 {window, evidence.Signer{Key: "11"}, unvouched},
		"no time, with no window":                 {v1alpha1.KeySource{}, evidence.Signer{Key: "11"}, ""},
		"a beginning alone, after it":             {v1alpha1.KeySource{NotBefore: moment(from)}, evidence.Signer{Key: "11", Times: times(to.AddDate(9, 0, 0))}, ""},
		"a beginning alone, before it":            {v1alpha1.KeySource{NotBefore: moment(from)}, evidence.Signer{Key: "11", Times: times(from.Add(-1))}, unused},
		"a beginning alone, without a time":       {v1alpha1.KeySource{NotBefore: moment(from)}, evidence.Signer{Key: "11"}, unvouched},
		"an end alone, before it":                 {v1alpha1.KeySource{NotAfter: moment(to)}, evidence.Signer{Key: "11", Times: times(from.AddDate(-9, 0, 0))}, ""},
		"an end alone, after it":                  {v1alpha1.KeySource{NotAfter: moment(to)}, evidence.Signer{Key: "11", Times: times(to)}, unused},
		"an end alone, without a time":            {v1alpha1.KeySource{NotAfter: moment(to)}, evidence.Signer{Key: "11"}, unvouched},
		"a beginning that no calendar has":        {v1alpha1.KeySource{NotBefore: new(v1alpha1.Timestamp("2026-02-30T00:00:00Z"))}, evidence.Signer{Key: "11", Times: times(from)}, "the time in which the key is in use is none that a calendar has"},
		"an end that no calendar has":             {v1alpha1.KeySource{NotAfter: new(v1alpha1.Timestamp("2026-02-30T00:00:00Z"))}, evidence.Signer{Key: "11", Times: times(from)}, "the time in which the key is in use is none that a calendar has"},
		"an end that no calendar has, at no time": {v1alpha1.KeySource{NotAfter: new(v1alpha1.Timestamp("2026-02-30T00:00:00Z"))}, evidence.Signer{Key: "11"}, "the time in which the key is in use is none that a calendar has"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, now := range []time.Time{from.AddDate(-10, 0, 0), from, to, to.AddDate(10, 0, 0)} {
				until, err := authority.OfKey("key", "11", test.source).Accepts(test.signer, now)
				check(t, err, test.refused)
				if !until.IsZero() {
					t.Errorf("until %s: what was signed in time goes on counting", until)
				}
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	c := workflow()
	notBefore, notAfter := c.NotBefore, c.NotAfter
	const invalid, now = "its chain of certificates was not valid at ", "its chain of certificates is valid from 2026-11-20T11:59:00Z to 2026-11-20T12:09:00Z only"
	for name, test := range map[string]struct {
		times        []time.Time
		now          time.Time
		keyless, own string    // why it is refused; nothing when it is not
		until        time.Time // of one's own
	}{
		"signed in time":                {[]time.Time{signedAt}, signedAt.AddDate(9, 0, 0), "", "", time.Time{}},
		"signed at its beginning":       {[]time.Time{notBefore}, signedAt, "", "", time.Time{}},
		"signed at its end":             {[]time.Time{notAfter}, signedAt, "", "", time.Time{}},
		"signed before":                 {[]time.Time{notBefore.Add(-1)}, signedAt, invalid + "2026-11-20T11:58:59Z", invalid, time.Time{}},
		"signed after":                  {[]time.Time{notAfter.Add(time.Second)}, signedAt, invalid + "2026-11-20T12:09:01Z, when it was signed", invalid, time.Time{}},
		"one of two times outside":      {[]time.Time{signedAt, notAfter.Add(time.Hour)}, signedAt, invalid, invalid, time.Time{}},
		"two times inside":              {[]time.Time{signedAt, notAfter}, signedAt.AddDate(9, 0, 0), "", "", time.Time{}},
		"no time, valid now":            {nil, signedAt, "nobody vouches for the time at which it was signed", "", notAfter},
		"no time, valid from now":       {nil, notBefore, "nobody vouches", "", notAfter},
		"no time, valid for a moment":   {nil, notAfter.Add(-1), "nobody vouches", "", notAfter},
		"no time, expired now":          {nil, notAfter, "nobody vouches", now, time.Time{}},
		"no time, expired long ago":     {nil, notAfter.AddDate(9, 0, 0), "nobody vouches", now, time.Time{}},
		"no time, not valid yet":        {nil, notBefore.Add(-1), "nobody vouches", now + ", and no timestamp says that it was signed then", notBefore},
		"signed in time, not valid now": {[]time.Time{signedAt}, notBefore.AddDate(-1, 0, 0), "", "", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			signer := evidence.Signer{Certificate: &c, Times: times(test.times...)}
			anyone, err := authority.OfIdentities("root", []v1alpha1.Identity{{IssuerRegExp: ".*", SubjectRegExp: ".*"}})
			if err != nil {
				t.Fatal(err)
			}
			until, err := anyone.Accepts(signer, test.now)
			check(t, err, test.keyless)
			if !until.IsZero() {
				t.Errorf("keyless until %s", until)
			}
			until, err = chain(t, v1alpha1.CertificateAuthority{}).Accepts(signer, test.now)
			check(t, err, test.own)
			if !until.Equal(test.until) {
				t.Errorf("until %s, want %s", until, test.until)
			}
		})
	}
}

func chain(t *testing.T, source v1alpha1.CertificateAuthority) authority.Authority {
	t.Helper()
	a, err := authority.OfChain("own", source)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSubjectsOfAChain(t *testing.T) {
	c := evidence.Certificate{Subject: "release@example.com", NotBefore: signedAt, NotAfter: signedAt.Add(time.Hour)}
	for name, test := range map[string]struct {
		source  v1alpha1.CertificateAuthority
		refused string
	}{
		"any":                {v1alpha1.CertificateAuthority{}, ""},
		"the subject":        {v1alpha1.CertificateAuthority{Subject: "release@example.com"}, ""},
		"another subject":    {v1alpha1.CertificateAuthority{Subject: "release@example.org"}, "its subject is release@example.com, want release@example.org"},
		"a pattern":          {v1alpha1.CertificateAuthority{SubjectRegExp: `[a-z]+@example\.com`}, ""},
		"a part of it":       {v1alpha1.CertificateAuthority{SubjectRegExp: `release@example`}, "its subject is release@example.com, want release@example"},
		"both, of which one": {v1alpha1.CertificateAuthority{Subject: "release@example.com", SubjectRegExp: "x"}, "its subject is release@example.com, want x"},
	} {
		t.Run(name, func(t *testing.T) {
			a := chain(t, test.source)
			_, err := a.Accepts(evidence.Signer{Certificate: &c}, signedAt)
			check(t, err, test.refused)
			_, err = a.Accepts(evidence.Signer{Key: "11"}, signedAt)
			check(t, err, "it is signed by a key, not under a certificate")
		})
	}
}

// TestWindowsInEveryOrder puts now, the time by a timestamp authority and that by a log in all six orders around the end of a key's window
// and of a certificate's. What was signed in time by one of them counts for a key; a certificate must have been valid at both, and now
// does not matter for either.
func TestWindowsInEveryOrder(t *testing.T) {
	end := signedAt.Add(time.Hour)
	offsets := []time.Duration{-2 * time.Minute, -time.Minute, time.Minute}
	c := evidence.Certificate{Subject: "x", Issuer: "i", NotBefore: signedAt, NotAfter: end}
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		now, stamped, logged := end.Add(offsets[order[0]]), end.Add(offsets[order[1]]), end.Add(offsets[order[2]])
		t.Run(fmt.Sprintf("now %d, timestamp %d, log %d", order[0], order[1], order[2]), func(t *testing.T) {
			witnesses := []evidence.TrustedTime{{Time: stamped, By: evidence.WitnessTimestamp}, {Time: logged, By: evidence.WitnessLog}}
			slices.SortFunc(witnesses, func(a, b evidence.TrustedTime) int { return a.Time.Compare(b.Time) })
			key := authority.OfKey("key", "11", v1alpha1.KeySource{NotAfter: moment(end)})
			_, err := key.Accepts(evidence.Signer{Key: "11", Times: witnesses}, now)
			check(t, err, "") // of two times at least one is before the end
			for _, a := range []authority.Authority{chain(t, v1alpha1.CertificateAuthority{}), keyless(t, v1alpha1.Identity{Issuer: "i", Subject: "x"})} {
				_, err = a.Accepts(evidence.Signer{Certificate: &c, Times: witnesses}, now)
				if bothInTime := order[0] == 2; bothInTime {
					check(t, err, "")
				} else {
					check(t, err, "its chain of certificates was not valid at "+end.Add(time.Minute).Format(time.RFC3339))
				}
			}
		})
	}
}

func keyless(t *testing.T, identities ...v1alpha1.Identity) authority.Authority {
	t.Helper()
	a, err := authority.OfIdentities("root", identities)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheZeroAuthorityBelievesNobody(t *testing.T) {
	for name, signer := range map[string]evidence.Signer{
		"nobody": {}, "a key": {Key: "11"}, "a certificate": {Certificate: new(workflow()), Times: times(signedAt)}, "an empty one": {Certificate: &evidence.Certificate{}},
	} {
		if _, err := (authority.Authority{}).Accepts(signer, signedAt); err == nil {
			t.Errorf("it believes %s", name)
		}
	}
}

func TestIDsTellWhatIsBelieved(t *testing.T) {
	identity := v1alpha1.Identity{Issuer: "i", Subject: "s"}
	withField := func(change func(*v1alpha1.Identity)) authority.Authority {
		changed := identity
		change(&changed)
		return keyless(t, changed)
	}
	other, err := authority.OfIdentities("other root", []v1alpha1.Identity{identity})
	if err != nil {
		t.Fatal(err)
	}
	otherChain, err := authority.OfChain("other", v1alpha1.CertificateAuthority{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for name, a := range map[string]authority.Authority{
		"a key":                       authority.OfKey("key", "11", v1alpha1.KeySource{}),
		"another key":                 authority.OfKey("key", "12", v1alpha1.KeySource{}),
		"a key under another anchor":  authority.OfKey("logged", "11", v1alpha1.KeySource{}),
		"a key with a beginning":      authority.OfKey("key", "11", v1alpha1.KeySource{NotBefore: moment(signedAt)}),
		"a key with an end":           authority.OfKey("key", "11", v1alpha1.KeySource{NotAfter: moment(signedAt)}),
		"a key with another end":      authority.OfKey("key", "11", v1alpha1.KeySource{NotAfter: moment(signedAt.Add(time.Second))}),
		"a key with both":             authority.OfKey("key", "11", v1alpha1.KeySource{NotBefore: moment(signedAt), NotAfter: moment(signedAt)}),
		"an identity":                 keyless(t, identity),
		"two identities":              keyless(t, identity, v1alpha1.Identity{Issuer: "j", Subject: "s"}),
		"an identity elsewhere":       other,
		"another issuer":              withField(func(i *v1alpha1.Identity) { i.Issuer = "j" }),
		"another subject":             withField(func(i *v1alpha1.Identity) { i.Subject = "j" }),
		"an expression of the issuer": withField(func(i *v1alpha1.Identity) { i.Issuer, i.IssuerRegExp = "", "i" }),
		"one of the subject":          withField(func(i *v1alpha1.Identity) { i.Subject, i.SubjectRegExp = "", "s" }),
		"a repository":                withField(func(i *v1alpha1.Identity) { i.SourceRepository = "x" }),
		"a ref":                       withField(func(i *v1alpha1.Identity) { i.SourceRef = "x" }),
		"a workflow":                  withField(func(i *v1alpha1.Identity) { i.Workflow = "x" }),
		"a trigger":                   withField(func(i *v1alpha1.Identity) { i.Trigger = "x" }),
		"a chain":                     chain(t, v1alpha1.CertificateAuthority{}),
		"another chain":               otherChain,
		"a chain's subject":           chain(t, v1alpha1.CertificateAuthority{Subject: "x"}),
		"a chain's expression":        chain(t, v1alpha1.CertificateAuthority{SubjectRegExp: "x"}),
	} {
		if before, taken := seen[a.ID]; taken || len(a.ID) != 64 {
			t.Errorf("%s has the ID %q of %s", name, a.ID, before)
		}
		seen[a.ID] = name
	}
	two := v1alpha1.Identity{Issuer: "j", Subject: "s"}
	if keyless(t, identity, two).ID != keyless(t, two, identity).ID {
		t.Error("the order of identities changes the ID")
	}
	same := keyless(t, identity)
	if same.ID != keyless(t, identity).ID || authority.OfKey("key", "11", v1alpha1.KeySource{}).ID != authority.OfKey("key", "11", v1alpha1.KeySource{Inline: "PEM"}).ID {
		t.Error("the same is not the same")
	}
}

func TestATimeIsNeededWhereThereIsAWindow(t *testing.T) {
	for name, test := range map[string]struct {
		authority authority.Authority
		want      bool
	}{
		"a key":            {authority.OfKey("key", "11", v1alpha1.KeySource{}), false},
		"with a beginning": {authority.OfKey("key", "11", v1alpha1.KeySource{NotBefore: moment(signedAt)}), true},
		"with an end":      {authority.OfKey("key", "11", v1alpha1.KeySource{NotAfter: moment(signedAt)}), true},
		"a chain":          {chain(t, v1alpha1.CertificateAuthority{}), false},
	} {
		if got := test.authority.NeedsTime(); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
