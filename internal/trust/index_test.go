// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/image"
)

func TestAdmissible(t *testing.T) {
	seal, stranger := newSeal(t), newSeal(t)
	policies := digest("policies")
	claim := func(repository string, name string, platforms ...string) Claim {
		c := Claim{Repository: repositoryOf(t, repository), Digest: digest(name), PoliciesHash: policies}
		for _, p := range platforms {
			c.Platforms = append(c.Platforms, digest(p))
		}
		return c
	}
	current := claim("example.com/shop/checkout", "current", "amd64", "arm64")
	former := claim("example.com/shop/checkout", "former")
	moved := claim("old.example.com/checkout", "moved")

	cases := map[string]struct {
		keys      *sealKey
		namespace string
		reference string
		digest    string
		change    func(p *Passport)
		want      bool
	}{
		"the current digest may run":                                 {reference: "example.com/shop/checkout", digest: "current", want: true},
		"each platform of an index that was judged may run":          {reference: "example.com/shop/checkout", digest: "arm64", want: true},
		"a digest trusted before may run":                            {reference: "example.com/shop/checkout", digest: "former", want: true},
		"a digest trusted before in another repository may run":      {reference: "old.example.com/checkout", digest: "moved", want: true},
		"a trusted digest in another repository may not run":         {reference: "example.com/shop/other", digest: "current"},
		"a digest of one repository may not run from its former one": {reference: "old.example.com/checkout", digest: "current"},
		"a digest that is not recorded may not run":                  {reference: "example.com/shop/checkout", digest: "other"},
		"a digest may not run in another namespace":                  {namespace: "prod", reference: "example.com/shop/checkout", digest: "current"},
		"nothing may run while no key is known":                      {keys: &sealKey{}, reference: "example.com/shop/checkout", digest: "current"},
		"nothing may run that another key signed":                    {keys: stranger, reference: "example.com/shop/checkout", digest: "current"},
		"a claim without a signature gives no trust": {reference: "example.com/shop/checkout", digest: "current",
			change: func(p *Passport) { p.Claims[0].Signature = "" }},
		"a claim with the signature of another claim gives no trust": {reference: "example.com/shop/checkout", digest: "current",
			change: func(p *Passport) { p.Claims[0].Signature = p.Claims[1].Signature }},
		"a platform that was not signed with the index gives no trust": {reference: "example.com/shop/checkout", digest: "smuggled",
			change: func(p *Passport) { p.Claims[0].Platforms = append(p.Claims[0].Platforms, digest("smuggled")) }},
		"the claim of another TrustedImage gives no trust": {reference: "example.com/shop/checkout", digest: "current",
			change: func(p *Passport) { p.Name = "copy" }},
		"the claim of another namespace gives no trust": {namespace: "prod", reference: "example.com/shop/checkout", digest: "current",
			change: func(p *Passport) { p.Namespace = "prod" }},
		"a claim with another hash of policies gives no trust": {reference: "example.com/shop/checkout", digest: "current",
			change: func(p *Passport) { p.Claims[0].PoliciesHash = digest("weaker") }},
		"a forged claim does not harm the others": {reference: "example.com/shop/checkout", digest: "former", want: true,
			change: func(p *Passport) { p.Claims[0].Signature = "AAAA" }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := seal.sign(Passport{Namespace: "dev", Name: "checkout", Claims: []Claim{current, former, moved}})
			if c.change != nil {
				c.change(&p)
			}
			keys := seal
			if c.keys != nil {
				keys = c.keys
			}
			namespace := "dev"
			if c.namespace != "" {
				namespace = c.namespace
			}
			reference := image.Reference{Repository: repositoryOf(t, c.reference), Digest: digest(c.digest)}
			for order, index := range map[string]*Index{"keys first": keysFirst(keys, p), "keys last": keysLast(keys, p), "listed": listed(keys, p)} {
				if got := index.Admissible(namespace, reference); got != c.want {
					t.Errorf("%s: Admissible(%q, %s) = %t, want %t", order, namespace, reference, got, c.want)
				}
			}
		})
	}
}

func keysFirst(s *sealKey, p Passport) *Index {
	x := &Index{}
	x.SetKeys(s.public())
	x.Set(p)
	return x
}

func keysLast(s *sealKey, p Passport) *Index {
	x := &Index{}
	x.Set(p)
	x.SetKeys(s.public())
	return x
}

func listed(s *sealKey, p Passport) *Index {
	x := &Index{}
	x.SetKeys(s.public())
	x.Replace([]Passport{p})
	return x
}

func TestTrustFollowsTheObjectsAndTheKeys(t *testing.T) {
	old, successor := newSeal(t), newSeal(t)
	repository := repositoryOf(t, "example.com/shop/checkout")
	p := Passport{Namespace: "dev", Name: "checkout", Claims: []Claim{{Repository: repository, Digest: digest("a")}}}
	reference := image.Reference{Repository: repository, Digest: digest("a")}
	x := &Index{}
	expect := func(step string, want bool) {
		t.Helper()
		if got := x.Admissible("dev", reference); got != want {
			t.Errorf("%s: admissible is %t, want %t", step, got, want)
		}
	}

	x.SetKeys(old.public())
	x.Set(old.sign(p))
	expect("after the first signature", true)
	x.SetKeys(append(successor.public(), old.public()...))
	expect("while both keys stand beside each other", true)
	x.SetKeys(successor.public())
	expect("after the old key is gone", false)
	x.Set(successor.sign(p))
	expect("after signing by the new key", true)
	x.Set(Passport{Namespace: "dev", Name: "checkout", Source: repository})
	expect("after the status was emptied", false)
	x.Set(successor.sign(p))
	x.Replace(nil)
	expect("after a list without the object", false)
	x.Set(successor.sign(p))
	x.Set(successor.sign(Passport{Namespace: "dev", Name: "twin", Claims: p.Claims}))
	x.Delete("dev", "checkout")
	expect("after one of two passports is gone", true)
	x.Delete("dev", "twin")
	expect("after both are gone", false)
	x.Delete("dev", "twin")
	if got := x.Len(); got != 0 {
		t.Errorf("%d passports are left, want 0", got)
	}
}

