// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package authority_test

import (
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy/authority"
)

var signedAt = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// workflow is the certificate of a build, as Fulcio issues it.
func workflow() evidence.Certificate {
	return evidence.Certificate{
		Subject:          "https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main",
		Issuer:           "https://token.actions.githubusercontent.com",
		Authority:        "sigstore",
		SourceRepository: "https://github.com/shop/checkout",
		SourceRef:        "refs/heads/main",
		SourceDigest:     "693130cb6cb840a7bc9cb18c6510d536a95dc7e6",
		Workflow:         "https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main",
		WorkflowName:     "Build",
		Trigger:          "push",
		NotBefore:        signedAt.Add(-time.Minute),
		NotAfter:         signedAt.Add(9 * time.Minute),
	}
}

// whoever is an identity that the workflow meets with nothing but an issuer and a subject.
func whoever(change func(*v1alpha1.Identity)) v1alpha1.Identity {
	i := v1alpha1.Identity{IssuerRegExp: ".*", SubjectRegExp: ".*"}
	change(&i)
	return i
}

func accepts(t *testing.T, identities []v1alpha1.Identity, c evidence.Certificate) error {
	t.Helper()
	a, err := authority.OfIdentities("root", identities)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Accepts(evidence.Signer{Certificate: &c, Times: times(signedAt)}, signedAt.Add(24*time.Hour))
	return err
}

func times(at ...time.Time) []evidence.TrustedTime {
	var all []evidence.TrustedTime
	for _, t := range at {
		all = append(all, evidence.TrustedTime{Time: t, By: evidence.WitnessLog})
	}
	return all
}

func TestExactTexts(t *testing.T) {
	c := workflow()
	for name, test := range map[string]struct {
		issuer, subject string
		refused         string // why; nothing when it is not
	}{
		"both as they are":                {c.Issuer, c.Subject, ""},
		"another issuer":                  {"https://accounts.example.com", c.Subject, "its issuer is " + c.Issuer + ", want https://accounts.example.com"},
		"another subject":                 {c.Issuer, "team@example.com", "its subject is " + c.Subject + ", want team@example.com"},
		"the beginning of the issuer":     {"https://token.actions.githubusercontent.co", c.Subject, "its issuer is"},
		"more than the issuer":            {c.Issuer + "/", c.Subject, "its issuer is"},
		"another case":                    {c.Issuer, strings.ToUpper(c.Subject), "its subject is"},
		"a star is a star":                {c.Issuer, "*", "its subject is"},
		"a regular expression is not one": {".*", c.Subject, "its issuer is"},
	} {
		t.Run(name, func(t *testing.T) {
			err := accepts(t, []v1alpha1.Identity{{Issuer: v1alpha1.IdentityString(test.issuer), Subject: v1alpha1.IdentityString(test.subject)}}, c)
			check(t, err, test.refused)
		})
	}
}

// check holds an error, by how it begins, against what is wanted.
func check(t *testing.T, err error, refused string) {
	t.Helper()
	switch {
	case refused == "" && err != nil:
		t.Errorf("refused: %v", err)
	case refused != "" && (err == nil || !strings.HasPrefix(err.Error(), refused)):
		t.Errorf("got  %v\nwant %s", err, refused)
	}
}

