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
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
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

func TestResolve(t *testing.T) {
	text, fingerprint := publicKey(t)
	namespaced := policy.Policy{Name: "prod/strict", Namespace: "prod"}
	clusterWide := policy.Policy{Name: "strict"}
	maps := map[string]map[string]string{
		"prod/keys":  {"cosign.pub": text, "bad.pub": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
		"assay/keys": {"cosign.pub": text},
	}
	for name, test := range map[string]struct {
		policy    policy.Policy
		authority v1alpha1.Authority
		want      evidence.Fact[string]
	}{
		"an inline key is known by its fingerprint": {
			namespaced, inline("ci", text), evidence.Checked(fingerprint),
		},
		"an inline key that is none is invalid": {
			namespaced, inline("ci", "ssh-ed25519 AAAA"),
			evidence.Unchecked[string](v1alpha1.ReasonInvalidKey,
				"key.inline: invalid public key: want a PEM block of type PUBLIC KEY, as cosign.pub has"),
		},
		"an authority without a key is invalid": {
			namespaced, v1alpha1.Authority{Name: "ci"},
			evidence.Unchecked[string](v1alpha1.ReasonInvalidKey, "it has no key; set key"),
		},
		"a policy's ConfigMap stands in its own namespace": {
			namespaced, referring("ci", "keys", "cosign.pub"), evidence.Checked(fingerprint),
		},
		"a cluster-wide policy's ConfigMap stands in Assay's namespace": {
			clusterWide, referring("ci", "keys", "cosign.pub"), evidence.Checked(fingerprint),
		},
		"a ConfigMap of the same name elsewhere does not help": {
			policy.Policy{Name: "dev/strict", Namespace: "dev"}, referring("ci", "keys", "cosign.pub"),
			evidence.Unchecked[string](v1alpha1.ReasonKeyNotFound,
				"ConfigMap keys does not exist in namespace dev; create it with the public key under cosign.pub"),
		},
		"a ConfigMap without the key says so": {
			namespaced, referring("ci", "keys", "release.pub"),
			evidence.Unchecked[string](v1alpha1.ReasonKeyNotFound,
				"ConfigMap keys in namespace prod has no key release.pub; put the public key there"),
		},
		"a text in a ConfigMap that is no key is invalid": {
			namespaced, referring("ci", "keys", "bad.pub"),
			evidence.Unchecked[string](v1alpha1.ReasonInvalidKey,
				"bad.pub of ConfigMap keys in namespace prod: invalid public key: not a PKIX key of a known kind"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := keys.Resolver{ConfigMaps: &fake.ConfigMaps{Data: maps}, Namespace: "assay"}
			set, err := resolver.Resolve(t.Context(), []policy.Policy{counting(test.policy, test.authority)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, set.Policies[0].Authorities[test.authority.Name]); diff != "" {
				t.Errorf("authority (-want +got):\n%s", diff)
			}
			if wanted := test.want.State == evidence.Known; wanted != (len(set.Keys) == 1) {
				t.Errorf("%d keys", len(set.Keys))
			}
		})
	}
}

func TestKeysAreDistinctAndOnlyThoseThatCount(t *testing.T) {
	first, firstPrint := publicKey(t)
	second, secondPrint := publicKey(t)
	unused, _ := publicKey(t)
	p := counting(policy.Policy{Name: "prod/strict", Namespace: "prod"}, inline("a", first), inline("again", first), inline("b", second))
	p.Spec.Authorities = append(p.Spec.Authorities, inline("unused", unused))
	resolver := keys.Resolver{ConfigMaps: &fake.ConfigMaps{}}
	set, err := resolver.Resolve(t.Context(), []policy.Policy{p, p})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, key := range set.Keys {
		if key.Public == nil {
			t.Errorf("key %s has no public key", key.Fingerprint)
		}
		got[key.Fingerprint]++
	}
	if diff := cmp.Diff(map[string]int{firstPrint: 1, secondPrint: 1}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
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
		"a ConfigMap": {Policies: fake.Policies{All: []policy.Policy{p}}, ConfigMaps: &fake.ConfigMaps{Err: broken}},
		"a policy":    {Policies: fake.Policies{Err: broken}, ConfigMaps: &fake.ConfigMaps{}},
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
	configMaps := &fake.ConfigMaps{Err: errors.New("must not be asked")}
	resolver := keys.Resolver{Policies: fake.Policies{All: []policy.Policy{mine, other}}, ConfigMaps: configMaps}
	set, err := resolver.Matching(t.Context(), "prod", repository)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"prod/b"}, policy.Names(set.Policies)); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

func TestRemember(t *testing.T) {
	reference := v1alpha1.ConfigMapKeyReference{Name: "keys", Key: "cosign.pub"}
	for name, test := range map[string]struct {
		reader *fake.ConfigMaps
		after  time.Duration
		reads  int
	}{
		"a text is remembered for two minutes": {
			&fake.ConfigMaps{Data: map[string]map[string]string{"prod/keys": {"cosign.pub": "text"}}}, 119 * time.Second, 1,
		},
		"a text is read anew after that": {
			&fake.ConfigMaps{Data: map[string]map[string]string{"prod/keys": {"cosign.pub": "text"}}}, 2 * time.Minute, 2,
		},
		"that there is none is remembered for ten seconds": {&fake.ConfigMaps{}, 9 * time.Second, 1},
		"that there is none is found out anew after that":  {&fake.ConfigMaps{}, 10 * time.Second, 2},
		"an outage is not remembered":                      {&fake.ConfigMaps{Err: errors.New("gone")}, 0, 2},
		"a large document is remembered, too": {
			&fake.ConfigMaps{Data: map[string]map[string]string{"prod/keys": {"cosign.pub": strings.Repeat("a", 1<<20)}}}, 0, 1,
		},
		"a text that no ConfigMap holds is not remembered": {
			&fake.ConfigMaps{Data: map[string]map[string]string{"prod/keys": {"cosign.pub": strings.Repeat("a", 16<<20+1)}}}, 0, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			remembering := keys.Remember(test.reader, clock)
			first, firstErr := remembering.Read(t.Context(), "prod", reference)
			clock.SetTime(clock.Now().Add(test.after))
			second, secondErr := remembering.Read(t.Context(), "prod", reference)
			if test.reader.Reads != test.reads {
				t.Errorf("read %d times, want %d", test.reader.Reads, test.reads)
			}
			if first != second || !errors.Is(secondErr, firstErr) {
				t.Errorf("first %q, %v; second %q, %v", first, firstErr, second, secondErr)
			}
		})
	}
}
