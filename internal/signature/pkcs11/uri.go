// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pkcs11 signs with a key in a PKCS #11 token, such as a hardware security module. It calls the token's library, which needs cgo, so
// that it is compiled in with the build tag pkcs11 only.
package pkcs11

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Scheme begins the URIs of keys (RFC 7512).
const Scheme = "pkcs11:"

// maxURI bounds a URI, in bytes.
const maxURI = 1024

var (
	// ErrUnreachable says that the token could not be asked; it may be asked again later.
	ErrUnreachable = errors.New("the PKCS #11 token could not be reached")
	// ErrRefused says that the token refused, or that it cannot be asked like this; somebody must change something.
	ErrRefused = errors.New("the PKCS #11 token refused")
)

// locator says which key of which token, by what library, and with which PIN.
type locator struct {
	token, serial string
	object, id    string
	module        string
	pinFile       string
}

// parse reads a URI such as pkcs11:token=assay;object=seal?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin. It must name the
// token by its label or serial number, the key by its label or id, the library, and the file with the PIN. The error wraps ErrRefused.
func parse(uri string) (locator, error) {
	var l locator
	rest, isURI := strings.CutPrefix(uri, Scheme)
	if !isURI || len(uri) > maxURI {
		return l, fmt.Errorf("%w: want a URI pkcs11:… of at most %d bytes", ErrRefused, maxURI)
	}
	path, query, _ := strings.Cut(rest, "?")
	for separated, attributes := range map[[2]string]map[string]*string{
		{path, ";"}:  {"token": &l.token, "serial": &l.serial, "object": &l.object, "id": &l.id},
		{query, "&"}: {"module-path": &l.module, "pin-source": &l.pinFile},
	} {
		if err := readAttributes(separated[0], separated[1], attributes); err != nil {
			return locator{}, err
		}
	}
	l.pinFile = strings.TrimPrefix(l.pinFile, "file:")
	switch {
	case l.token == "" && l.serial == "":
		return l, fmt.Errorf("%w: the URI names no token: want token=LABEL", ErrRefused)
	case l.object == "" && l.id == "":
		return l, fmt.Errorf("%w: the URI names no key: want object=LABEL", ErrRefused)
	case !filepath.IsAbs(l.module):
		return l, fmt.Errorf("%w: the URI does not say where the token's library is: want module-path=/PATH", ErrRefused)
	case !filepath.IsAbs(l.pinFile):
		return l, fmt.Errorf("%w: the URI does not say where the PIN is: want pin-source=/PATH", ErrRefused)
	}
	return l, nil
}

// readAttributes reads NAME=VALUE with the names that are known, each at most once.
func readAttributes(text, separator string, known map[string]*string) error {
	if text == "" {
		return nil
	}
	for attribute := range strings.SplitSeq(text, separator) {
		name, encoded, _ := strings.Cut(attribute, "=")
		into, isKnown := known[name]
		value, err := url.PathUnescape(encoded)
		switch {
		case name == "pin-value":
			return fmt.Errorf("%w: a PIN in a URI is there for everybody to read: put it into a file and name that by pin-source", ErrRefused)
		case !isKnown:
			return fmt.Errorf("%w: the URI's attribute %.40q is not supported", ErrRefused, name)
		case err != nil || value == "" || *into != "":
			return fmt.Errorf("%w: the URI's attribute %s must have one value", ErrRefused, name)
		}
		*into = value
	}
	return nil
}
