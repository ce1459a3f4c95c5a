// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"maps"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// moment is when tests sign.
var moment = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// The forms in which something signed lies in a registry.
const (
	formBundle            = "a bundle"
	formSignature         = "a tagged signature"
	formAttestation       = "a tagged attestation"
	formLegacyAttestation = "a tagged attestation with a log entry of the older kind"
)

var forms = []string{formBundle, formSignature, formAttestation, formLegacyAttestation}

// made is something signed, in one of the forms.
type made struct {
	t           testing.TB
	form        string
	message     *protobundle.Bundle
	content     []byte
	annotations map[string]string
}

func (w *world) make(form string, s signing) made {
	w.t.Helper()
	m := made{t: w.t, form: form}
	switch form {
	case formBundle:
		m.message = w.message(s)
	case formSignature:
		m.content, m.annotations = w.taggedSignature(s)
	case formAttestation:
		m.content, m.annotations = w.taggedAttestation(s, "dsse", "0.0.1")
	case formLegacyAttestation:
		m.content, m.annotations = w.taggedAttestation(s, "intoto", "0.0.1")
	}
	return m
}

// entity reads it.
func (m made) entity() entity.Entity {
	m.t.Helper()
	var read entity.Entity
	var err error
	switch m.form {
	case formBundle:
		read, err = entity.FromBundle(bundleJSON(m.t, m.message))
	case formSignature:
		read, err = entity.FromTaggedSignature(m.content, m.annotations)
	default:
		read, err = entity.FromTaggedAttestation(m.content, m.annotations)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return read
}

// annotationsOfProofs hold the proofs of the time, of those that a layer has.
var annotationsOfProofs = []string{"dev.sigstore.cosign/bundle", "dev.sigstore.cosign/rfc3161timestamp"}

// withEntryOf returns it with the log entry of another, and withTimestampOf with its timestamp.
func (m made) withEntryOf(other made) made { return m.with(other, annotationsOfProofs[0]) }

func (m made) withTimestampOf(other made) made { return m.with(other, annotationsOfProofs[1]) }

func (m made) with(other made, name string) made {
	if m.form != formBundle {
		m.annotations = maps.Clone(m.annotations)
		m.annotations[name] = other.annotations[name]
		return m
	}
	material, from := m.message.GetVerificationMaterial(), other.message.GetVerificationMaterial()
	if name == annotationsOfProofs[0] {
		material.TlogEntries = from.GetTlogEntries()
	} else {
		material.TimestampVerificationData = from.GetTimestampVerificationData()
	}
	return m
}

// check verifies it.
func (m made) check(anchor signature.Anchor) ([]evidence.Signer, error) {
	m.t.Helper()
	checker, err := entity.NewChecker(anchor)
	if err != nil {
		m.t.Fatal(err)
	}
	return checker.Check(m.entity())
}
