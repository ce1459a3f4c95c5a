// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

func TestParseKeys(t *testing.T) {
	one, two := keyPEM(t, newSeal(t).public()[0]), keyPEM(t, newSeal(t).public()[0])
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		text string
		want int
	}{
		"one key":                         {text: one, want: 1},
		"a new and an old key":            {text: one + two, want: 2},
		"keys with blank lines about":     {text: "\n\n" + one + "\n\n" + two + "\n\n", want: 2},
		"nothing":                         {},
		"blanks":                          {text: " \n"},
		"text that is no PEM":             {text: "ssh-rsa AAAA"},
		"text after a key":                {text: one + "and more"},
		"a certificate":                   {text: strings.ReplaceAll(one, "PUBLIC KEY", "CERTIFICATE")},
		"a key of another kind":           {text: keyPEM(t, edwards)},
		"a key and a damaged one":         {text: one + strings.Replace(two, "MFkw", "AAAA", 1)},
		"more keys than rotations need":   {text: strings.Repeat(one, maxKeys+1)},
		"as many keys as can be accepted": {text: strings.Repeat(one, maxKeys), want: maxKeys},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			keys, err := ParseKeys([]byte(c.text))
			if len(keys) != c.want || (err != nil) != (c.want == 0) {
				t.Errorf("got %d keys and %v, want %d keys", len(keys), err, c.want)
			}
			if err != nil && !errors.Is(err, ErrInvalidKeys) {
				t.Errorf("%v is not ErrInvalidKeys", err)
			}
		})
	}
}

func keyPEM(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
