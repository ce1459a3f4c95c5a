// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/authority"
)

// replayed is an image that was well signed once and is offered again, under the policy as it is now.
type replayed struct {
	policy   Policy
	evidence evidence.Evidence
	why      string // a part of the message
}

// check holds that the image is refused at once and at any time: as a candidate, and as what is trusted already, which is then no more.
func (r replayed) check(t *testing.T) {
	t.Helper()
	for _, at := range []time.Time{yesterday.AddDate(-9, 0, 0), yesterday, now, tomorrow, now.AddDate(9, 0, 0)} {
		for _, trustedAt := range []time.Time{{}, yesterday.AddDate(0, -1, 0), yesterday} {
			got := judged{[]Policy{r.policy}, r.evidence, Circumstances{Now: at, TrustedAt: trustedAt}}.verdict()
			if got.Outcome != Rejected || got.Reason() != v1alpha1.ReasonSignatureMissing || !strings.Contains(got.Message(), r.why) {
				t.Errorf("at %s, trusted since %s: %s, %s: %s", at, trustedAt, got.Outcome, got.Reason(), got.Message())
			}
			if IsVouchedFor([]Policy{r.policy}, r.evidence, at) {
				t.Errorf("at %s somebody vouches for it", at)
			}
		}
	}
	if len(Signers([]Policy{r.policy}, r.evidence, now)) > 0 {
		t.Error("it has signers who count")
	}
}

// trusting returns the policy with another authority of the name.
func trusting(p Policy, name v1alpha1.RuleName, a believed) Policy {
	p.Authorities = authorities()
	p.Authorities[name] = a
	return p
}

// inUse is the key of ci, from the one time to the other; nil for no end.
func inUse(notBefore, notAfter *v1alpha1.Timestamp) believed {
	return evidence.Checked(authority.OfKey(ciAnchor, ciPrint, v1alpha1.KeySource{NotBefore: notBefore, NotAfter: notAfter}))
}

func stamp(at time.Time) *v1alpha1.Timestamp { return new(v1alpha1.NewTimestamp(at)) }

// signedAt is a signature by the key of ci, with the times that somebody vouches for.
func signedAt(times ...time.Time) evidence.Signed {
	signer := byKey(ciPrint)
	for _, at := range times {
		signer.Times = append(signer.Times, evidence.TrustedTime{Time: at, By: evidence.WitnessTimestamp})
	}
	return signatureBy(signer)
}

// TestWhatIsReplayedWasTrustedOnce: nothing else is wrong with the images of these tests than what each of them says.
func TestWhatIsReplayedWasTrustedOnce(t *testing.T) {
	for name, p := range map[string]judged{
		"by a key":                          {[]Policy{signed(1, "ci")}, clean(), Circumstances{}},
		"by a key while it was in use":      {[]Policy{trusting(signed(1, "ci"), "ci", inUse(nil, stamp(now)))}, under(ciAnchor, found(signedAt(yesterday))), Circumstances{}},
		"by a key, long after it went":      {[]Policy{trusting(signed(1, "ci"), "ci", inUse(nil, stamp(now)))}, under(ciAnchor, found(signedAt(yesterday))), Circumstances{Now: now.AddDate(9, 0, 0)}},
		"by a workflow":                     {[]Policy{signed(1, "builder")}, under(rootAnchor, found(signatureBy(workflow()))), Circumstances{}},
		"by a workflow, long after it went": {[]Policy{signed(1, "builder")}, under(rootAnchor, found(signatureBy(workflow()))), Circumstances{Now: now.AddDate(9, 0, 0)}},
	} {
		if got := p.verdict(); got.Outcome != Trusted {
			t.Errorf("%s: %s: %s", name, got.Outcome, got.Message())
		}
	}
}

// TestCVE_2023_33959: notation verified one artifact and let another one be used. A signature counts for the digest that it is about, even
// when it is found where those of another one are kept. SEC-32.
func TestCVE_2023_33959(t *testing.T) {
	another := signatureBy(byKey(ciPrint))
	another.Manifests = []image.Digest{image.DigestOf([]byte("the image before"))}
	nothing := another
	nothing.Manifests = nil
	for name, e := range map[string]evidence.Evidence{
		"about the image before":                  under(ciAnchor, found(another)),
		"about nothing":                           under(ciAnchor, found(nothing)),
		"about the image before, with its stamps": under(ciAnchor, found(another, nothing, another)),
	} {
		t.Run(name, func(t *testing.T) {
			replayed{signed(1, "ci"), e, "missing: ci (no signature)"}.check(t)
		})
	}
}

// TestCVE_2024_23332: notation took an older artifact, well signed by what was trusted once. Here a key that is taken out of the policy, or
// whose time was over, takes along everything that is signed by it alone. SEC-32.
func TestCVE_2024_23332(t *testing.T) {
	ended := trusting(signed(1, "ci"), "ci", inUse(nil, stamp(yesterday)))
	window := trusting(signed(1, "ci"), "ci", inUse(stamp(yesterday.AddDate(-1, 0, 0)), stamp(yesterday)))
	workflows := keyless(v1alpha1.Identity{Issuer: githubIssuer, Subject: "https://github.com/shop/checkout/.github/workflows/release.yaml@refs/heads/main"})
	for name, r := range map[string]replayed{
		"another key in place of the key":           {trusting(signed(1, "ci"), "ci", believedKey(releasePrint)), clean(), "missing: ci (no signature)"},
		"the key's authority is not asked any more": {signed(1, "release"), clean(), "missing: release (no signature)"},
		"another workflow in place of the workflow": {trusting(signed(1, "builder"), "builder", workflows), under(rootAnchor, found(signatureBy(workflow()))), "its subject is " + workflowID},
		"signed after the key's end":                {ended, under(ciAnchor, found(signedAt(now))), "when the key was not in use"},
		"signed at the key's end":                   {ended, under(ciAnchor, found(signedAt(yesterday))), "when the key was not in use"},
		"signed before the key came into use":       {window, under(ciAnchor, found(signedAt(yesterday.AddDate(-1, 0, -1)))), "when the key was not in use"},
		"signed before and after, never in between": {window, under(ciAnchor, found(signedAt(yesterday.AddDate(-2, 0, 0), now))), "when the key was not in use"},
		"signed at a time that nobody vouches for":  {ended, clean(), "nobody vouches for the time at which it was signed"},
		"signed by it many times":                   {ended, under(ciAnchor, found(signedAt(), signedAt(now), signedAt(tomorrow))), "does not count"},
	} {
		t.Run(name, func(t *testing.T) {
			r.check(t)
		})
	}
}

// TestCVE_2024_56138: notation did not ask whether a timestamp authority was revoked. Here it is taken out of the authority's timestamps,
// which makes another anchor: what was found under the one before counts for nothing, and what is found now has no time. SEC-32.
func TestCVE_2024_56138(t *testing.T) {
	const anchor = "key-11 without the timestamp authority"
	p := trusting(signed(1, "ci"), "ci", evidence.Checked(authority.OfKey(anchor, ciPrint, v1alpha1.KeySource{NotAfter: stamp(now)})))
	before := under(ciAnchor, found(signedAt(yesterday)))
	if got := (judged{[]Policy{p}, before, Circumstances{TrustedAt: yesterday}}).verdict(); got.Outcome == Trusted {
		t.Errorf("what was found before it was taken out counts: %s", got.Message())
	}
	after := with(before, func(e *evidence.Evidence) { e.Signed[anchor] = found(signedAt()) })
	replayed{p, after, "nobody vouches for the time at which it was signed"}.check(t)
}
