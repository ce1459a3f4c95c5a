// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/fake"
	"github.com/assay-dev/assay/internal/signature"
)

func inSecret(name v1alpha1.ObjectName, key string) *v1alpha1.SecretKeyReference {
	return &v1alpha1.SecretKeyReference{Name: name, Key: key}
}

func inConfigMap(name v1alpha1.ObjectName, key string) *v1alpha1.ConfigMapKeyReference {
	return &v1alpha1.ConfigMapKeyReference{Name: name, Key: key}
}

func ofKey(source v1alpha1.KeySource) v1alpha1.Authority {
	return v1alpha1.Authority{Name: "ci", Key: &source}
}

func ofIdentities(source v1alpha1.KeylessAuthority) v1alpha1.Authority {
	if source.Identities == nil {
		source.Identities = []v1alpha1.Identity{{Issuer: "i", Subject: "s"}}
	}
	return v1alpha1.Authority{Name: "ci", Keyless: &source}
}

func ofChain(source v1alpha1.CertificateAuthority) v1alpha1.Authority {
	return v1alpha1.Authority{Name: "ci", Certificate: &source}
}

func TestKeysInSecrets(t *testing.T) {
	text, fingerprint := publicKey(t)
	texts := func() *fake.Texts {
		return &fake.Texts{
			ConfigMaps: map[string]map[string]string{"prod/keys": {"cosign.pub": "of a ConfigMap"}},
			Secrets:    map[string]map[string]string{"prod/keys": {"cosign.pub": text, "bad.pub": "hunter2"}, "assay/keys": {"cosign.pub": text}, "closed/keys": {"cosign.pub": text}},
			Forbidden:  map[string]bool{"closed": true},
		}
	}
	in := func(namespace string) policy.Policy {
		return policy.Policy{Name: namespace + "/strict", Namespace: namespace}
	}
	for name, test := range map[string]struct {
		policy policy.Policy
		key    string
		want   evidence.Fact[string]
	}{
		"one that is there": {namespaced, "cosign.pub", known(fingerprint)},
		"a cluster-wide policy's Secret stands in Assay's namespace": {clusterWide, "cosign.pub", known(fingerprint)},
		"a key that is not there":                                    {namespaced, "release.pub", unusable(v1alpha1.ReasonKeyNotFound, "Secret keys in namespace prod has no key release.pub; put the public key there")},
		"a Secret that is not there":                                 {in("dev"), "cosign.pub", unusable(v1alpha1.ReasonKeyNotFound, "Secret keys does not exist in namespace dev; create it with the public key under cosign.pub")},
		"a text that is no key is not repeated": {namespaced, "bad.pub", unusable(v1alpha1.ReasonInvalidKey,
			"bad.pub of Secret keys in namespace prod: invalid public key: want a PEM block of type PUBLIC KEY, as cosign.pub has")},
		"a namespace that does not let Assay read Secrets": {in("closed"), "cosign.pub", unusable(v1alpha1.ReasonSecretForbidden,
			"Assay may not read Secrets in namespace closed; allow it with: kubectl create rolebinding assay-secret-reader --namespace=closed --clusterrole=assay-secret-reader --serviceaccount=assay:assay-controller")},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := &keys.Resolver{Texts: texts(), Namespace: "assay"}
			got, _ := resolve(t, resolver, counting(test.policy, ofKey(v1alpha1.KeySource{SecretKeyRef: inSecret("keys", test.key)})))
			if diff := cmp.Diff(test.want, keyOf(got.Authorities["ci"])); diff != "" {
				t.Errorf("authority (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheRoleBindingNamesTheUsualNamespaceWhereNobodySaysAnother(t *testing.T) {
	resolver := &keys.Resolver{Texts: &fake.Texts{Forbidden: map[string]bool{"prod": true}}}
	got, _ := resolve(t, resolver, counting(namespaced, ofKey(v1alpha1.KeySource{SecretKeyRef: inSecret("keys", "cosign.pub")})))
	if message := got.Authorities["ci"].Message; !strings.HasSuffix(message, "--serviceaccount=assay-system:assay-controller") || len(message) > 256 {
		t.Errorf("got %s", message)
	}
}

// services are keys by their URIs.
type services map[string]signature.Key

func (s services) PublicKey(_ context.Context, uri string) (signature.Key, error) {
	key, found := s[uri]
	if !found {
		return signature.Key{}, errors.New("no such key\x1b[2J" + strings.Repeat("!", 1000))
	}
	return key, nil
}

// outage is a service that cannot be asked.
type outage struct{}

func (outage) PublicKey(context.Context, string) (signature.Key, error) {
	return signature.Key{}, fmt.Errorf("%w: gone", keys.ErrServiceUnavailable)
}

func TestKeysOfServices(t *testing.T) {
	text, fingerprint := publicKey(t)
	key, err := signature.ParseKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		services keys.KeyServices
		uri      string
		want     evidence.Fact[string]
	}{
		"a key that the service has": {services{"hashivault://release": key}, "hashivault://release", known(fingerprint)},
		"one that it has not":        {services{}, "hashivault://release", unusable(v1alpha1.ReasonInvalidKey, evidence.Printable(`key.kms: no such key\x1b[2J`+strings.Repeat("!", 1000), 256))},
		"a service that cannot be asked": {outage{}, "hashivault://release", unusable(v1alpha1.ReasonSignatureUnchecked,
			"key.kms: the key management service could not be asked: gone")},
		"no service": {nil, "hashivault://release", unusable(v1alpha1.ReasonInvalidKey,
			"key.kms: no program for key management services is configured; set --kms-program of assay-controller, or give the public key itself")},
	} {
		t.Run(name, func(t *testing.T) {
			texts := &fake.Texts{}
			got, _ := resolve(t, &keys.Resolver{Texts: texts, Services: test.services}, counting(namespaced, ofKey(v1alpha1.KeySource{KMS: test.uri})))
			if diff := cmp.Diff(test.want, keyOf(got.Authorities["ci"])); diff != "" {
				t.Errorf("authority (-want +got):\n%s", diff)
			}
			if texts.Reads > 0 {
				t.Error("a ConfigMap was read, too")
			}
		})
	}
}

// anchored is what signatures of an authority are checked against.
type anchored struct {
	Key                     bool
	Root, Chain, Timestamps string
	Logged, Timed           bool
}

func TestWhatSignaturesAreCheckedAgainst(t *testing.T) {
	text, _ := publicKey(t)
	moment := new(v1alpha1.Timestamp("2026-01-01T00:00:00Z"))
	root := &v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("trust", "root.json")}
	secretRoot := &v1alpha1.DocumentSource{SecretKeyRef: inSecret("trust", "root.json")}
	stamps := &v1alpha1.TextSource{ConfigMapKeyRef: inConfigMap("trust", "tsa.pem")}
	inlined := v1alpha1.TextSource{Inline: "chain"}
	type (
		key     = v1alpha1.KeySource
		keyless = v1alpha1.KeylessAuthority
		chain   = v1alpha1.CertificateAuthority
	)
	for name, test := range map[string]struct {
		authority v1alpha1.Authority
		want      anchored
	}{
		"a key":                             {ofKey(key{Inline: text}), anchored{Key: true}},
		"a key, with a root nobody asks":    {ofKey(key{Inline: text, TrustRoot: root, Timestamps: stamps}), anchored{Key: true}},
		"a key with its log optional":       {ofKey(key{Inline: text, TransparencyLog: v1alpha1.LogOptional}), anchored{Key: true}},
		"a key that must be logged":         {ofKey(key{Inline: text, TransparencyLog: v1alpha1.LogRequired}), anchored{Key: true, Root: "public", Logged: true}},
		"in a log of one's own":             {ofKey(key{Inline: text, TransparencyLog: v1alpha1.LogRequired, TrustRoot: root}), anchored{Key: true, Root: "root", Logged: true}},
		"a key with a beginning":            {ofKey(key{Inline: text, NotBefore: moment}), anchored{Key: true, Root: "public", Timed: true}},
		"a key with an end":                 {ofKey(key{Inline: text, NotAfter: moment, TrustRoot: secretRoot, Timestamps: stamps}), anchored{Key: true, Root: "secret root", Timestamps: "tsa", Timed: true}},
		"identities":                        {ofIdentities(keyless{}), anchored{Root: "public", Logged: true, Timed: true}},
		"identities that must be logged":    {ofIdentities(keyless{TransparencyLog: v1alpha1.LogRequired}), anchored{Root: "public", Logged: true, Timed: true}},
		"identities without a log":          {ofIdentities(keyless{TransparencyLog: v1alpha1.LogOptional}), anchored{Root: "public", Timed: true}},
		"identities of one's own Sigstore":  {ofIdentities(keyless{TrustRoot: root, Timestamps: stamps}), anchored{Root: "root", Timestamps: "tsa", Logged: true, Timed: true}},
		"identities, by a root in a Secret": {ofIdentities(keyless{TrustRoot: secretRoot}), anchored{Root: "secret root", Logged: true, Timed: true}},
		"a chain":                           {ofChain(chain{Chain: inlined}), anchored{Chain: "chain"}},
		"a chain in a ConfigMap":            {ofChain(chain{Chain: v1alpha1.TextSource{ConfigMapKeyRef: inConfigMap("trust", "ca.pem")}}), anchored{Chain: "ca"}},
		"a chain in a Secret":               {ofChain(chain{Chain: v1alpha1.TextSource{SecretKeyRef: inSecret("trust", "ca.pem")}}), anchored{Chain: "secret ca"}},
		"a chain with timestamps":           {ofChain(chain{Chain: inlined, Timestamps: stamps}), anchored{Chain: "chain", Timestamps: "tsa"}},
		"a chain with a root":               {ofChain(chain{Chain: inlined, TrustRoot: root}), anchored{Chain: "chain", Root: "root"}},
		"a chain that must be logged":       {ofChain(chain{Chain: inlined, TransparencyLog: v1alpha1.LogRequired}), anchored{Chain: "chain", Root: "public", Logged: true}},
		"a chain with its log optional":     {ofChain(chain{Chain: inlined, TransparencyLog: v1alpha1.LogOptional}), anchored{Chain: "chain"}},
		"a chain in a log of one's own":     {ofChain(chain{Chain: inlined, TransparencyLog: v1alpha1.LogRequired, TrustRoot: root, Timestamps: stamps}), anchored{Chain: "chain", Root: "root", Timestamps: "tsa", Logged: true}},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := &keys.Resolver{Texts: trusts(), PublicRoot: func() []byte { return []byte("public") }}
			p, anchors := resolve(t, resolver, counting(namespaced, test.authority))
			if len(anchors) != 1 || anchors[0].ID() != p.Authorities["ci"].Value.Anchor {
				t.Fatalf("%d anchors: %s", len(anchors), p.Authorities["ci"].Message)
			}
			a := anchors[0]
			got := anchored{a.Key != nil, string(a.Root), string(a.Chain), string(a.Timestamps), a.Logged, a.Timed}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("anchor (-want +got):\n%s", diff)
			}
		})
	}
}

