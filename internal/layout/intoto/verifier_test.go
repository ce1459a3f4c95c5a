// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/layout/intoto"
	"github.com/assay-dev/assay/internal/signature"
)

// chain is a supply chain that passes: Alice writes, and Bob and Carol both build the image of exactly that.
type chain struct {
	owner, second, alice, bob, carol, stranger person

	layout in_toto.Layout
	owners []signature.Key
	// sign makes the document of the layout.
	sign  func(testing.TB, in_toto.Layout) []byte
	links []evidence.Signed
	about image.Digest
	now   time.Time
}

var (
	source = artifacts{"main.go": "package main", "go.mod": "module shop"}
	built  = artifacts{"checkout": "the image"}
)

func newChain(t testing.TB) *chain {
	t.Helper()
	p := people()
	c := &chain{owner: p["owner"], second: p["second"], alice: p["alice"], bob: p["bob"], carol: p["carol"], stranger: p["stranger"], about: about, now: now}
	c.layout = newLayout([]person{c.alice, c.bob, c.carol},
		step("write", 1, nil, [][]string{{"CREATE", "*.go"}, {"CREATE", "go.mod"}, {"DISALLOW", "*"}}, c.alice),
		step("build", 2, [][]string{{"MATCH", "*", "WITH", "PRODUCTS", "FROM", "write"}, {"DISALLOW", "*"}},
			[][]string{{"REQUIRE", "checkout"}, {"CREATE", "checkout"}, {"DISALLOW", "*"}}, c.bob, c.carol),
	)
	c.owners = []signature.Key{c.owner.key}
	c.sign = func(t testing.TB, l in_toto.Layout) []byte { return envelope(t, l, c.owner) }
	c.links = []evidence.Signed{c.alice.attestation(t, "write", nil, source), c.bob.attestation(t, "build", source, built), c.carol.attestation(t, "build", source, built)}
	return c
}

func (c *chain) verify(t testing.TB) evidence.LayoutResult {
	t.Helper()
	return intoto.Verifier{}.Verify(layout.Layout{Document: c.sign(t, c.layout), Owners: c.owners}, c.links, c.about, c.now)
}

// tamper makes a document whose text is changed after it was signed.
func (c *chain) tamper(old, replacement string) {
	c.sign = func(t testing.TB, l in_toto.Layout) []byte {
		document := string(metablock(t, l, c.owner))
		if !strings.Contains(document, old) {
			t.Fatalf("%s is not there to be changed", old)
		}
		return []byte(strings.Replace(document, old, replacement, 1))
	}
}