// TestSEC26RegularExpressionsMatchTheWholeText: as CVE-2026-22772 of Fulcio did not, and CVE-2025-29778 of Kyverno not at all.
func TestSEC26RegularExpressionsMatchTheWholeText(t *testing.T) {
	for name, test := range map[string]struct {
		expression, text string
		matches          bool
	}{
		"the text":                            {`team@example\.com`, "team@example.com", true},
		"a pattern of it":                     {`[a-z]+@example\.com`, "team@example.com", true},
		"CVE-2025-29778: another text":        {`team@example\.com`, "evil@example.org", false},
		"CVE-2026-22772: more before it":      {`team@example\.com`, "evil-team@example.com", false},
		"CVE-2026-22772: more after it":       {`team@example\.com`, "team@example.com.evil.org", false},
		"CVE-2026-22772: a host as a part":    {`https://github\.com/shop/.*`, "https://evil.example/?https://github.com/shop/x", false},
		"a dot is any character, by its word": {`team@example.com`, "team@exampleXcom", true},
		"a line after it":                     {`team@example\.com`, "team@example.com\n", false},
		"a line before it":                    {`team@example\.com`, "\nteam@example.com", false},
		"a dollar is no end of a line":        {`team@example\.com$`, "team@example.com\nevil", false},
		"lines that it may be one of":         {`(?m)^team@example\.com$`, "evil\nteam@example.com\nevil", false},
		"lines that it may be one of, alone":  {`(?m)^team@example\.com$`, "team@example.com", true},
		"a dot that takes a line's end":       {`team@.*`, "team@example.com\nevil", false},
		"one that takes it by its word":       {`(?s)team@.*`, "team@example.com\nevil", true},
		"another case":                        {`team@example\.com`, "TEAM@example.com", false},
		"another case, by its word":           {`(?i)team@example\.com`, "TEAM@example.com", true},
		"the first of two":                    {`a|b`, "a", true},
		"the second of two":                   {`a|b`, "b", true},
		"the first of two with more after it": {`a|b`, "ax", false},
		"the second with more before it":      {`a|b`, "xb", false},
		"anchors of its own":                  {`^a|b$`, "b", true},
		"anchors of its own, with more":       {`^a|b$`, "ax", false},
		"nothing":                             {`()`, "a", false},
		"a flag that leaks":                   {`(?U)a.*`, "axxx", true},
	} {
		for field, certificate := range map[string]func(*evidence.Certificate){
			"issuerRegExp":  func(c *evidence.Certificate) { c.Issuer = test.text },
			"subjectRegExp": func(c *evidence.Certificate) { c.Subject = test.text },
		} {
			t.Run(name+" in "+field, func(t *testing.T) {
				c := workflow()
				certificate(&c)
				err := accepts(t, []v1alpha1.Identity{whoever(func(i *v1alpha1.Identity) {
					i.IssuerRegExp, i.SubjectRegExp = "(?s).*", "(?s).*"
					if field == "issuerRegExp" {
						i.IssuerRegExp = v1alpha1.IdentityString(test.expression)
					} else {
						i.SubjectRegExp = v1alpha1.IdentityString(test.expression)
					}
				})}, c)
				if (err == nil) != test.matches {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestExpressionsThatAreNone(t *testing.T) {
	for name, expression := range map[string]v1alpha1.IdentityString{
		"a parenthesis that nothing opens":  `a)|(.*`,
		"one that nothing closes":           `(a`,
		"two that close and open ours":      `a)(b`,
		"a class without an end":            `[a-z`,
		"a repetition of nothing":           `*a`,
		"what only other engines know":      `(?=a)b`,
		"a reference back":                  `(a)\1`,
		"a quotation that hides the anchor": `\Qa.b`,
		"more repetitions than are taken":   `(a{1000}){1000}`,
	} {
		for field, identity := range map[string]v1alpha1.Identity{
			"issuerRegExp": {IssuerRegExp: expression, Subject: "x"}, "subjectRegExp": {Issuer: "x", SubjectRegExp: expression},
		} {
			t.Run(name+" in "+field, func(t *testing.T) {
				a, err := authority.OfIdentities("root", []v1alpha1.Identity{{Issuer: "x", Subject: "y"}, identity})
				if err == nil || !strings.HasPrefix(err.Error(), field+": ") {
					t.Errorf("got %v", err)
				}
				if c := workflow(); a.ID != "" || acceptsNobody(a, c) != nil {
					t.Error("an authority came of it")
				}
			})
		}
		t.Run(name+" of a chain", func(t *testing.T) {
			if _, err := authority.OfChain("own", v1alpha1.CertificateAuthority{SubjectRegExp: expression}); err == nil || !strings.HasPrefix(err.Error(), "subjectRegExp: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// acceptsNobody returns an error's text when the authority believes the signer after all.
func acceptsNobody(a authority.Authority, c evidence.Certificate) any {
	if _, err := a.Accepts(evidence.Signer{Certificate: &c, Times: times(signedAt)}, signedAt); err == nil {
		return "believed"
	}
	return nil
}

func TestExtensions(t *testing.T) {
	type change = func(*evidence.Certificate)
	for name, test := range map[string]struct {
		identity func(*v1alpha1.Identity)
		other    change // after which alone it is refused
		refused  string
	}{
		"sourceRepository": {func(i *v1alpha1.Identity) { i.SourceRepository = "https://github.com/shop/checkout" },
			func(c *evidence.Certificate) { c.SourceRepository += "-evil" }, "its sourceRepository is https://github.com/shop/checkout-evil, want https://github.com/shop/checkout"},
		"a pattern of sourceRepository": {func(i *v1alpha1.Identity) { i.SourceRepository = "https://github.com/shop/*" },
			func(c *evidence.Certificate) { c.SourceRepository = "https://github.com/evil/shop/" }, "its sourceRepository is https://github.com/evil/shop/, want https://github.com/shop/*"},
		"sourceRepository that is not there": {func(i *v1alpha1.Identity) { i.SourceRepository = "*" },
			func(c *evidence.Certificate) { c.SourceRepository = "" }, "its certificate has no sourceRepository, want *"},
		"sourceRef": {func(i *v1alpha1.Identity) { i.SourceRef = "refs/heads/main" },
			func(c *evidence.Certificate) { c.SourceRef = "refs/heads/main2" }, "its sourceRef is refs/heads/main2, want refs/heads/main"},
		"a pattern of sourceRef": {func(i *v1alpha1.Identity) { i.SourceRef = "refs/heads/*" },
			func(c *evidence.Certificate) { c.SourceRef = "refs/tags/v1" }, "its sourceRef is refs/tags/v1, want refs/heads/*"},
		"sourceRef that is not there": {func(i *v1alpha1.Identity) { i.SourceRef = "*" },
			func(c *evidence.Certificate) { c.SourceRef = "" }, "its certificate has no sourceRef, want *"},
		"workflow by its URI": {func(i *v1alpha1.Identity) {
			i.Workflow = "https://github.com/shop/checkout/.github/workflows/build.yaml@*"
		},
			func(c *evidence.Certificate) { c.Workflow = strings.Replace(c.Workflow, "build", "evil", 1) }, "its workflow is https://github.com/shop/checkout/.github/workflows/evil.yaml@refs/heads/main, want "},
		"workflow by its name": {func(i *v1alpha1.Identity) { i.Workflow = "Build" },
			func(c *evidence.Certificate) { c.WorkflowName = "Built" }, "its workflow is Built, want Build"},
		"workflow whose author calls it what another is": {func(i *v1alpha1.Identity) {
			i.Workflow = "https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main"
		},
			func(c *evidence.Certificate) {
				c.WorkflowName, c.Workflow = c.Workflow, strings.Replace(c.Workflow, "build", "evil", 1)
			}, "its workflow is https://github.com/shop/checkout/.github/workflows/evil.yaml@refs/heads/main, want "},
		"workflow that is not there": {func(i *v1alpha1.Identity) { i.Workflow = "*" },
			func(c *evidence.Certificate) { c.Workflow, c.WorkflowName = "", "" }, "its certificate has no workflow, want *"},
		"trigger": {func(i *v1alpha1.Identity) { i.Trigger = "push" },
			func(c *evidence.Certificate) { c.Trigger = "pull_request" }, "its trigger is pull_request, want push"},
		"trigger that is not there": {func(i *v1alpha1.Identity) { i.Trigger = "*" },
			func(c *evidence.Certificate) { c.Trigger = "" }, "its certificate has no trigger, want *"},
		"hostile words": {func(i *v1alpha1.Identity) { i.Trigger = "push" },
			func(c *evidence.Certificate) { c.Trigger = "\x1b[2J" }, `its trigger is \x1b[2J, want push`},
	} {
		t.Run(name, func(t *testing.T) {
			identities := []v1alpha1.Identity{whoever(test.identity)}
			check(t, accepts(t, identities, workflow()), "")
			other := workflow()
			test.other(&other)
			check(t, accepts(t, identities, other), test.refused)
		})
	}
}

// TestSEC29AllHoldsOfOneCertificate: each of two certificates, and of two identities, has what the other lacks (kyverno #14500).
func TestSEC29AllHoldsOfOneCertificate(t *testing.T) {
	both := whoever(func(i *v1alpha1.Identity) { i.SourceRef, i.Trigger = "refs/heads/main", "push" })
	first, second := workflow(), workflow()
	first.Trigger, second.SourceRef = "pull_request", "refs/heads/evil"
	check(t, accepts(t, []v1alpha1.Identity{both}, workflow()), "")
	check(t, accepts(t, []v1alpha1.Identity{both}, first), "its trigger is pull_request, want push")
	check(t, accepts(t, []v1alpha1.Identity{both}, second), "its sourceRef is refs/heads/evil, want refs/heads/main")
	halves := []v1alpha1.Identity{
		{Issuer: "https://accounts.example.com", SubjectRegExp: ".*"}, {IssuerRegExp: ".*", Subject: "team@example.com"},
	}
	check(t, accepts(t, halves, workflow()), "its issuer is https://token.actions.githubusercontent.com, want https://accounts.example.com")
	either := append(halves, both)
	check(t, accepts(t, either, workflow()), "")
	check(t, accepts(t, nil, workflow()), "the authority names no identity")
}
