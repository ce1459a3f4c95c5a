// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/authority"
)

// Fingerprints of keys, and the IDs of anchors: of each key, of a trust root of Sigstore, and of a chain of one's own.
const (
	ciPrint       = "11"
	releasePrint  = "22"
	ciAnchor      = "key-11"
	releaseAnchor = "key-22"
	rootAnchor    = "root"
	ownAnchor     = "own"
)

// What certificates of the tests say.
const (
	githubIssuer = "https://token.actions.githubusercontent.com"
	workflowID   = "https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main"
	teamIssuer   = "https://accounts.example.com"
	teamSubject  = "team@example.com"
)

type believed = evidence.Fact[authority.Authority]

func believedKey(fingerprint string) believed {
	return evidence.Checked(authority.OfKey("key-"+fingerprint, fingerprint, v1alpha1.KeySource{}))
}

func keyless(identities ...v1alpha1.Identity) believed {
	a, err := authority.OfIdentities(rootAnchor, identities)
	if err != nil {
		panic(err)
	}
	return evidence.Checked(a)
}

func chain(source v1alpha1.CertificateAuthority) believed {
	a, err := authority.OfChain(ownAnchor, source)
	if err != nil {
		panic(err)
	}
	return evidence.Checked(a)
}

// authorities are those of most policies. Two are under one trust root, where each is told from the other by its identity.
func authorities() map[v1alpha1.RuleName]believed {
	return map[v1alpha1.RuleName]believed{
		"ci": believedKey(ciPrint), "ci-again": believedKey(ciPrint), "release": believedKey(releasePrint), "unseen": believedKey("44"),
		"broken":  evidence.Unchecked[authority.Authority](v1alpha1.ReasonKeyNotFound, "ConfigMap keys does not exist"),
		"builder": keyless(v1alpha1.Identity{Issuer: githubIssuer, Subject: workflowID}),
		"team":    keyless(v1alpha1.Identity{Issuer: teamIssuer, SubjectRegExp: `[a-z]+@example\.com`}),
		"anyone":  keyless(v1alpha1.Identity{IssuerRegExp: ".*", SubjectRegExp: ".*"}),
		"own":     chain(v1alpha1.CertificateAuthority{}),
	}
}

func signed(threshold int32, anyOf ...v1alpha1.RuleName) Policy {
	return Policy{
		Name: "prod/strict", Namespace: "prod",
		Spec:        v1alpha1.PolicySpec{Signatures: []v1alpha1.SignatureRule{{Name: "rule", AnyOf: anyOf, Threshold: threshold}}},
		Authorities: authorities(),
	}
}

// byKey is a signer that is a key, and workflow and team those whom Sigstore vouches for. own is one under a chain of one's own without
// any trusted time.
func byKey(fingerprint string) evidence.Signer { return evidence.Signer{Key: fingerprint} }

func workflow() evidence.Signer {
	return logged(evidence.Certificate{
		Subject: workflowID, Issuer: githubIssuer, Authority: "sigstore", SourceRepository: "https://github.com/shop/checkout", SourceRef: "refs/heads/main",
	})
}

func team() evidence.Signer {
	return logged(evidence.Certificate{Subject: teamSubject, Issuer: teamIssuer, Authority: "sigstore"})
}

func own(notBefore, notAfter time.Time) evidence.Signer {
	return evidence.Signer{Certificate: &evidence.Certificate{Subject: "release", Authority: "Shop CA", NotBefore: notBefore, NotAfter: notAfter}}
}

// logged is a signer with a short-lived certificate, whose signature a log saw yesterday.
func logged(c evidence.Certificate) evidence.Signer {
	c.NotBefore, c.NotAfter = yesterday.Add(-time.Minute), yesterday.Add(9*time.Minute)
	return evidence.Signer{Certificate: &c, Times: []evidence.TrustedTime{{Time: yesterday, By: evidence.WitnessLog}}}
}

// signatureBy is a signature of the image.
func signatureBy(signer evidence.Signer) evidence.Signed {
	return evidence.Signed{PredicateType: evidence.SignaturePredicate, Manifests: []image.Digest{checkout.Digest}, Payload: image.DigestOf([]byte("payload")), Signer: signer}
}

// statementBy is an attestation of the manifests, and of the image without any.
func statementBy(signer evidence.Signer, predicateType, predicate string, manifests ...image.Digest) evidence.Signed {
	if len(manifests) == 0 {
		manifests = []image.Digest{checkout.Digest}
	}
	type subject struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	}
	var subjects []subject
	for _, manifest := range manifests {
		subjects = append(subjects, subject{"image", map[string]string{"sha256": manifest.Hex()}})
	}
	content, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": predicateType, "predicate": json.RawMessage(predicate),
	})
	if err != nil {
		panic(err)
	}
	return evidence.Signed{PredicateType: predicateType, Manifests: manifests, Payload: image.DigestOf(content), Statement: content, Signer: signer}
}

// found is all that there is under an anchor.
func found(signed ...evidence.Signed) evidence.Statements {
	return evidence.Statements{Signed: signed, Rest: evidence.Checked("")}
}

// under returns clean evidence with statements under an anchor.
func under(anchor string, statements evidence.Statements) evidence.Evidence {
	return with(clean(), func(e *evidence.Evidence) { e.Signed[anchor] = statements })
}