// TestLayouts changes one thing of a chain that passes.
func TestLayouts(t *testing.T) {
	const wantsLinks = "step build wants links by 2 of its functionaries, and the image has them by "
	for name, test := range map[string]struct {
		change func(testing.TB, *chain)
		// want is the message of a failure, or what is in it; empty for a pass.
		want    string
		invalid bool // the layout, and not what was done
	}{
		"all is as laid down": {change: func(testing.TB, *chain) {}},
		"in in-toto's older form": {change: func(_ testing.TB, c *chain) {
			c.sign = func(t testing.TB, l in_toto.Layout) []byte { return metablock(t, l, c.owner) }
		}},
		"two owners signed": {change: func(_ testing.TB, c *chain) {
			c.owners = append(c.owners, c.second.key)
			c.sign = func(t testing.TB, l in_toto.Layout) []byte { return metablock(t, l, c.second, c.owner) }
		}},
		"an owner signed with RSA": {change: func(_ testing.TB, c *chain) {
			c.owners = []signature.Key{c.carol.key}
			c.sign = func(t testing.TB, l in_toto.Layout) []byte { return envelope(t, l, c.carol) }
		}},
		"links as cosign writes them": {change: func(t testing.TB, c *chain) {
			c.links = []evidence.Signed{c.alice.cosigned(t, "write", nil, source), c.bob.cosigned(t, "build", source, built), c.carol.cosigned(t, "build", source, built)}
		}},
		"links as the in-toto command writes them": {change: func(t testing.TB, c *chain) {
			c.links = []evidence.Signed{c.alice.classic(t, "write", nil, source), c.bob.classic(t, "build", source, built), c.carol.classic(t, "build", source, built)}
		}},
		"links of the first specification": {change: func(t testing.TB, c *chain) {
			c.links = []evidence.Signed{c.alice.forerunner(t, "write", nil, source), c.bob.forerunner(t, "build", source, built), c.carol.forerunner(t, "build", source, built)}
		}},
		"a link twice": {change: func(_ testing.TB, c *chain) { c.links = append(c.links, c.links...) }},
		"another statement by a functionary": {change: func(_ testing.TB, c *chain) {
			c.links = append(c.links, c.bob.says([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{}}`)), c.bob.says([]byte(`{`)))
		}},
		"a stranger's link is nobody's": {change: func(t testing.TB, c *chain) {
			c.links = append(c.links, c.stranger.attestation(t, "build", nil, artifacts{"x": "y"}))
		}},
		"a functionary of another step who disagrees": {change: func(t testing.TB, c *chain) {
			c.links = append(c.links, c.alice.attestation(t, "build", nil, artifacts{"x": "y"}))
		}},

		"a wrong functionary": {change: func(t testing.TB, c *chain) {
			c.links[2] = c.stranger.attestation(t, "build", source, built)
		}, want: wantsLinks + "1; have the step recorded and attested by whom it names"},
		"a functionary of another step": {change: func(t testing.TB, c *chain) {
			c.links[2] = c.alice.attestation(t, "build", source, built)
		}, want: wantsLinks + "1"},
		"a threshold that is not met": {change: func(_ testing.TB, c *chain) { c.links = c.links[:2] }, want: wantsLinks + "1"},
		"one functionary under two names": {change: func(_ testing.TB, c *chain) {
			twin := c.bob.public
			twin.KeyID = strings.Repeat("ab", 32)
			c.layout.Keys[twin.KeyID] = twin
			c.layout.Steps[1].PubKeys = []string{c.bob.public.KeyID, twin.KeyID}
		}, want: `step "build" wants links by 2 functionaries of the 1 whose keys the layout has`, invalid: true},
		"no links": {change: func(_ testing.TB, c *chain) { c.links = nil }, want: "step write wants links by 1 of its functionaries, and the image has them by 0"},
		"a link of a certificate": {change: func(_ testing.TB, c *chain) {
			c.links[2].Signer = evidence.Signer{Certificate: &evidence.Certificate{}}
		}, want: wantsLinks + "1"},
		"a link whose statement nobody kept": {change: func(_ testing.TB, c *chain) { c.links[2].Statement = nil }, want: wantsLinks + "1"},
		"a link with an artifact twice": {change: func(t testing.TB, c *chain) {
			c.replace(t, 2, `"subject":[`, `"subject":[{"name":"checkout","digest":{"sha256":"00"}},`)
		}, want: wantsLinks + "1"},
		"a link with a field twice": {change: func(t testing.TB, c *chain) { c.replace(t, 2, `"subject":[`, `"subject":[],"subject":[`) }, want: wantsLinks + "1"},
		"a link with an artifact of no digest": {change: func(t testing.TB, c *chain) {
			c.replace(t, 2, `"materials":[`, `"materials":[{"name":"x","digest":{}},`)
		}, want: wantsLinks + "1"},
		"a link with a digest that is none": {change: func(t testing.TB, c *chain) {
			c.replace(t, 2, `"materials":[`, `"materials":[{"name":"x","digest":{"sha256":"?"}},`)
		}, want: wantsLinks + "1"},
		"a link with an artifact of no name": {change: func(t testing.TB, c *chain) {
			c.replace(t, 2, `"materials":[`, `"materials":[{"digest":{"sha1":"`+strings.Repeat("a", 40)+`"}},`)
		}, want: wantsLinks + "1"},
		"a link of a predicate type like one":   {change: func(t testing.TB, c *chain) { c.replace(t, 2, layout.LinkV03, layout.LinkV03+"/") }, want: wantsLinks + "1"},
		"a link in a statement of another type": {change: func(t testing.TB, c *chain) { c.replace(t, 2, "Statement/v1", "Statement/v2") }, want: wantsLinks + "1"},
		"a link of another step's name":         {change: func(t testing.TB, c *chain) { c.replace(t, 2, `"name":"build"`, `"name":"Build"`) }, want: wantsLinks + "1"},
		"two links that disagree": {change: func(t testing.TB, c *chain) {
			c.links[2] = c.carol.attestation(t, "build", source, artifacts{"checkout": "another image"})
		}, want: "step build: its functionaries disagree on the materials or products"},
		"what was built is not what was written": {change: func(t testing.TB, c *chain) {
			other := artifacts{"main.go": "package evil", "go.mod": "module shop"}
			c.links[1], c.links[2] = c.bob.attestation(t, "build", other, built), c.carol.attestation(t, "build", other, built)
		}, want: "step build: its materials break the rule DISALLOW *"},
		"something else was written": {change: func(t testing.TB, c *chain) {
			c.links[0] = c.alice.attestation(t, "write", nil, artifacts{"main.go": "package main", "go.mod": "module shop", "evil.sh": "x"})
		}, want: "step write: its products break the rule DISALLOW *"},
		"what is required is not there": {change: func(_ testing.TB, c *chain) {
			c.layout.Steps[1].ExpectedProducts = slices.Insert(c.layout.Steps[1].ExpectedProducts, 0, []string{"REQUIRE", "sbom.json"})
		}, want: "step build: its products break the rule REQUIRE sbom.json"},
		"the last step made another image":       {change: func(_ testing.TB, c *chain) { c.about = image.DigestOf([]byte("x")) }, want: "step build, the last one, did not make this image"},
		"a step before the last made this image": {change: func(_ testing.TB, c *chain) { c.layout.Steps = []in_toto.Step{c.layout.Steps[1], c.layout.Steps[0]} }, want: "step write, the last one, did not make this image"},

		"the second before it expires": {change: func(_ testing.TB, c *chain) { c.now = time.Date(2027, 1, 30, 23, 59, 59, 0, time.UTC) }},
		"expired":                      {change: func(_ testing.TB, c *chain) { c.now = time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC) }, want: "the layout expired at 2027-01-31T00:00:00Z; have its owners sign a new one", invalid: true},
		"an end of another form":       {change: func(_ testing.TB, c *chain) { c.layout.Expires = "2027-01-31" }, want: "not as in-toto's specification has it", invalid: true},
		"an owner did not sign":        {change: func(_ testing.TB, c *chain) { c.owners = append(c.owners, c.second.key) }, want: "the layout is not signed by its owner with the key ", invalid: true},
		"nobody owns it":               {change: func(_ testing.TB, c *chain) { c.owners = nil }, want: "the layout has no owners", invalid: true},
		"a stranger signed":            {change: func(_ testing.TB, c *chain) { c.owners = []signature.Key{c.stranger.key} }, want: "not signed by its owner", invalid: true},
		"tampered with: the threshold": {change: func(_ testing.TB, c *chain) { c.tamper(`"threshold":2`, `"threshold":1`) }, want: "not signed by its owner", invalid: true},
		"tampered with: a field added": {change: func(_ testing.TB, c *chain) { c.tamper(`"expires"`, `"x":1,"expires"`) }, want: "not signed by its owner", invalid: true},
		"tampered with: the end twice": {change: func(_ testing.TB, c *chain) { c.tamper(`"expires"`, `"expires":"2099-01-31T00:00:00Z","expires"`) }, want: "occurs twice", invalid: true},
		"tampered with: another form":  {change: func(_ testing.TB, c *chain) { c.tamper(`{"signed"`, `{"payload":"","signed"`) }, want: "in two forms at once", invalid: true},
		"tampered with: a number":      {change: func(_ testing.TB, c *chain) { c.tamper(`"threshold":2`, `"threshold":1.5`) }, want: "no canonical form", invalid: true},
		"white space is none of it":    {change: func(_ testing.TB, c *chain) { c.tamper(`"threshold":2`, ` "threshold" : 2 `) }},
		"too many signatures": {change: func(_ testing.TB, c *chain) {
			c.tamper(`"signatures":[`, `"signatures":[`+strings.Repeat(`{"sig":""},`, 64))
		}, want: "65 signatures, want 64 at most", invalid: true},
		"an envelope of another type": {change: func(_ testing.TB, c *chain) {
			c.sign = func(t testing.TB, l in_toto.Layout) []byte {
				return []byte(strings.Replace(string(envelope(t, l, c.owner)), in_toto.PayloadType, "application/json", 1))
			}
		}, want: "does not hold a payload of type application/vnd.in-toto+json", invalid: true},
		"too many keys": {change: func(_ testing.TB, c *chain) {
			for i := range 62 {
				key := c.bob.public
				key.KeyID = fmt.Sprintf("%064x", i)
				c.layout.Keys[key.KeyID] = key
			}
		}, want: "65 keys, want 64 at most", invalid: true},
		"no signatures": {change: func(_ testing.TB, c *chain) {
			c.sign = func(t testing.TB, l in_toto.Layout) []byte { return toJSON(t, l) }
		}, want: "the layout is not signed", invalid: true},
		"no JSON": {change: func(_ testing.TB, c *chain) {
			c.sign = func(testing.TB, in_toto.Layout) []byte { return []byte("layout: x") }
		}, want: "cannot be read", invalid: true},
		"larger than a ConfigMap":       {change: func(_ testing.TB, c *chain) { c.tamper(`"readme":"`, `"readme":"`+strings.Repeat("x", 1<<20)) }, want: "more than 1048576 bytes", invalid: true},
		"a link where a layout belongs": {change: func(_ testing.TB, c *chain) { c.layout.Type = "link" }, want: `_type is "link"`, invalid: true},

		"an inspection": {change: func(_ testing.TB, c *chain) {
			c.layout.Inspect = []in_toto.Inspection{{Type: "inspection", Run: []string{"touch", "/tmp/x"}, SupplyChainItem: in_toto.SupplyChainItem{Name: "untar"}}}
		}, want: `the layout has inspections, such as "untar", which run commands; Assay runs none`, invalid: true},
		"functionaries by certificate": {change: func(_ testing.TB, c *chain) {
			c.layout.Steps[0].CertificateConstraints = []in_toto.CertificateConstraint{{CommonName: "*"}}
		}, want: `step "write" names functionaries by certificates`, invalid: true},
		"no steps":               {change: func(_ testing.TB, c *chain) { c.layout.Steps = nil }, want: "0 steps, want 1 to 64", invalid: true},
		"too many steps":         {change: func(_ testing.TB, c *chain) { c.layout.Steps = slices.Repeat(c.layout.Steps, 33) }, want: "66 steps", invalid: true},
		"two steps of one name":  {change: func(_ testing.TB, c *chain) { c.layout.Steps[1].Name = "write" }, want: "non unique step", invalid: true},
		"a step without a name":  {change: func(_ testing.TB, c *chain) { c.layout.Steps[1].Name = "" }, want: "a step whose name is empty", invalid: true},
		"a step of another type": {change: func(_ testing.TB, c *chain) { c.layout.Steps[1].Type = "inspection" }, want: "should be 'step'", invalid: true},
		"a threshold of none (CVE-2026-23992)": {change: func(_ testing.TB, c *chain) { c.layout.Steps[0].Threshold = 0 },
			want: `step "write" wants links by 0 functionaries`, invalid: true},
		"a threshold below none":      {change: func(_ testing.TB, c *chain) { c.layout.Steps[0].Threshold = -1 }, want: `wants links by -1 functionaries`, invalid: true},
		"a functionary without a key": {change: func(_ testing.TB, c *chain) { delete(c.layout.Keys, c.carol.public.KeyID) }, want: `wants links by 2 functionaries of the 1`, invalid: true},
		"a private key in it":         {change: func(_ testing.TB, c *chain) { c.layout.Keys[c.bob.public.KeyID] = c.bob.private }, want: "not a public key", invalid: true},
		"a key that is none":          {change: func(_ testing.TB, c *chain) { k := c.bob.public; k.KeyVal.Public = "abcd"; c.layout.Keys[k.KeyID] = k }, want: "want 32 bytes in hexadecimal", invalid: true},
		"too many rules": {change: func(_ testing.TB, c *chain) {
			c.layout.Steps[0].ExpectedProducts = slices.Repeat([][]string{{"ALLOW", "*"}}, 257)
		}, want: "257 rules", invalid: true},
		"a rule of another kind":       {change: func(_ testing.TB, c *chain) { c.rule("PERMIT", "*") }, want: `has the rule "PERMIT *": want MATCH, CREATE`, invalid: true},
		"a rule of no words":           {change: func(_ testing.TB, c *chain) { c.rule() }, want: "want 2 to 10 words", invalid: true},
		"a rule with too long a word":  {change: func(_ testing.TB, c *chain) { c.rule("ALLOW", strings.Repeat("*", 257)) }, want: "at most 256 bytes", invalid: true},
		"a rule with an empty pattern": {change: func(_ testing.TB, c *chain) { c.rule("ALLOW", "") }, want: "the pattern is empty", invalid: true},
		"a rule with what there is not": {change: func(_ testing.TB, c *chain) {
			c.rule("MATCH", "*", "WITH", "BYPRODUCTS", "FROM", "write")
		}, want: "want WITH MATERIALS or WITH PRODUCTS", invalid: true},
		"a malformed pattern, which the library would skip": {change: func(_ testing.TB, c *chain) { c.rule("DISALLOW", "[") }, want: "the pattern is malformed", invalid: true},
		"another malformed pattern":                         {change: func(_ testing.TB, c *chain) { c.rule("DISALLOW", "[!]") }, want: "the pattern is malformed", invalid: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			test.change(t, c)
			got := c.verify(t)
			reason := v1alpha1.ReasonLayoutBroken
			if test.invalid {
				reason = v1alpha1.ReasonInvalidLayout
			}
			switch {
			case test.want == "":
				want := evidence.LayoutResult{Passed: true, Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			case got.Passed || got.Reason != reason || !strings.Contains(got.Message, test.want) || len(got.Message) > 256:
				t.Errorf("got %+v, want %s: …%s…", got, reason, test.want)
			}
			if again := c.verify(t); again.Message != got.Message {
				t.Errorf("the message is not stable: %s", again.Message)
			}
		})
	}
}

// replace changes the text of a link.
func (c *chain) replace(t testing.TB, i int, old, replacement string) {
	t.Helper()
	text := string(c.links[i].Statement)
	if !strings.Contains(text, old) {
		t.Fatalf("%s is not there to be changed in %s", old, text)
	}
	c.links[i].Statement = []byte(strings.Replace(text, old, replacement, 1))
}

// rule adds a rule for the products of the first step, before the others.
func (c *chain) rule(words ...string) {
	c.layout.Steps[0].ExpectedProducts = append([][]string{words}, c.layout.Steps[0].ExpectedProducts...)
}

// TestRules has a case for each kind of rule in which it is broken and one in which it is not.
func TestRules(t *testing.T) {
	before, after := artifacts{"kept": "1", "changed": "1", "removed": "1"}, artifacts{"kept": "1", "changed": "2", "added": "1"}
	for name, test := range map[string]struct {
		materials, products [][]string
		want                string
	}{
		"every kind":           {[][]string{{"delete", "removed"}, {"ALLOW", "*"}}, [][]string{{"CREATE", "added"}, {"MODIFY", "changed"}, {"MATCH", "kept", "WITH", "MATERIALS", "FROM", "work"}, {"DISALLOW", "*"}}, ""},
		"without CREATE":       {nil, [][]string{{"MODIFY", "changed"}, {"ALLOW", "kept"}, {"DISALLOW", "*"}}, "products break the rule DISALLOW *"},
		"CREATE of another":    {nil, [][]string{{"CREATE", "kept"}, {"MODIFY", "changed"}, {"ALLOW", "added"}, {"DISALLOW", "*"}}, "products break the rule DISALLOW *"},
		"MODIFY of another":    {nil, [][]string{{"MODIFY", "kept"}, {"ALLOW", "[!k]*"}, {"DISALLOW", "*"}}, "products break the rule DISALLOW *"},
		"DELETE of another":    {[][]string{{"DELETE", "kept"}, {"ALLOW", "[!k]*"}, {"DISALLOW", "kept"}}, nil, "materials break the rule DISALLOW kept"},
		"MATCH of what is not": {nil, [][]string{{"MATCH", "*", "WITH", "MATERIALS", "FROM", "work"}, {"ALLOW", "added"}, {"DISALLOW", "*"}}, "products break the rule DISALLOW *"},
		"MATCH of no step":     {nil, [][]string{{"MATCH", "*", "WITH", "MATERIALS", "FROM", "play"}, {"DISALLOW", "*"}}, "products break the rule DISALLOW *"},
		"ALLOW what is there":  {nil, [][]string{{"ALLOW", "*"}, {"DISALLOW", "*"}}, ""},
		"REQUIRE what is":      {nil, [][]string{{"REQUIRE", "./added"}}, ""},
		"REQUIRE what was":     {nil, [][]string{{"REQUIRE", "removed"}}, "products break the rule REQUIRE removed"},
		"the first is named":   {nil, [][]string{{"ALLOW", "added"}, {"DISALLOW", "kept"}, {"DISALLOW", "*"}}, "products break the rule DISALLOW kept"},
		"no rules":             {nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			c.layout = newLayout([]person{c.bob}, step("work", 1, test.materials, test.products, c.bob))
			c.links, c.about = []evidence.Signed{c.bob.attestation(t, "work", before, after)}, image.DigestOf([]byte("2"))
			if got := c.verify(t); got.Passed != (test.want == "") || !strings.Contains(got.Message, test.want) {
				t.Errorf("got %+v, want %q", got, test.want)
			}
		})
	}
}

// TestCVE202141087: a functionary hides an artifact from a DISALLOW by the way in which its path is written.
func TestCVE202141087(t *testing.T) {
	for name, path := range map[string]string{"as it is": "evil.sh", "here": "./evil.sh", "down and up": "src/../evil.sh", "slashes": ".//evil.sh"} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			c.layout.Steps[0].ExpectedProducts = [][]string{{"DISALLOW", "evil.sh"}, {"ALLOW", "*"}}
			c.layout.Steps[1].ExpectedMaterials = [][]string{{"MATCH", "*", "WITH", "PRODUCTS", "FROM", "write"}}
			c.links[0] = c.alice.attestation(t, "write", nil, artifacts{"main.go": "package main", path: "x"})
			if got := c.verify(t); got.Passed || got.Message != "step write: its products break the rule DISALLOW evil.sh" {
				t.Errorf("got %+v", got)
			}
			c.links[0] = c.alice.attestation(t, "write", nil, artifacts{"main.go": "package main"})
			if got := c.verify(t); !got.Passed {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("two spellings of one name", func(t *testing.T) {
		c := newChain(t)
		c.links[0] = c.alice.attestation(t, "write", nil, artifacts{"main.go": "package main", "go.mod": "module shop", "./main.go": "package evil"})
		if got := c.verify(t); got.Passed || !strings.Contains(got.Message, "step write wants links by 1 of its functionaries, and the image has them by 0") {
			t.Errorf("got %+v", got)
		}
	})
}

// TestGHSApmwq: implementations disagreed on which character negates, so that one rule said two things.
func TestGHSApmwq(t *testing.T) {
	for pattern, want := range map[string]string{
		"[!a]*":   "",
		"[^a]*":   "write [!…] for any other character",
		"[\\^a]*": "step write: its products break the rule DISALLOW *",
	} {
		t.Run(pattern, func(t *testing.T) {
			c := newChain(t)
			c.layout.Steps[0].ExpectedProducts = [][]string{{"ALLOW", pattern}, {"DISALLOW", "*"}}
			got := c.verify(t)
			// What is not ASCII is escaped in messages.
			if got.Passed != (want == "") || !strings.Contains(got.Message, strings.ReplaceAll(want, "…", `\u2026`)) {
				t.Errorf("got %+v, want %q", got, want)
			}
		})
	}
}

func TestManyArtifactsAreBounded(t *testing.T) {
	many := artifacts{}
	for i := range 19_000 {
		many[fmt.Sprintf("%d.go", i)] = "x"
	}
	c := newChain(t)
	c.layout.Steps[0].ExpectedProducts = slices.Repeat([][]string{{"ALLOW", "*"}}, 256)
	c.links[0] = c.alice.attestation(t, "write", nil, many)
	if got := c.verify(t); got.Passed || got.Message != "step write: there are too many artifacts for so many rules" {
		t.Errorf("got %+v", got)
	}
	for i := range 2_000 {
		many[fmt.Sprintf("%d.c", i)] = "x"
	}
	c.links[0] = c.alice.attestation(t, "write", nil, many)
	if got := c.verify(t); got.Passed || !strings.Contains(got.Message, "the image has them by 0") {
		t.Errorf("got %+v", got)
	}
}

func TestFunctionaries(t *testing.T) {
	c := newChain(t)
	keys, err := intoto.Verifier{}.Functionaries(layout.Layout{Document: c.sign(t, c.layout), Owners: c.owners}, c.links)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{c.alice.key.Fingerprint, c.bob.key.Fingerprint, c.carol.key.Fingerprint}
	slices.Sort(want)
	if diff := cmp.Diff(want, fingerprints(keys)); diff != "" {
		t.Error(diff)
	}
	if _, err := (intoto.Verifier{}).Functionaries(layout.Layout{Document: c.sign(t, c.layout), Owners: []signature.Key{c.stranger.key}}, nil); err == nil ||
		!strings.Contains(err.Error(), "not signed by its owner") {
		t.Errorf("got %v", err)
	}
}

func fingerprints(keys []signature.Key) []string {
	var list []string
	for _, key := range keys {
		list = append(list, key.Fingerprint)
	}
	return list
}
