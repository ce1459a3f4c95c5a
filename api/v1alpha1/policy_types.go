// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// PolicySpec says what an environment demands of the images in it. Every policy that matches an image in a namespace
// must pass, so another policy can only tighten.
//
// +kubebuilder:validation:XValidation:rule="!has(self.signatures) || self.signatures.all(s, s.anyOf.all(n, has(self.authorities) && self.authorities.exists(a, a.name == n)))",message="signatures[].anyOf must name entries of authorities"
// +kubebuilder:validation:XValidation:rule="!has(self.attestations) || self.attestations.all(s, s.signedBy.all(n, has(self.authorities) && self.authorities.exists(a, a.name == n)))",message="attestations[].signedBy must name entries of authorities"
// +kubebuilder:validation:XValidation:rule="!has(self.vulnerabilities) || !has(self.vulnerabilities.vex) || self.vulnerabilities.vex.all(v, !has(v.attestedBy) || v.attestedBy.all(n, has(self.authorities) && self.authorities.exists(a, a.name == n)))",message="vulnerabilities.vex[].attestedBy must name entries of authorities"
type PolicySpec struct {
	// images that the policy speaks of, as globs over their repositories. Empty means every image.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Images []ImagePattern `json:"images,omitempty"`

	// vulnerabilities that an image must not carry.
	// +optional
	Vulnerabilities *VulnerabilityRules `json:"vulnerabilities,omitempty"`

	// sbom says which packages and licences an image must not contain.
	// +optional
	SBOM *SBOMRules `json:"sbom,omitempty"`

	// authorities are those whose signatures may be believed. Other fields refer to them by name.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Authorities []Authority `json:"authorities,omitempty"`

	// signatures that an image must carry. Each entry must be met.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Signatures []SignatureRule `json:"signatures,omitempty"`

	// attestations are signed statements about the image that there must be. Each entry must be met.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Attestations []AttestationRule `json:"attestations,omitempty"`

	// layouts of the supply chain by which the image must have been made (in-toto). Each entry must be met.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Layouts []LayoutRule `json:"layouts,omitempty"`

	// image says what the image's own configuration must be.
	// +optional
	Image *ImageRules `json:"image,omitempty"`

	// promotion says where the environment takes digests from.
	// +optional
	Promotion *PromotionRules `json:"promotion,omitempty"`

	// admission says what happens to a Pod whose image is not trusted.
	// +optional
	Admission *AdmissionRules `json:"admission,omitempty"`
}

// SignatureRule demands that distinct authorities signed the image.
//
// +kubebuilder:validation:XValidation:rule="!has(self.threshold) || self.threshold <= self.anyOf.size()",message="threshold must not be greater than the number of authorities in anyOf"
type SignatureRule struct {
	// name of the rule, unique in the policy.
	// +required
	Name RuleName `json:"name"`

	// anyOf names the authorities of this policy that count.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	AnyOf []RuleName `json:"anyOf"`

	// threshold is how many distinct authorities of anyOf must have signed.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32
	Threshold int32 `json:"threshold,omitempty"`
}

// ImageRules say what an image's own configuration must be.
type ImageRules struct {
	// user that the image's processes start as. NonRoot demands a numeric user other than 0
	// or a user name other than root.
	// +optional
	User UserRequirement `json:"user,omitempty"`

	// secrets that are found in the image's layers, its environment variables or its history. Deny refuses the image;
	// without it nobody looks for secrets, which takes time.
	// +optional
	Secrets SecretsRequirement `json:"secrets,omitempty"`
}

// SecretsRequirement restricts the secrets in an image.
//
// +kubebuilder:validation:Enum=Deny
type SecretsRequirement string

// SecretsDeny is met by an image in which no secret was found.
const SecretsDeny SecretsRequirement = "Deny"

// UserRequirement restricts the user of an image.
//
// +kubebuilder:validation:Enum=NonRoot
type UserRequirement string

// UserNonRoot is met by an image that does not start as root on any platform.
const UserNonRoot UserRequirement = "NonRoot"

// PromotionRules say where an environment takes digests from.
type PromotionRules struct {
	// from restricts the environments that digests may come from, and so sets the order of environments.
	// With it a registry source is refused.
	// +optional
	From *PromotionFrom `json:"from,omitempty"`
}

// PromotionFrom names the environments that digests may come from.
type PromotionFrom struct {
	// namespaces, as names or globs.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Namespaces []NamespacePattern `json:"namespaces"`
}

// AdmissionRules say what happens to a Pod whose image is not trusted.
type AdmissionRules struct {
	// mode is Enforce, which refuses the Pod, or Audit, which lets it in with a warning.
	// Of several policies the strictest mode counts.
	// +optional
	// +kubebuilder:default=Enforce
	Mode AdmissionMode `json:"mode,omitempty"`
}

// AdmissionMode is what happens to a Pod whose image is not trusted.
//
// +kubebuilder:validation:Enum=Enforce;Audit
type AdmissionMode string

// The admission modes.
const (
	AdmissionEnforce AdmissionMode = "Enforce"
	AdmissionAudit   AdmissionMode = "Audit"
)
