// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

// TestGHSA_r2xv: slsa-verifier verified who signed a publish attestation, and not what it was about; so did go-witness of other documents
// (CVE-2025-62375). What an attestation is about is read from its digests by SHA-256, wherever it is attached and whatever it calls its
// subjects. SEC-33.
func TestGHSA_r2xv(t *testing.T) {
	k := p256(t)
	other := image.DigestOf([]byte("another image")).Hex()
	for name, test := range map[string]struct {
		subjects string // {image} stands for the image's digest
		about    bool
	}{
		"the digest":                                     {`{"digest":{"sha256":"{image}"}}`, true},
		"the digest, beside others of it":                {`{"digest":{"sha1":"{image}","sha256":"{image}","sha512":"{image}"}}`, true},
		"the digest, beside another subject":             {`{"digest":{"sha256":"` + other + `"}},{"digest":{"sha256":"{image}"}}`, true},
		"the digest, beside a subject with none":         {`{"name":"x"},{"digest":{"sha256":"{image}"}}`, true},
		"the digest, and the name of another image":      {`{"name":"registry.example.com/shop/payment","digest":{"sha256":"{image}"}}`, true},
		"the digest by SHA-1 alone":                      {`{"digest":{"sha1":"{image}"}}`, false},
		"the digest by SHA-512 alone":                    {`{"digest":{"sha512":"{image}{image}"}}`, false},
		"the digest as a commit":                         {`{"digest":{"gitCommit":"{image}"}}`, false},
		"the digest by SHA-1, another one by SHA-256":    {`{"digest":{"sha1":"{image}","sha256":"` + other + `"}}`, false},
		"the digest by SHA-512, another one by SHA-256":  {`{"digest":{"sha256":"` + other + `","sha512":"{image}"}}`, false},
		"the digest by a name that is like it":           {`{"digest":{"SHA256":"{image}","sha-256":"{image}","sha256 ":"{image}"}}`, false},
		"the digest twice, once another one":             {`{"digest":{"sha256":"` + other + `","sha256":"{image}"}}`, false},
		"the digest as the name":                         {`{"name":"registry.example.com/shop/checkout@sha256:{image}","digest":{"sha256":"` + other + `"}}`, false},
		"the digest as the name, and none":               {`{"name":"sha256:{image}"}`, false},
		"the digest as the URI":                          {`{"uri":"registry.example.com/shop/checkout@sha256:{image}","digest":{"sha256":"` + other + `"}}`, false},
		"a part of the digest":                           {`{"digest":{"sha256":"{part}"}}`, false},
		"the digest and more":                            {`{"digest":{"sha256":"{image}00"}}`, false},
		"no digest":                                      {`{"name":"registry.example.com/shop/checkout"}`, false},
		"no subject":                                     {``, false},
		"a subject that is none":                         {`null`, false},
		"a subject that is the digest":                   {`"{image}"`, false},
		"the digest in a list":                           {`{"digest":{"sha256":["{image}"]}}`, false},
		"the digest in a subject of a subject":           {`{"subject":[{"digest":{"sha256":"{image}"}}],"digest":{"sha256":"` + other + `"}}`, false},
		"the digest in a subject that is called another": {`{"digests":{"sha256":"{image}"},"Digest":{"sha256":"{image}"}}`, false},
	} {
		for _, statementType := range []string{inTotoV0, inTotoV1} {
			for form, attach := range map[string]func(*world, string){
				"under the tag": func(w *world, text string) { w.envelope(w.reference.Digest, k.envelope(inToto, text), slsa) },
				"as a bundle":   func(w *world, text string) { w.bundle(k.bundle(text), slsa) },
			} {
				t.Run(fmt.Sprintf("%s: %s, %s", name, form, statementType), func(t *testing.T) {
					w := newWorld(t)
					digest := w.reference.Digest.Hex()
					subjects := strings.NewReplacer("{image}", digest, "{part}", digest[:63]).Replace(test.subjects)
					attach(w, fmt.Sprintf(`{"_type":%q,"predicateType":%q,"subject":[%s],"predicate":{"a":1}}`, statementType, slsa, subjects))
					got := w.find(signature.Search{PredicateTypes: []string{slsa}}, k).Statements[k.anchor().ID()]
					if is := len(got.Signed) == 1 && len(got.Signed[0].Manifests) == 1 && got.Signed[0].Manifests[0] == w.reference.Digest; is != test.about {
						t.Errorf("got %+v", got)
					}
					if !test.about && (got.Rest.State != evidence.Known || !strings.HasPrefix(got.Rest.Value, "1 unusable signature or attestation")) {
						t.Errorf("it is told as %+v", got.Rest)
					}
				})
			}
		}
	}
}
