// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"maps"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
)

// open is a row by whose change something else is asked for than the evidence has, so that nobody knows.
func open(before policy.Policy, signer evidence.Signer, change func(*v1alpha1.PolicySpec)) flip {
	return flip{before, signer, change, policy.Undetermined}
}

// ofText returns the rows of a place where a text stands. with returns the policy with the text in a place, and at finds the
// place in it; object has another text under b, and another object under a.
func ofText(path, object, inline, otherInline string, signer evidence.Signer, with func(v1alpha1.TextSource) policy.Policy, at func(*v1alpha1.PolicySpec) *v1alpha1.TextSource) map[string]flip {
	inlined, configMap := with(v1alpha1.TextSource{Inline: inline}), with(v1alpha1.TextSource{ConfigMapKeyRef: inConfigMap(v1alpha1.ObjectName(object), "a")})
	secret := with(v1alpha1.TextSource{SecretKeyRef: inSecret(v1alpha1.ObjectName(object), "a")})
	other := v1alpha1.ObjectName(object + "-b")
	return map[string]flip{
		path + ".inline":               open(inlined, signer, func(s *v1alpha1.PolicySpec) { at(s).Inline = otherInline }),
		path + ".configMapKeyRef":      open(configMap, signer, func(s *v1alpha1.PolicySpec) { at(s).ConfigMapKeyRef = nil }),
		path + ".configMapKeyRef.name": open(configMap, signer, func(s *v1alpha1.PolicySpec) { at(s).ConfigMapKeyRef.Name = other }),
		path + ".configMapKeyRef.key":  open(configMap, signer, func(s *v1alpha1.PolicySpec) { at(s).ConfigMapKeyRef.Key = "b" }),
		path + ".secretKeyRef":         open(secret, signer, func(s *v1alpha1.PolicySpec) { at(s).SecretKeyRef = nil }),
		path + ".secretKeyRef.name":    open(secret, signer, func(s *v1alpha1.PolicySpec) { at(s).SecretKeyRef.Name = other }),
		path + ".secretKeyRef.key":     open(secret, signer, func(s *v1alpha1.PolicySpec) { at(s).SecretKeyRef.Key = "b" }),
	}
}

// ofDocument returns the rows of a place where a document stands, which is never inline.
func ofDocument(path string, signer evidence.Signer, with func(*v1alpha1.DocumentSource) policy.Policy, at func(*v1alpha1.PolicySpec) *v1alpha1.DocumentSource) map[string]flip {
	rows := ofText(path, "texts", "text", "another text", signer,
		func(s v1alpha1.TextSource) policy.Policy {
			return with(&v1alpha1.DocumentSource{ConfigMapKeyRef: s.ConfigMapKeyRef, SecretKeyRef: s.SecretKeyRef})
		}, nil)
	configMap, secret := rows[path+".configMapKeyRef"].before, rows[path+".secretKeyRef"].before
	return map[string]flip{
		path + ".configMapKeyRef":      open(configMap, signer, func(s *v1alpha1.PolicySpec) { at(s).ConfigMapKeyRef = nil }),
		path + ".configMapKeyRef.name": open(configMap, signer, func(s *v1alpha1.PolicySpec) { at(s).ConfigMapKeyRef.Name = "texts-b" }),
		path + ".configMapKeyRef.key":  open(configMap, signer, func(s *v1alpha1.PolicySpec) { at(s).ConfigMapKeyRef.Key = "b" }),
		path + ".secretKeyRef":         open(secret, signer, func(s *v1alpha1.PolicySpec) { at(s).SecretKeyRef = nil }),
		path + ".secretKeyRef.name":    open(secret, signer, func(s *v1alpha1.PolicySpec) { at(s).SecretKeyRef.Name = "texts-b" }),
		path + ".secretKeyRef.key":     open(secret, signer, func(s *v1alpha1.PolicySpec) { at(s).SecretKeyRef.Key = "b" }),
	}
}

// by returns the policy that wants the image signed by the one authority.
func by(a v1alpha1.Authority) policy.Policy { return counting(namespaced, a) }