func TestLoaded(t *testing.T) {
	seal := newSeal(t)
	x := &Index{}
	if x.Loaded() {
		t.Error("an index that knows nothing is loaded")
	}
	if x.SetKeys(seal.public()); x.Loaded() {
		t.Error("an index without a list is loaded")
	}
	if x.Replace(nil); !x.Loaded() {
		t.Error("an index with keys and a list is not loaded")
	}
}

func TestExplain(t *testing.T) {
	seal := newSeal(t)
	repository := repositoryOf(t, "example.com/shop/checkout")
	trusted := seal.sign(Passport{Namespace: "dev", Name: "checkout", Claims: []Claim{{Repository: repository, Digest: digest("trusted")}}})
	candidate := func(standing Standing) Passport {
		p := trusted
		p.Candidate = &Candidate{Repository: repository, Digest: digest("asked"), Standing: standing, Reason: "Vulnerable", Message: "CVE-1"}
		return p
	}
	forged := trusted
	forged.Claims = append([]Claim{{Repository: repository, Digest: digest("asked"), Signature: "AAAA"}}, trusted.Claims...)

	cases := map[string]struct {
		passports []Passport
		want      Explanation
	}{
		"nothing in the namespace": {},
		"a TrustedImage of another repository": {
			passports: []Passport{{Namespace: "dev", Name: "other", Source: repositoryOf(t, "example.com/other")}},
		},
		"a TrustedImage that has taken no image from its upstream yet": {
			passports: []Passport{{Namespace: "dev", Name: "b"}, {Namespace: "dev", Name: "a"}},
			want:      Explanation{Standing: NoImage, Passport: "a"},
		},
		"a TrustedImage whose source was not resolved yet": {
			passports: []Passport{{Namespace: "dev", Name: "checkout", Source: repository}},
			want:      Explanation{Standing: OtherDigest, Passport: "checkout"},
		},
		"another digest is trusted": {
			passports: []Passport{trusted},
			want:      Explanation{Standing: OtherDigest, Passport: "checkout", Trusted: digest("trusted")},
		},
		"the candidate was refused": {
			passports: []Passport{candidate(Refused)},
			want:      Explanation{Standing: Refused, Passport: "checkout", Trusted: digest("trusted"), Reason: "Vulnerable", Message: "CVE-1"},
		},
		"the candidate could not be judged": {
			passports: []Passport{candidate(Undetermined)},
			want:      Explanation{Standing: Undetermined, Passport: "checkout", Trusted: digest("trusted"), Reason: "Vulnerable", Message: "CVE-1"},
		},
		"the entry is forged": {
			passports: []Passport{forged},
			want:      Explanation{Standing: Forged, Passport: "checkout", Trusted: digest("trusted")},
		},
		"of two TrustedImages the one that refused the digest tells more": {
			passports: []Passport{{Namespace: "dev", Name: "another", Source: repository}, candidate(Refused)},
			want:      Explanation{Standing: Refused, Passport: "checkout", Trusted: digest("trusted"), Reason: "Vulnerable", Message: "CVE-1"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x := &Index{}
			x.SetKeys(seal.public())
			x.Replace(c.passports)
			got := x.Explain("dev", image.Reference{Repository: repository, Digest: digest("asked")})
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(image.Digest{})); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestReadersAndWritersTogether(t *testing.T) {
	seal := newSeal(t)
	repository := repositoryOf(t, "example.com/shop/checkout")
	p := seal.sign(Passport{Namespace: "dev", Name: "checkout", Claims: []Claim{{Repository: repository, Digest: digest("a")}}})
	x := listed(seal, p)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range 200 {
				if !x.Admissible("dev", image.Reference{Repository: repository, Digest: digest("a")}) {
					t.Error("a trusted digest was not admissible while the index changed")
					return
				}
				x.Explain("dev", image.Reference{Repository: repository, Digest: digest("b")})
			}
		})
	}
	running.Go(func() {
		for i := range 100 {
			x.Set(Passport{Namespace: "dev", Name: fmt.Sprint("other", i%3), Source: repository})
			x.Set(p)
			x.Replace([]Passport{p})
			x.SetKeys(seal.public())
		}
	})
	running.Wait()
}

// sealKey signs as Assay's controller does.
type sealKey struct{ key *ecdsa.PrivateKey }

func newSeal(t testing.TB) *sealKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &sealKey{key: key}
}

func (s *sealKey) public() []*ecdsa.PublicKey {
	if s.key == nil {
		return nil
	}
	return []*ecdsa.PublicKey{&s.key.PublicKey}
}

func (s *sealKey) sign(p Passport) Passport {
	claims := make([]Claim, len(p.Claims))
	for i, c := range p.Claims {
		sum := sha256.Sum256(Entry{
			Namespace: p.Namespace, Name: p.Name,
			Repository: c.Repository, Digest: c.Digest, Platforms: c.Platforms, PoliciesHash: c.PoliciesHash,
		}.Message())
		signature, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
		if err != nil {
			panic(err)
		}
		c.Signature = base64.StdEncoding.EncodeToString(signature)
		claims[i] = c
	}
	p.Claims = claims
	return p
}

func digest(content string) image.Digest { return image.DigestOf([]byte(content)) }

func repositoryOf(t testing.TB, s string) image.Repository {
	t.Helper()
	r, err := image.ParseRepository(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
