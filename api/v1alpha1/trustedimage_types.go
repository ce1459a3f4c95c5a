// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TrustedImage is the passport of one image in one environment, its namespace: the status records what is trusted,
// what could be trusted next, and why or why not.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ti,categories=assay
// +kubebuilder:printcolumn:name="Image",type=string,JSONPath=`.status.summary.image`
// +kubebuilder:printcolumn:name="Digest",type=string,JSONPath=`.status.summary.digest`
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=`.status.summary.verdict`
// +kubebuilder:printcolumn:name="Critical",type=integer,JSONPath=`.status.summary.critical`
// +kubebuilder:printcolumn:name="High",type=integer,JSONPath=`.status.summary.high`
// +kubebuilder:printcolumn:name="KEV",type=integer,JSONPath=`.status.summary.exploited`
// +kubebuilder:printcolumn:name="Signed",type=string,JSONPath=`.status.summary.signedBy`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.summary.reason`
// +kubebuilder:printcolumn:name="SBOM",type=string,priority=1,JSONPath=`.status.summary.sbom`
// +kubebuilder:printcolumn:name="Candidate",type=string,priority=1,JSONPath=`.status.summary.candidate`
// +kubebuilder:printcolumn:name="Policies",type=string,priority=1,JSONPath=`.status.policies`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type TrustedImage struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which image is meant and where it comes from.
	// +required
	Spec TrustedImageSpec `json:"spec"`

	// status records what Assay found. Only Assay's controller writes it.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status TrustedImageStatus `json:"status,omitempty"`
}

// TrustedImageList is a list of TrustedImages.
//
// +kubebuilder:object:root=true
type TrustedImageList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TrustedImage `json:"items"`
}

// RequestedAtAnnotation asks for a reconcile now: whenever its value changes, the image is looked at again
// without waiting for the interval, and the value is reported in status.lastHandledReconcileAt.
const RequestedAtAnnotation = "assay.dev/requestedAt"

// TrustedImageSpec says which image is meant and where it comes from.
type TrustedImageSpec struct {
	// source of the digests that the environment may come to trust.
	// +required
	Source ImageSource `json:"source"`

	// promoteTo lists the environments that may take digests from this one: the consent of the giving side.
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +kubebuilder:validation:MaxItems=32
	PromoteTo []PromotionTarget `json:"promoteTo,omitempty"`

	// interval between two looks at the source. A registry source's tag is resolved anew at each look.
	// +optional
	// +kubebuilder:default="10m"
	Interval *Duration `json:"interval,omitempty"`

	// platforms that an index must have. Every platform of it that can run is judged and must pass, whether it is named here
	// or not, since an index that is trusted may be started on any of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Platforms []PlatformString `json:"platforms,omitempty"`

	// imagePullSecrets are Secrets of type kubernetes.io/dockerconfigjson in the same namespace.
	// The namespace lets Assay read them by binding the ClusterRole assay-secret-reader to Assay's service account.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	ImagePullSecrets []LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// suspend keeps the environment from taking digests. Those that it trusts are judged as before.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// ImageSource says where digests come from.
//
// +kubebuilder:validation:ExactlyOneOf=registry;upstreamRef
type ImageSource struct {
	// registry makes the environment an entry: it takes digests from a repository in a registry.
	// +optional
	Registry *RegistrySource `json:"registry,omitempty"`

	// upstreamRef takes digests from a TrustedImage of the environment before: the consent of the taking side.
	// +optional
	UpstreamRef *UpstreamReference `json:"upstreamRef,omitempty"`
}

// RegistrySource names an image in a registry.
//
// +kubebuilder:validation:ExactlyOneOf=tag;digest
type RegistrySource struct {
	// repository without tag or digest, such as registry.example.com/shop/checkout.
	// +required
	// +kubebuilder:validation:Pattern=`^[-a-zA-Z0-9._:/\[\]]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Repository string `json:"repository"`

	// tag that is resolved to a digest once per look.
	// +optional
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_][-a-zA-Z0-9._]*$`
	// +kubebuilder:validation:MaxLength=128
	Tag string `json:"tag,omitempty"`

	// digest of the image's manifest or index.
	// +optional
	Digest DigestString `json:"digest,omitempty"`

	// certSecretRef names a Secret in the same namespace whose key ca.crt holds the certificate authority of the registry.
	// +optional
	CertSecretRef *LocalObjectReference `json:"certSecretRef,omitempty"`
}

// UpstreamReference names the TrustedImage that digests are taken from.
type UpstreamReference struct {
	// namespace of the upstream environment.
	// +required
	Namespace NamespaceName `json:"namespace"`

	// name of the TrustedImage there.
	// +required
	Name ObjectName `json:"name"`
}

// PromotionTarget names an environment that may take digests.
type PromotionTarget struct {
	// namespace of the downstream environment.
	// +required
	Namespace NamespaceName `json:"namespace"`
}

// GetConditions returns the image's conditions.
func (i *TrustedImage) GetConditions() []metav1.Condition { return i.Status.Conditions }

// SetConditions replaces the image's conditions.
func (i *TrustedImage) SetConditions(conditions []metav1.Condition) { i.Status.Conditions = conditions }
