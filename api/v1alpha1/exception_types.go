// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// VulnerabilityException excuses findings of one vulnerability in one package from the rules of its policy.
type VulnerabilityException struct {
	// id of the vulnerability, or another identifier of it, such as CVE-2021-44228 or DSA-5020-1.
	// +required
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._:-]*$`
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`

	// package that carries it, as a package URL without wildcards; without a version it means every version. A range such as
	// @<3.0.5 may stand for the version.
	// +required
	// +kubebuilder:validation:Pattern=`^pkg:[a-z0-9.+-]+/[^*\s]*[^*\s/]$`
	// +kubebuilder:validation:MaxLength=256
	Package string `json:"package"`

	// images that the exception holds for, as globs over their repositories. Empty means every image of the policy.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Images []ImagePattern `json:"images,omitempty"`

	// digests that the exception holds for. Empty means every digest.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Digests []DigestString `json:"digests,omitempty"`

	// reason why the finding is acceptable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason"`

	// expiresAt is the moment from which the exception excuses nothing.
	// +required
	ExpiresAt Timestamp `json:"expiresAt"`

	// expireOnFix ends the exception for findings with a fix.
	// +optional
	ExpireOnFix bool `json:"expireOnFix,omitempty"`

	// owner of the decision, such as a team or an address.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Owner string `json:"owner,omitempty"`

	// ticket where the decision is discussed, such as a URL.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Ticket string `json:"ticket,omitempty"`
}

// ExceptionDelegation bounds the exceptions of namespaced policies that excuse findings from a cluster-wide policy's rules.
type ExceptionDelegation struct {
	// namespaces whose policies may excuse, as names or globs.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Namespaces []NamespacePattern `json:"namespaces"`

	// maxSeverity that a finding may have to be excused. One that nobody rated may be of any, so that it is excused with Critical only.
	// +required
	MaxSeverity Severity `json:"maxSeverity"`

	// maxDuration is how far ahead an exception's expiresAt may be. One that is further ahead does not excuse yet.
	// +required
	MaxDuration Duration `json:"maxDuration"`
}

// VEXSource says where a document in OpenVEX or CSAF stands that states which vulnerabilities do not affect a product. The
// statuses not_affected and fixed excuse findings, no other does.
//
// +kubebuilder:validation:ExactlyOneOf=configMapKeyRef;attestedBy
type VEXSource struct {
	// name of the source, unique in the policy.
	// +required
	Name RuleName `json:"name"`

	// configMapKeyRef names the key of a ConfigMap that holds the document.
	// +optional
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`

	// attestedBy names authorities of this policy. Documents count that one of them attached to the image as a signed attestation.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	AttestedBy []RuleName `json:"attestedBy,omitempty"`
}

// SBOMRules say what an image must not contain.
type SBOMRules struct {
	// deny lists packages and licences. An image with any of them is refused; one whose packages cannot be determined is Unknown.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Deny []SBOMDenyRule `json:"deny,omitempty"`
}

// SBOMDenyRule describes packages that an image must not contain: by name, by licence, or by both.
//
// +kubebuilder:validation:XValidation:rule="has(self.packages) || has(self.licenses)",message="set packages, licenses or both"
type SBOMDenyRule struct {
	// name of the rule, unique in the policy.
	// +required
	Name RuleName `json:"name"`

	// packages as patterns of package URLs, such as pkg:npm/event-stream@3.3.6, pkg:golang/example.com/* or
	// pkg:maven/org.apache.logging.log4j/log4j-core@<2.17.1. With licenses, only those of them with such a licence.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Packages []PackagePattern `json:"packages,omitempty"`

	// licenses as SPDX identifiers or globs over them, such as AGPL-*. Of alternatives, as in "MIT OR GPL-2.0-only", all
	// must be denied; of licences that all hold, one.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Licenses []LicensePattern `json:"licenses,omitempty"`
}

// PackagePattern is a pattern of package URLs: type, namespace and name, in which * stands for any characters, slashes included,
// and after @ a version or a range of versions such as <0.31 or >=1.0,<1.2.
//
// +kubebuilder:validation:Pattern=`^pkg:[a-z0-9.+-]+/\S+$`
// +kubebuilder:validation:MaxLength=256
type PackagePattern string

// LicensePattern is an SPDX identifier of a licence, or a glob over such identifiers.
//
// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.+*-]+$`
// +kubebuilder:validation:MaxLength=64
type LicensePattern string