// trusts are the texts that trust roots, chains and timestamp authorities of the tests stand in.
func trusts() *fake.Texts {
	return &fake.Texts{
		ConfigMaps: map[string]map[string]string{"prod/trust": {"root.json": "root", "tsa.pem": "tsa", "ca.pem": "ca"}},
		Secrets:    map[string]map[string]string{"prod/trust": {"root.json": "secret root", "ca.pem": "secret ca"}},
	}
}

func TestTrustThatIsNotThere(t *testing.T) {
	text, _ := publicKey(t)
	none := &v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("none", "root.json")}
	noText := &v1alpha1.TextSource{SecretKeyRef: inSecret("none", "tsa.pem")}
	const noRoot, noStamps = "ConfigMap none does not exist in namespace prod; create it with the trust root under root.json",
		"Secret none does not exist in namespace prod; create it with the timestamp authorities' certificates under tsa.pem"
	type (
		key     = v1alpha1.KeySource
		keyless = v1alpha1.KeylessAuthority
		chain   = v1alpha1.CertificateAuthority
	)
	inlined := v1alpha1.TextSource{Inline: "chain"}
	for name, test := range map[string]struct {
		authority       v1alpha1.Authority
		reason, message string
	}{
		"a key's root":                  {ofKey(key{Inline: text, TransparencyLog: v1alpha1.LogRequired, TrustRoot: none}), v1alpha1.ReasonKeyNotFound, noRoot},
		"a key's timestamps":            {ofKey(key{Inline: text, TransparencyLog: v1alpha1.LogRequired, TrustRoot: rooted(), Timestamps: noText}), v1alpha1.ReasonKeyNotFound, noStamps},
		"identities' root":              {ofIdentities(keyless{TrustRoot: none}), v1alpha1.ReasonKeyNotFound, noRoot},
		"identities' timestamps":        {ofIdentities(keyless{TrustRoot: rooted(), Timestamps: noText}), v1alpha1.ReasonKeyNotFound, noStamps},
		"a chain":                       {ofChain(chain{Chain: *noText}), v1alpha1.ReasonKeyNotFound, "Secret none does not exist in namespace prod; create it with the chain of certificates under tsa.pem"},
		"a chain's root":                {ofChain(chain{Chain: inlined, TrustRoot: none}), v1alpha1.ReasonKeyNotFound, noRoot},
		"a chain's timestamps":          {ofChain(chain{Chain: inlined, Timestamps: noText}), v1alpha1.ReasonKeyNotFound, noStamps},
		"a chain that stands nowhere":   {ofChain(chain{}), v1alpha1.ReasonKeyNotFound, "certificate.chain says nowhere where the chain of certificates stands"},
		"a root that stands nowhere":    {ofIdentities(keyless{TrustRoot: &v1alpha1.DocumentSource{}}), v1alpha1.ReasonKeyNotFound, "keyless.trustRoot says nowhere where the trust root stands"},
		"no public root for a key":      {ofKey(key{Inline: text, TransparencyLog: v1alpha1.LogRequired}), v1alpha1.ReasonInvalidTrustRoot, "no public trust root is configured; set key.trustRoot"},
		"no public root for identities": {ofIdentities(keyless{}), v1alpha1.ReasonInvalidTrustRoot, "no public trust root is configured; set keyless.trustRoot"},
		"no public root for a chain":    {ofChain(chain{Chain: inlined, TransparencyLog: v1alpha1.LogRequired}), v1alpha1.ReasonInvalidTrustRoot, "no public trust root is configured; set certificate.trustRoot"},
		"an identity that is no expression": {ofIdentities(keyless{TrustRoot: rooted(), Identities: []v1alpha1.Identity{{IssuerRegExp: "(", Subject: "s"}}}), v1alpha1.ReasonInvalidIdentity,
			"keyless.identities: issuerRegExp: \"(\" is no regular expression: error parsing regexp: missing closing ): `(`"},
		"a subject that is no expression": {ofChain(chain{Chain: inlined, SubjectRegExp: "("}), v1alpha1.ReasonInvalidIdentity,
			"certificate.subjectRegExp: \"(\" is no regular expression: error parsing regexp: missing closing ): `(`"},
	} {
		t.Run(name, func(t *testing.T) {
			p, anchors := resolve(t, &keys.Resolver{Texts: trusts()}, counting(namespaced, test.authority))
			got := p.Authorities["ci"]
			if got.State != evidence.CouldNotCheck || got.Reason != test.reason || got.Message != test.message || len(anchors) > 0 {
				t.Errorf("got %s: %s, with %d anchors", got.Reason, got.Message, len(anchors))
			}
		})
	}
}

