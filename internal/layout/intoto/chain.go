// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"crypto/ed25519"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"
	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/signature"
)

// Bounds of a layout.
const (
	maxKeys    = 64
	maxSteps   = 64
	maxRules   = 256  // of a step, for materials and products each
	maxPattern = 256  // bytes of a word of a rule
	maxName    = 1024 // bytes of the name of a step or an artifact
)

// chain is a layout that can be verified: its keys are named by their fingerprints, wherever they stand.
type chain struct {
	layout  in_toto.Layout
	keys    map[string]signature.Key
	expires time.Time
	// order is that in which a choice of links is looked for.
	order []int
}

// parse reads a layout and refuses what could not be verified, or what the library would let pass.
func parse(payload []byte) (*chain, error) {
	var l in_toto.Layout
	if err := decode(payload, &l, strictjson.DisallowUnknownFields); err != nil {
		return nil, err
	}
	switch {
	case l.Type != "layout":
		return nil, invalid("the layout's _type is %.20q, want layout", l.Type)
	case len(l.Inspect) > 0:
		return nil, invalid("the layout has inspections, such as %.40q, which run commands; Assay runs none: sign a layout without them", l.Inspect[0].Name)
	case len(l.Steps) == 0 || len(l.Steps) > maxSteps:
		return nil, invalid("the layout has %d steps, want 1 to %d", len(l.Steps), maxSteps)
	case len(l.Keys) > maxKeys:
		return nil, invalid("the layout has %d keys, want %d at most", len(l.Keys), maxKeys)
	}
	for i := range l.Steps {
		if err := checkStep(&l.Steps[i]); err != nil {
			return nil, err
		}
	}
	if err := in_toto.ValidateMetablock(in_toto.Metablock{Signed: l}); err != nil {
		return nil, invalid("the layout is not as in-toto's specification has it: %s", err)
	}
	expires, err := time.Parse(in_toto.ISO8601DateSchema, l.Expires)
	if err != nil {
		return nil, invalid("the layout's expires is not of the form 2027-01-31T00:00:00Z")
	}
	c := &chain{layout: l, expires: expires}
	if err := c.nameKeys(); err != nil {
		return nil, err
	}
	if err := c.tie(); err != nil {
		return nil, err
	}
	return c, nil
}

// checkStep checks what the library takes for granted, and brings patterns into their shortest form.
func checkStep(step *in_toto.Step) error {
	if len(step.Name) > maxName || step.Name == "" {
		return invalid("the layout has a step whose name is empty or longer than %d bytes", maxName)
	}
	if len(step.CertificateConstraints) > 0 {
		return invalid("step %.40q names functionaries by certificates, which Assay does not know of links; name them by pubkeys", step.Name)
	}
	for _, rules := range [][][]string{step.ExpectedMaterials, step.ExpectedProducts} {
		if len(rules) > maxRules {
			return invalid("step %.40q has %d rules, want %d at most", step.Name, len(rules), maxRules)
		}
		for _, rule := range rules {
			if err := checkRule(rule); err != nil {
				return invalid("step %.40q has the rule %.80q: %s", step.Name, strings.Join(rule, " "), err)
			}
		}
	}
	return nil
}

// checkRule refuses a rule that could not be applied. The library skips a pattern that is malformed, and so lets pass what a DISALLOW
// with it should stop.
func checkRule(rule []string) error {
	if len(rule) < 2 || len(rule) > 10 || slices.ContainsFunc(rule, func(word string) bool { return len(word) > maxPattern }) {
		return invalid("want 2 to 10 words of at most %d bytes", maxPattern)
	}
	unpacked, err := in_toto.UnpackRule(rule)
	if err != nil {
		return invalid("want MATCH, CREATE, DELETE, MODIFY, ALLOW, DISALLOW or REQUIRE as the specification has them")
	}
	if from := unpacked["dstType"]; unpacked["type"] == "match" && from != "materials" && from != "products" {
		return invalid("want WITH MATERIALS or WITH PRODUCTS")
	}
	if rule[1] == "" {
		return invalid("the pattern is empty")
	}
	rule[1] = path.Clean(rule[1])
	if strings.Contains(rule[1], "[^") {
		// Implementations of in-toto disagree on what it means (GHSA-pmwq).
		return invalid("write [!…] for any other character, and \\^ for the character itself")
	}
	if _, err := path.Match(strings.ReplaceAll(rule[1], "[!", "[^"), ""); err != nil {
		return invalid("the pattern is malformed")
	}
	return nil
}

// nameKeys gives every key the name of its fingerprint, so that one key under two names is one functionary.
func (c *chain) nameKeys() error {
	c.keys = make(map[string]signature.Key, len(c.layout.Keys))
	fingerprints := make(map[string]string, len(c.layout.Keys))
	named := make(map[string]in_toto.Key, len(c.layout.Keys))
	for _, id := range slices.Sorted(maps.Keys(c.layout.Keys)) {
		public, err := publicKey(c.layout.Keys[id])
		if err != nil {
			return invalid("the layout's key %.12s cannot be used: %s", id, err)
		}
		fingerprints[id] = public.Fingerprint
		c.keys[public.Fingerprint] = public
		named[public.Fingerprint] = in_toto.Key{KeyID: public.Fingerprint}
	}
	c.layout.Keys = named
	for i := range c.layout.Steps {
		step := &c.layout.Steps[i]
		var functionaries []string
		for _, id := range step.PubKeys {
			if fingerprint, known := fingerprints[id]; known && !slices.Contains(functionaries, fingerprint) {
				functionaries = append(functionaries, fingerprint)
			}
		}
		step.PubKeys = functionaries
		if step.Threshold < 1 || step.Threshold > len(functionaries) {
			return invalid("step %.40q wants links by %d functionaries of the %d whose keys the layout has; want 1 to as many as there are",
				step.Name, step.Threshold, len(functionaries))
		}
	}
	return nil
}

// publicKey reads a key as in-toto writes it: Ed25519 in hexadecimal, others in PEM form.
func publicKey(key in_toto.Key) (signature.Key, error) {
	if key.KeyType != "ed25519" {
		return signature.ParseKey([]byte(key.KeyVal.Public))
	}
	raw, err := hex.DecodeString(key.KeyVal.Public)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return signature.Key{}, invalid("want %d bytes in hexadecimal", ed25519.PublicKeySize)
	}
	return signature.NewKey(ed25519.PublicKey(raw))
}
