// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AttestationRule demands a signed statement about the image (in-toto attestation). It is met when one statement meets everything that
// the rule says, or, for the image of several platforms, one for each platform. Statements by others than those in signedBy are ignored.
//
// +kubebuilder:validation:AtMostOneOf=slsa;scan;vsa;testResult
// +kubebuilder:validation:XValidation:rule="!has(self.slsa) || self.predicateType in ['https://slsa.dev/provenance/v0.2', 'https://slsa.dev/provenance/v1']",message="slsa is for predicate types https://slsa.dev/provenance/v0.2 and v1"
// +kubebuilder:validation:XValidation:rule="!has(self.scan) || self.predicateType in ['https://cosign.sigstore.dev/attestation/vuln', 'https://cosign.sigstore.dev/attestation/vuln/v1']",message="scan is for predicate types https://cosign.sigstore.dev/attestation/vuln and vuln/v1"
// +kubebuilder:validation:XValidation:rule="!has(self.vsa) || self.predicateType == 'https://slsa.dev/verification_summary/v1'",message="vsa is for predicate type https://slsa.dev/verification_summary/v1"
// +kubebuilder:validation:XValidation:rule="!has(self.testResult) || self.predicateType == 'https://in-toto.io/attestation/test-result/v0.1'",message="testResult is for predicate type https://in-toto.io/attestation/test-result/v0.1"
type AttestationRule struct {
	// name of the rule, unique in the policy.
	// +required
	Name RuleName `json:"name"`

	// predicateType of the statement, exactly, such as https://slsa.dev/provenance/v1.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-zA-Z][a-zA-Z0-9+.-]*:[^\s]+$`
	// +kubebuilder:validation:MaxLength=512
	PredicateType string `json:"predicateType"`

	// signedBy names the authorities of this policy of which any may have signed the statement.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	SignedBy []RuleName `json:"signedBy"`

	// slsa says how and from what the image must have been built.
	// +optional
	SLSA *ProvenanceRules `json:"slsa,omitempty"`

	// scan says what a report of a vulnerability scan must be like.
	// +optional
	Scan *ScanAttestationRules `json:"scan,omitempty"`

	// vsa says what somebody else's verification summary must say.
	// +optional
	VSA *SummaryRules `json:"vsa,omitempty"`

	// testResult says which tests must have passed. A test result that is not PASSED never counts.
	// +optional
	TestResult *TestResultRules `json:"testResult,omitempty"`

	// rule is an expression in CEL that must be true of the statement's predicate, such as
	// predicate.reviewers.exists(r, r.endsWith('@example.com')).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Rule string `json:"rule,omitempty"`
}

// AttestedPattern is a text in a statement, in which * stands for any characters.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
type AttestedPattern string

// ProvenanceRules say how and from what an image must have been built (SLSA provenance v0.2 or v1). All fields that are set must hold of
// the same statement.
//
// +kubebuilder:validation:MinProperties=1
type ProvenanceRules struct {
	// builders of which any must have built the image, by their id; * stands for any characters.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Builders []AttestedPattern `json:"builders,omitempty"`

	// sources of which any must be what was built: repositories such as https://github.com/shop/checkout, with or without git+ in
	// front; * stands for any characters.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Sources []AttestedPattern `json:"sources,omitempty"`

	// refs of which any must be the branch or tag that was built, such as refs/heads/main or refs/tags/v*; * stands for any characters.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Refs []AttestedPattern `json:"refs,omitempty"`

	// buildTypes of which any must be how the image was built; * stands for any characters.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	BuildTypes []AttestedPattern `json:"buildTypes,omitempty"`

	// minLevel is the least level of SLSA's build track that the builder must be known to reach; an unknown builder reaches 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3
	MinLevel int32 `json:"minLevel,omitempty"`
}

// ScanAttestationRules say what a report of a vulnerability scan must be like (cosign's vuln attestation).
type ScanAttestationRules struct {
	// maxAge is how long ago the scan may have ended.
	// +required
	MaxAge Duration `json:"maxAge"`
}

// SummaryRules say what a verification summary must say (SLSA VSA v1). One whose result is not PASSED never counts.
type SummaryRules struct {
	// verifiers of which any must have verified the image, by their id; * stands for any characters.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Verifiers []AttestedPattern `json:"verifiers"`

	// resources of which any must be what was verified, by its URI; * stands for any characters.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Resources []AttestedPattern `json:"resources,omitempty"`

	// minLevel is the least level of SLSA's build track that must have been verified.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3
	MinLevel int32 `json:"minLevel,omitempty"`
}

// TestResultRules say which tests must have passed (in-toto test result).
type TestResultRules struct {
	// tests of which each must be among those that passed, by their names; * stands for any characters.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Tests []AttestedPattern `json:"tests"`
}

// LayoutRule demands that the steps of a supply chain were taken as its owners laid down (in-toto layout), by link attestations of the
// image. The product of the last step is the image.
type LayoutRule struct {
	// name of the rule, unique in the policy.
	// +required
	Name RuleName `json:"name"`

	// layout is the signed layout, in a DSSE envelope or in in-toto's older form.
	// +required
	Layout DocumentSource `json:"layout"`

	// keys of the owners, in PEM form. Every one of them must have signed the layout.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Keys []TextSource `json:"keys"`
}

// DocumentSource names a document in a ConfigMap or a Secret.
//
// +kubebuilder:validation:ExactlyOneOf=configMapKeyRef;secretKeyRef
type DocumentSource struct {
	// configMapKeyRef names the key of a ConfigMap that holds the document.
	// +optional
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`

	// secretKeyRef names the key of a Secret that holds the document. The namespace must let Assay read its Secrets.
	// +optional
	SecretKeyRef *SecretKeyReference `json:"secretKeyRef,omitempty"`
}
