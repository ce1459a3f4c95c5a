// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// fuzzCheckers are anchors of a world that made none of the seeds, so that nothing may verify.
func fuzzCheckers(f *testing.F) []*entity.Checker {
	f.Helper()
	w := newWorld(f, always, always, always)
	var checkers []*entity.Checker
	for _, anchor := range []signature.Anchor{
		{Key: w.key()}, {Key: w.key(), Root: w.trustRoot()}, {Root: w.trustRoot()}, {Chain: pemOf(w.root.certificate), Root: w.trustRoot()},
	} {
		checker, err := entity.NewChecker(anchor)
		if err != nil {
			f.Fatal(err)
		}
		checkers = append(checkers, checker)
	}
	return checkers
}

func refuse(t *testing.T, checkers []*entity.Checker, start time.Time, signed entity.Entity, err error) {
	t.Helper()
	if errors.Is(err, entity.ErrPanicked) || err != nil && len(err.Error()) > 256 {
		t.Error(err)
	}
	for _, checker := range checkers {
		if err != nil {
			break
		}
		if got, err := checker.Check(signed); err == nil || errors.Is(err, entity.ErrPanicked) || len(err.Error()) > 256 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func FuzzFromBundle(f *testing.F) {
	w := newWorld(f, always, always, always)
	for _, s := range []signing{{statement: "{}", byKey: true}, {statement: "{}", logged: moment, stamped: moment, withIntermediate: true}} {
		f.Add(w.bundle(s))
	}
	checkers := fuzzCheckers(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		start := time.Now()
		signed, err := entity.FromBundle(content)
		refuse(t, checkers, start, signed, err)
	})
}

func FuzzFromTagged(f *testing.F) {
	w := newWorld(f, always, always, always)
	s := signing{statement: "{}", logged: moment, stamped: moment}
	for _, form := range forms[1:] {
		m := w.make(form, s)
		f.Add(m.content, m.annotations["dev.cosignproject.cosign/signature"], m.annotations["dev.sigstore.cosign/certificate"],
			m.annotations["dev.sigstore.cosign/chain"], m.annotations["dev.sigstore.cosign/bundle"], m.annotations["dev.sigstore.cosign/rfc3161timestamp"])
	}
	checkers := fuzzCheckers(f)
	f.Fuzz(func(t *testing.T, content []byte, sig, certificate, chain, entry, stamp string) {
		annotations := map[string]string{
			"dev.cosignproject.cosign/signature": sig, "dev.sigstore.cosign/certificate": certificate, "dev.sigstore.cosign/chain": chain,
			"dev.sigstore.cosign/bundle": entry, "dev.sigstore.cosign/rfc3161timestamp": stamp,
		}
		for _, read := range []func([]byte, map[string]string) (entity.Entity, error){entity.FromTaggedSignature, entity.FromTaggedAttestation} {
			start := time.Now()
			signed, err := read(content, annotations)
			refuse(t, checkers, start, signed, err)
		}
	})
}

func FuzzNewChecker(f *testing.F) {
	w := newWorld(f, always, always, always)
	f.Add(w.trustRoot(), pemOf(w.middle.certificate, w.root.certificate), pemOf(w.tsa.certificate, w.tsaRoot.certificate))
	f.Fuzz(func(t *testing.T, trusted, chain, stamps []byte) {
		for _, anchor := range []signature.Anchor{{Root: trusted, Timestamps: stamps}, {Chain: chain, Root: trusted}, {Chain: chain, Timestamps: stamps}} {
			if _, err := entity.NewChecker(anchor); errors.Is(err, entity.ErrPanicked) {
				t.Error("it panicked")
			}
		}
	})
}