func (w *world) keyFlips() map[string]flip {
	type source = v1alpha1.KeySource
	signedAt := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	ci := evidence.Signer{Key: w.ciPrint, Times: []evidence.TrustedTime{{Time: signedAt, By: evidence.WitnessLog}}}
	of := func(s source) policy.Policy { return by(ofKey(s)) }
	inlined := of(source{Inline: w.ci})
	logged := func(change func(*source)) policy.Policy {
		s := source{Inline: w.ci, TransparencyLog: v1alpha1.LogRequired}
		change(&s)
		return of(s)
	}
	key := func(s *v1alpha1.PolicySpec) *source { return s.Authorities[0].Key }
	early, late := v1alpha1.Timestamp("2026-01-01T00:00:00Z"), v1alpha1.Timestamp("2026-09-01T00:00:00Z")
	rows := map[string]flip{
		"authorities":           open(inlined, ci, func(s *v1alpha1.PolicySpec) { s.Authorities = nil }),
		"authorities[].name":    open(inlined, ci, func(s *v1alpha1.PolicySpec) { s.Authorities[0].Name = "other" }),
		"authorities[].key":     open(inlined, ci, func(s *v1alpha1.PolicySpec) { s.Authorities[0].Key = nil }),
		"authorities[].key.kms": open(of(source{KMS: "kms://a"}), ci, func(s *v1alpha1.PolicySpec) { key(s).KMS = "kms://b" }),
		// Under the same anchor, since a time was asked for before.
		"authorities[].key.notBefore":       {of(source{Inline: w.ci, NotBefore: &early}), ci, func(s *v1alpha1.PolicySpec) { key(s).NotBefore = &late }, policy.Rejected},
		"authorities[].key.notAfter":        {of(source{Inline: w.ci, NotAfter: &late}), ci, func(s *v1alpha1.PolicySpec) { key(s).NotAfter = &early }, policy.Rejected},
		"authorities[].key.transparencyLog": open(inlined, ci, func(s *v1alpha1.PolicySpec) { key(s).TransparencyLog = v1alpha1.LogRequired }),
		"authorities[].key.trustRoot": open(logged(func(*source) {}), ci, func(s *v1alpha1.PolicySpec) {
			key(s).TrustRoot = &v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("texts", "a")}
		}),
		"authorities[].key.timestamps": open(logged(func(*source) {}), ci, func(s *v1alpha1.PolicySpec) { key(s).Timestamps = &v1alpha1.TextSource{Inline: "text"} }),
	}
	maps.Copy(rows, ofText("authorities[].key", "keys", w.ci, w.release, ci, func(s v1alpha1.TextSource) policy.Policy {
		return of(source{Inline: s.Inline, ConfigMapKeyRef: s.ConfigMapKeyRef, SecretKeyRef: s.SecretKeyRef})
	}, nil))
	for path, change := range map[string]func(*source){
		".inline":               func(s *source) { s.Inline = w.release },
		".configMapKeyRef":      func(s *source) { s.ConfigMapKeyRef = nil },
		".configMapKeyRef.name": func(s *source) { s.ConfigMapKeyRef.Name = "keys-b" },
		".configMapKeyRef.key":  func(s *source) { s.ConfigMapKeyRef.Key = "b" },
		".secretKeyRef":         func(s *source) { s.SecretKeyRef = nil },
		".secretKeyRef.name":    func(s *source) { s.SecretKeyRef.Name = "keys-b" },
		".secretKeyRef.key":     func(s *source) { s.SecretKeyRef.Key = "b" },
	} {
		row := rows["authorities[].key"+path]
		row.change = func(s *v1alpha1.PolicySpec) { change(key(s)) }
		rows["authorities[].key"+path] = row
	}
	maps.Copy(rows, ofDocument("authorities[].key.trustRoot", ci,
		func(d *v1alpha1.DocumentSource) policy.Policy { return logged(func(s *source) { s.TrustRoot = d }) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.DocumentSource { return key(s).TrustRoot }))
	maps.Copy(rows, ofText("authorities[].key.timestamps", "texts", "text", "another text", ci,
		func(text v1alpha1.TextSource) policy.Policy { return logged(func(s *source) { s.Timestamps = &text }) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.TextSource { return key(s).Timestamps }))
	return rows
}
