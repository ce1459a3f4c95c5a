// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"errors"
	"testing"
	"testing/iotest"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// TestSEC35 lets the library panic where it does: for a step without links.
func TestSEC35(t *testing.T) {
	err := guard(func() error {
		_, err := in_toto.ReduceStepsMetadata(in_toto.Layout{Steps: []in_toto.Step{{}}}, nil)
		return err
	})
	var failed failure
	if !errors.As(err, &failed) || failed.reason != v1alpha1.ReasonInvalidLayout {
		t.Errorf("got %v", err)
	}
	if err := guard(func() error { return iotest.ErrTimeout }); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("got %v", err)
	}
}

// TestWhatIsVerifiedIsNotSignedAgain: the library's interface has more than is needed.
func TestWhatIsVerifiedIsNotSignedAgain(t *testing.T) {
	a := attested{signer: "x"}
	for name, err := range map[string]error{
		"another key": a.VerifySignature(in_toto.Key{KeyID: "y"}), "no key": a.VerifySignature(in_toto.Key{}),
		"sign": a.Sign(in_toto.Key{KeyID: "x"}), "dump": a.Dump(t.TempDir() + "/x"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := a.GetSignatureForKeyID("x"); err == nil || len(a.Sigs()) != 0 {
		t.Errorf("got %v and %d signatures", err, len(a.Sigs()))
	}
	if err := a.VerifySignature(in_toto.Key{KeyID: "x"}); err != nil {
		t.Error(err)
	}
}
