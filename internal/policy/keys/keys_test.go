// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/fake"
	"github.com/assay-dev/assay/internal/signature"
)

// publicKey returns a new key in PEM form, and its fingerprint.
func publicKey(t *testing.T) (text, fingerprint string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	key, err := signature.ParseKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return text, key.Fingerprint
}

func inline(name v1alpha1.RuleName, text string) v1alpha1.Authority {
	return v1alpha1.Authority{Name: name, Key: &v1alpha1.KeySource{Inline: text}}
}

func referring(name v1alpha1.RuleName, configMap v1alpha1.ObjectName, key string) v1alpha1.Authority {
	return v1alpha1.Authority{Name: name, Key: &v1alpha1.KeySource{
		ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: configMap, Key: key},
	}}
}

func counting(p policy.Policy, authorities ...v1alpha1.Authority) policy.Policy {
	p.Spec.Authorities = authorities
	for _, a := range authorities {
		p.Spec.Signatures = append(p.Spec.Signatures, v1alpha1.SignatureRule{Name: a.Name, AnyOf: []v1alpha1.RuleName{a.Name}})
	}
	return p
}

// known is what an authority of a key should be, and unusable one that is not.
func known(fingerprint string) evidence.Fact[string] { return evidence.Checked(fingerprint) }

func unusable(reason, message string) evidence.Fact[string] {
	return evidence.Unchecked[string](reason, message)
}

// keyOf returns the fact with the key's fingerprint alone.
func keyOf(fact evidence.Fact[authority.Authority]) evidence.Fact[string] {
	return evidence.Fact[string]{State: fact.State, Value: fact.Value.Key, Reason: fact.Reason, Message: fact.Message}
}

// resolve returns the one policy, and what its signatures are checked against.
func resolve(t *testing.T, resolver *keys.Resolver, p policy.Policy) (policy.Policy, []signature.Anchor) {
	t.Helper()
	set, err := resolver.Resolve(t.Context(), []policy.Policy{p})
	if err != nil {
		t.Fatal(err)
	}
	return set.Policies[0], set.Anchors
}

