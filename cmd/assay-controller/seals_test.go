// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/assay-dev/assay/controllers/trustedimage"
	"github.com/assay-dev/assay/internal/attestation"
	registryfake "github.com/assay-dev/assay/internal/registry/fake"
	"github.com/assay-dev/assay/internal/signature"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
)

// certified is a signer without a key.
type certified struct{ signature.BundleSigner }

func TestTheTaggedFormIsForKeys(t *testing.T) {
	key := signerfake.NewSigner("seal")
	for name, test := range map[string]struct {
		bundles signature.BundleSigner
		refused string
	}{
		"the seal key":     {nil, ""},
		"another key":      {attestation.ByKey(key), ""},
		"a keyless signer": {certified{}, "takes a signer with a key"},
	} {
		t.Run(name, func(t *testing.T) {
			seals := &trustedimage.Seals{Signer: key, Bundles: test.bundles}
			err := attachInTags(seals, &registryfake.Registry{})
			if test.refused == "" && (err != nil || seals.Lists == nil) {
				t.Errorf("refused: %v", err)
			}
			if test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused) || seals.Lists != nil) {
				t.Errorf("got %v, want that it %s", err, test.refused)
			}
		})
	}
	for _, form := range []string{attachBundles, attachTags} {
		if o, err := parseOptions([]string{"--attach=" + form}); err != nil || o.attach != form {
			t.Errorf("--attach=%s: %q, %v", form, o.attach, err)
		}
	}
	if _, err := parseOptions([]string{"--attach=both"}); err == nil {
		t.Error("a form that there is not is taken")
	}
}
