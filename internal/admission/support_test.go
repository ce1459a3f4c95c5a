// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/scope"
	"github.com/assay-dev/assay/internal/trust"
)

// sealKey signs claims as Assay's controller does.
type sealKey struct{ *ecdsa.PrivateKey }

func newSealKey(t testing.TB) sealKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return sealKey{key}
}

// claim returns a signed claim of an index with one platform.
func (k sealKey) claim(namespace, name, repository, content string) trust.Claim {
	c := trust.Claim{
		Repository: repositoryNamed(repository), Digest: digestOf(content), Platforms: []image.Digest{digestOf(content + " amd64")},
	}
	sum := sha256.Sum256(trust.Entry{
		Namespace: namespace, Name: name, Repository: c.Repository, Digest: c.Digest, Platforms: c.Platforms,
	}.Message())
	signature, err := ecdsa.SignASN1(rand.Reader, k.PrivateKey, sum[:])
	if err != nil {
		panic(err)
	}
	c.Signature = base64.StdEncoding.EncodeToString(signature)
	return c
}

func digestOf(content string) image.Digest { return image.DigestOf([]byte(content)) }

func repositoryNamed(s string) image.Repository {
	r, err := image.ParseRepository(s)
	if err != nil {
		panic(err)
	}
	return r
}

// written is an image as it stands in a Pod.
func written(repository, content string) string {
	return fmt.Sprintf("%s@%s", repository, digestOf(content))
}

const (
	checkout = "registry.example.com/shop/checkout"
	payment  = "registry.example.com/shop/payment"
	ledger   = "registry.example.com/shop/ledger"
)

// newAdmitter returns an Admitter of a namespace dev, whose policy speaks of everything under registry.example.com/shop
// and enforces, except for shop/lenient, and of which checkout has a trusted digest.
func newAdmitter(t testing.TB) *Admitter {
	t.Helper()
	key := newSealKey(t)
	index := &trust.Index{}
	index.SetKeys([]*ecdsa.PublicKey{&key.PublicKey})
	index.Replace([]trust.Passport{
		{
			Namespace: "dev", Name: "checkout",
			Claims: []trust.Claim{key.claim("dev", "checkout", checkout, "trusted")},
			Candidate: &trust.Candidate{
				Repository: repositoryNamed(checkout), Digest: digestOf("vulnerable"), Standing: trust.Refused,
				Reason: "Vulnerable", Message: "CVE-2021-44228 in log4j-core, fixed in 2.15.0",
			},
		},
		{Namespace: "dev", Name: "payment", Source: repositoryNamed(payment), Claims: []trust.Claim{{
			Repository: repositoryNamed(payment), Digest: digestOf("forged"), Signature: "AAAA",
		}}},
	})
	enforce := scope.Scope{Name: "shop", Namespaces: []v1alpha1.NamespacePattern{"dev", "staging"},
		Images: []v1alpha1.ImagePattern{"registry.example.com/shop/checkout", "registry.example.com/shop/payment", "registry.example.com/shop/ledger"},
	}
	audit := scope.Scope{Name: "dev/lenient", Namespace: "dev",
		Images:    []v1alpha1.ImagePattern{"registry.example.com/shop/*"},
		Admission: &v1alpha1.AdmissionRules{Mode: v1alpha1.AdmissionAudit},
	}
	return &Admitter{
		Index:    index,
		Policies: func() []scope.Scope { return []scope.Scope{enforce, audit} },
		Synced:   func() bool { return true },
	}
}
