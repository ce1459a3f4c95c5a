// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
)

// signers are by what a statement may be signed.
var signers = map[string]bool{"a key": true, "a certificate": false}

// TestCVE_2022_23649_and_CVE_2026_22703: a log entry or a timestamp that is good, but another signature's, proves nothing: neither of one
// by another signer, nor over another payload, nor of a second one by the same signer over the same. SEC-20.
func TestCVE_2022_23649_and_CVE_2026_22703(t *testing.T) {
	for _, form := range forms {
		for by, byKey := range signers {
			w := newWorld(t, always, always, always)
			stranger := *w
			stranger.signer = issue(t, &w.middle, leafTemplate(t), always)
			s := signing{statement: `{"a":1}`, byKey: byKey, logged: moment, stamped: moment}
			another := s
			another.statement = `{"b":2}`
			logged, timed := signature.Anchor{Root: w.trustRoot(), Logged: true}, signature.Anchor{Root: w.trustRoot(), Timed: true}
			if byKey {
				logged.Key, timed.Key = w.key(), w.key()
			}
			own := w.make(form, s)
			t.Run(form+" by "+by+" with its own proofs", func(t *testing.T) {
				got, err := own.check(logged)
				if err != nil || len(got[0].Entries) != 1 || len(got[0].Times) != 2 {
					t.Errorf("%+v, %v", got, err)
				}
			})
			for whose, other := range map[string]made{
				"another payload's": w.make(form, another), "a second signature's": w.make(form, s), "another signer's": stranger.make(form, s),
			} {
				t.Run(form+" by "+by+" with "+whose+" log entry", func(t *testing.T) {
					// The timestamp is good, so that only the entry can be what is refused; it is even where none is demanded.
					for _, anchor := range []signature.Anchor{logged, timed} {
						if got, err := w.make(form, s).withEntryOf(other).check(anchor); err == nil {
							t.Errorf("verified: %+v", got)
						}
					}
				})
				t.Run(form+" by "+by+" with "+whose+" timestamp", func(t *testing.T) {
					unlogged := s
					unlogged.logged = signing{}.logged
					if got, err := w.make(form, unlogged).withTimestampOf(other).check(timed); err == nil {
						t.Errorf("verified: %+v", got)
					}
				})
			}
		}
	}
}

// TestCVE_2022_36056 has the four faults of that advisory, each on its own. SEC-21.
func TestCVE_2022_36056(t *testing.T) {
	for _, form := range forms {
		for by, byKey := range signers {
			w := newWorld(t, always, always, always)
			s := signing{statement: `{"a":1}`, byKey: byKey, logged: moment}
			anchor := signature.Anchor{Root: w.trustRoot(), Logged: true}
			if byKey {
				anchor.Key = w.key()
			}
			t.Run("a bundle of proofs that does not match the signature: "+form+" by "+by, func(t *testing.T) {
				if got, err := w.make(form, s).withEntryOf(w.make(form, s)).check(anchor); err == nil {
					t.Errorf("verified: %+v", got)
				}
			})
			t.Run("a signer who is told as found, and not as asked for: "+form+" by "+by, func(t *testing.T) {
				got, err := w.make(form, s).check(anchor)
				if err != nil {
					t.Fatal(err)
				}
				if byKey && got[0].Key != w.key().Fingerprint || !byKey && got[0].Certificate.Subject != builder {
					t.Errorf("got %+v", got)
				}
			})
			t.Run("a promise of a log that is not trusted: "+form+" by "+by, func(t *testing.T) {
				other := newWorld(t, always, always, always)
				other.signer = w.signer
				foreign := other.make(form, s)
				if got, err := foreign.check(anchor); err == nil {
					t.Errorf("verified: %+v", got)
				}
			})
			t.Run("a log entry that is not there: "+form+" by "+by, func(t *testing.T) {
				bare := s
				bare.logged = signing{}.logged
				if got, err := w.make(form, bare).check(anchor); err == nil {
					t.Errorf("verified: %+v", got)
				}
			})
		}
	}
}

