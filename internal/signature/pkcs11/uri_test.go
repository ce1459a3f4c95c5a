// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package pkcs11

import (
	"errors"
	"strings"
	"testing"
)

func TestURIs(t *testing.T) {
	const query = "?module-path=/lib/token.so&pin-source=/run/pin"
	for name, test := range map[string]struct {
		uri, complaint string
		want           locator
	}{
		"labels":              {"pkcs11:token=assay;object=seal" + query, "", locator{token: "assay", object: "seal", module: "/lib/token.so", pinFile: "/run/pin"}},
		"numbers, escaped":    {"pkcs11:serial=0%31;id=%02%FF" + query, "", locator{serial: "01", id: "\x02\xff", module: "/lib/token.so", pinFile: "/run/pin"}},
		"a PIN by a file URI": {"pkcs11:token=a;object=b?pin-source=file:/run/pin&module-path=/l", "", locator{token: "a", object: "b", module: "/l", pinFile: "/run/pin"}},
		"another scheme":      {"https://token", "want a URI pkcs11:", locator{}},
		"no token":            {"pkcs11:object=seal" + query, "names no token", locator{}},
		"no key":              {"pkcs11:token=assay" + query, "names no key", locator{}},
		"no library":          {"pkcs11:token=assay;object=seal?pin-source=/run/pin", "module-path", locator{}},
		"a relative library":  {"pkcs11:token=assay;object=seal?module-path=token.so&pin-source=/run/pin", "module-path", locator{}},
		"no PIN":              {"pkcs11:token=assay;object=seal?module-path=/lib/token.so", "pin-source", locator{}},
		"a PIN in the URI":    {"pkcs11:token=assay;object=seal?module-path=/lib/token.so&pin-value=canary", "put it into a file", locator{}},
		"something twice":     {"pkcs11:token=assay;token=b;object=seal" + query, "must have one value", locator{}},
		"something unknown":   {"pkcs11:token=assay;object=seal;colour=red" + query, "not supported", locator{}},
		"a broken escape":     {"pkcs11:token=%zz;object=seal" + query, "must have one value", locator{}},
		"too much":            {"pkcs11:token=" + strings.Repeat("a", 2000), "at most", locator{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(test.uri)
			if test.complaint == "" {
				if err != nil || got != test.want {
					t.Errorf("parse: %+v, %v, want %+v", got, err, test.want)
				}
				return
			}
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.complaint) || strings.Contains(err.Error(), "canary") {
				t.Errorf("parse: %v, want one that says %q", err, test.complaint)
			}
		})
	}
}