func TestKeysInConfigMaps(t *testing.T) {
	text, fingerprint := publicKey(t)
	maps := map[string]map[string]string{
		"prod/keys":  {"cosign.pub": text, "bad.pub": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
		"assay/keys": {"cosign.pub": text},
	}
	for name, test := range map[string]struct {
		policy    policy.Policy
		authority v1alpha1.Authority
		want      evidence.Fact[string]
	}{
		"an inline key is known by its fingerprint": {namespaced, inline("ci", text), known(fingerprint)},
		"an inline key that is none is invalid": {
			namespaced, inline("ci", "ssh-ed25519 AAAA"),
			unusable(v1alpha1.ReasonInvalidKey, "key.inline: invalid public key: want a PEM block of type PUBLIC KEY, as cosign.pub has"),
		},
		"an authority that is nobody is invalid": {
			namespaced, v1alpha1.Authority{Name: "ci"}, unusable(v1alpha1.ReasonInvalidKey, "it says not who it is; set key, keyless or certificate"),
		},
		"a key that stands nowhere is not found": {
			namespaced, v1alpha1.Authority{Name: "ci", Key: &v1alpha1.KeySource{}}, unusable(v1alpha1.ReasonKeyNotFound, "key says nowhere where the public key stands"),
		},
		"a policy's ConfigMap stands in its own namespace":              {namespaced, referring("ci", "keys", "cosign.pub"), known(fingerprint)},
		"a cluster-wide policy's ConfigMap stands in Assay's namespace": {clusterWide, referring("ci", "keys", "cosign.pub"), known(fingerprint)},
		"a ConfigMap of the same name elsewhere does not help": {
			policy.Policy{Name: "dev/strict", Namespace: "dev"}, referring("ci", "keys", "cosign.pub"),
			unusable(v1alpha1.ReasonKeyNotFound, "ConfigMap keys does not exist in namespace dev; create it with the public key under cosign.pub"),
		},
		"a ConfigMap without the key says so": {
			namespaced, referring("ci", "keys", "release.pub"),
			unusable(v1alpha1.ReasonKeyNotFound, "ConfigMap keys in namespace prod has no key release.pub; put the public key there"),
		},
		"a text in a ConfigMap that is no key is invalid": {
			namespaced, referring("ci", "keys", "bad.pub"),
			unusable(v1alpha1.ReasonInvalidKey, "bad.pub of ConfigMap keys in namespace prod: invalid public key: not a PKIX key of a known kind"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := &keys.Resolver{Texts: &fake.Texts{ConfigMaps: maps}, Namespace: "assay"}
			got, anchors := resolve(t, resolver, counting(test.policy, test.authority))
			if diff := cmp.Diff(test.want, keyOf(got.Authorities["ci"])); diff != "" {
				t.Errorf("authority (-want +got):\n%s", diff)
			}
			if wanted := test.want.State == evidence.Known; wanted != (len(anchors) == 1) || wanted && anchors[0].ID() != got.Authorities["ci"].Value.Anchor {
				t.Errorf("anchors %v of %s", anchors, got.Authorities["ci"].Value.Anchor)
			}
		})
	}
}

func TestAnchorsAreDistinctAndOnlyThoseThatCount(t *testing.T) {
	first, firstPrint := publicKey(t)
	second, secondPrint := publicKey(t)
	unused, _ := publicKey(t)
	p := counting(namespaced, inline("a", first), inline("again", first), inline("b", second))
	p.Spec.Authorities = append(p.Spec.Authorities, inline("unused", unused))
	resolver := keys.Resolver{Texts: &fake.Texts{}}
	set, err := resolver.Resolve(t.Context(), []policy.Policy{p, p})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, anchor := range set.Anchors {
		if anchor.Key == nil || anchor.Key.Public == nil || anchor.Root != nil || anchor.Logged || anchor.Timed {
			t.Fatalf("anchor %+v, want a key alone", anchor)
		}
		got[anchor.Key.Fingerprint]++
	}
	if diff := cmp.Diff(map[string]int{firstPrint: 1, secondPrint: 1}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(set.Anchors, func(a, b signature.Anchor) int { return strings.Compare(a.ID(), b.ID()) }) {
		t.Error("the order of anchors is not that of their IDs")
	}
}

func TestWhatCannotBeReadIsAnErrorAndNoFact(t *testing.T) {
	broken := errors.New("the API server is gone")
	p := counting(policy.Policy{Name: "prod/strict", Namespace: "prod"}, referring("ci", "keys", "cosign.pub"))
	repository, err := image.ParseRepository("registry.example.com/shop")
	if err != nil {
		t.Fatal(err)
	}
	for name, resolver := range map[string]*keys.Resolver{
		"a ConfigMap": {Policies: fake.Policies{All: []policy.Policy{p}}, Texts: &fake.Texts{Err: broken}},
		"a policy":    {Policies: fake.Policies{Err: broken}, Texts: &fake.Texts{}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := resolver.Matching(t.Context(), "prod", repository); !errors.Is(err, broken) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestMatchingLeavesOutPoliciesOfOtherImages(t *testing.T) {
	text, _ := publicKey(t)
	mine := counting(policy.Policy{Name: "prod/b", Namespace: "prod"}, inline("ci", text))
	other := counting(policy.Policy{Name: "prod/a", Namespace: "prod"}, referring("ci", "keys", "cosign.pub"))
	other.Spec.Images = []v1alpha1.ImagePattern{"registry.example.com/other"}
	repository, err := image.ParseRepository("registry.example.com/shop")
	if err != nil {
		t.Fatal(err)
	}
	texts := &fake.Texts{Err: errors.New("must not be asked")}
	resolver := keys.Resolver{Policies: fake.Policies{All: []policy.Policy{mine, other}}, Texts: texts}
	set, err := resolver.Matching(t.Context(), "prod", repository)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"prod/b"}, policy.Names(set.Policies)); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}