// TestCVE_2022_36056_InvalidPromise: the promise itself is changed, in an entry that is about the signature.
func TestCVE_2022_36056_InvalidPromise(t *testing.T) {
	w := newWorld(t, always, always, always)
	anchor := signature.Anchor{Root: w.trustRoot(), Logged: true}
	for name, change := range map[string]func(material *protobundle.VerificationMaterial){
		"another time":  func(m *protobundle.VerificationMaterial) { m.TlogEntries[0].IntegratedTime++ },
		"another index": func(m *protobundle.VerificationMaterial) { m.TlogEntries[0].LogIndex++ },
		"another log":   func(m *protobundle.VerificationMaterial) { m.TlogEntries[0].LogId.KeyId[0]++ },
		"another promise": func(m *protobundle.VerificationMaterial) {
			promise := m.GetTlogEntries()[0].GetInclusionPromise().SignedEntryTimestamp
			promise[len(promise)-1]++
		},
		"twice the same entry": func(m *protobundle.VerificationMaterial) {
			m.TlogEntries = append(m.TlogEntries, m.GetTlogEntries()...)
		},
		"a key in place of the certificate": func(m *protobundle.VerificationMaterial) {
			m.Content = &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: "x"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			message := w.message(signing{statement: "{}", logged: moment})
			if _, err := check(t, anchor, bundleJSON(t, message)); err != nil {
				t.Fatalf("unchanged: %v", err)
			}
			change(message.GetVerificationMaterial())
			if got, err := check(t, anchor, bundleJSON(t, message)); err == nil {
				t.Errorf("verified: %+v", got)
			}
		})
	}
}

// TestCVE_2026_54787: every time that is vouched for is told, of a key as of a certificate, so that whoever knows from when to when the
// key is good can hold all of them against it. SEC-25.
func TestCVE_2026_54787(t *testing.T) {
	w := newWorld(t, always, always, always)
	earlier, later := moment.AddDate(-3, 0, 0), moment.AddDate(3, 0, 0)
	for _, form := range forms {
		for by, byKey := range signers {
			anchor := signature.Anchor{Root: w.trustRoot()}
			if byKey {
				anchor.Key = w.key()
			}
			got, err := w.make(form, signing{statement: "{}", byKey: byKey, logged: later, stamped: earlier}).check(anchor)
			if err != nil {
				t.Fatal(err)
			}
			want := []evidence.TrustedTime{{Time: earlier, By: evidence.WitnessTimestamp}, {Time: later, By: evidence.WitnessLog}}
			if diff := cmp.Diff(want, got[0].Times); diff != "" {
				t.Errorf("%s by %s (-want +got):\n%s", form, by, diff)
			}
		}
	}
}

// TestCVE_2026_49834: entries are told with their log, so that many of one log can be counted as one; the same entry does not count twice.
// SEC-25.
func TestCVE_2026_49834(t *testing.T) {
	w := newWorld(t, always, always, always)
	message := w.message(signing{statement: "{}", logged: moment})
	material := message.GetVerificationMaterial()
	twice := append([]*protorekor.TransparencyLogEntry{}, material.GetTlogEntries()...)
	material.TlogEntries = append(twice, twice...)
	if got, err := check(t, signature.Anchor{Root: w.trustRoot()}, bundleJSON(t, message)); err == nil {
		t.Errorf("the same entry twice: %+v", got)
	}
	got, err := check(t, signature.Anchor{Root: w.trustRoot()}, w.bundle(signing{statement: "{}", logged: moment}))
	if err != nil {
		t.Fatal(err)
	}
	want := []evidence.LogEntry{{Log: "https://rekor.localhost", Index: 7, Kind: "dsse 0.0.1"}}
	if diff := cmp.Diff(want, got[0].Entries); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