func rooted() *v1alpha1.DocumentSource {
	return &v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("trust", "root.json")}
}

func TestTrustThatNobodyCouldLookForIsAnError(t *testing.T) {
	text, _ := publicKey(t)
	for name, a := range map[string]v1alpha1.Authority{
		"a key":                  ofKey(v1alpha1.KeySource{SecretKeyRef: inSecret("trust", "x")}),
		"a key's root":           ofKey(v1alpha1.KeySource{Inline: text, TransparencyLog: v1alpha1.LogRequired, TrustRoot: rooted()}),
		"identities' root":       ofIdentities(v1alpha1.KeylessAuthority{TrustRoot: rooted()}),
		"identities' timestamps": ofIdentities(v1alpha1.KeylessAuthority{Timestamps: &v1alpha1.TextSource{SecretKeyRef: inSecret("trust", "x")}}),
		"a chain":                ofChain(v1alpha1.CertificateAuthority{Chain: v1alpha1.TextSource{SecretKeyRef: inSecret("trust", "x")}}),
		"a chain's timestamps":   ofChain(v1alpha1.CertificateAuthority{Chain: v1alpha1.TextSource{Inline: "x"}, Timestamps: &v1alpha1.TextSource{SecretKeyRef: inSecret("trust", "x")}}),
		"a chain's root":         ofChain(v1alpha1.CertificateAuthority{Chain: v1alpha1.TextSource{Inline: "x"}, TrustRoot: rooted()}),
	} {
		t.Run(name, func(t *testing.T) {
			resolver := &keys.Resolver{Texts: &fake.Texts{Err: errGone}, PublicRoot: func() []byte { return nil }}
			if _, err := resolver.Resolve(t.Context(), []policy.Policy{counting(namespaced, a)}); !errors.Is(err, errGone) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAnAnchorIsLookedAtOnce however many policies name it and however often they are read; another content is another anchor.
func TestAnAnchorIsLookedAtOnce(t *testing.T) {
	looked := map[string]int{}
	texts := trusts()
	resolver := &keys.Resolver{Texts: texts, CheckAnchor: func(a signature.Anchor) error {
		looked[string(a.Root)]++
		if string(a.Root) == "root" {
			return errors.New("the trust root is malformed\x1b[2J")
		}
		return nil
	}}
	p := counting(namespaced, ofIdentities(v1alpha1.KeylessAuthority{TrustRoot: rooted()}))
	for range 3 {
		got, anchors := resolve(t, resolver, p)
		if fact := got.Authorities["ci"]; fact.Reason != v1alpha1.ReasonInvalidTrustRoot || fact.Message != `the trust root is malformed\x1b[2J` || len(anchors) > 0 {
			t.Fatalf("got %s: %s, with %d anchors", fact.Reason, fact.Message, len(anchors))
		}
	}
	texts.ConfigMaps["prod/trust"]["root.json"] = "mended"
	for range 3 {
		if got, anchors := resolve(t, resolver, p); got.Authorities["ci"].State != evidence.Known || len(anchors) != 1 {
			t.Fatalf("got %s", got.Authorities["ci"].Message)
		}
	}
	if diff := cmp.Diff(map[string]int{"root": 1, "mended": 1}, looked); diff != "" {
		t.Errorf("looked (-want +got):\n%s", diff)
	}
}
