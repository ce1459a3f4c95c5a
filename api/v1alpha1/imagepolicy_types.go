// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ImagePolicy says what its namespace, an environment, demands of the images in it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ipol,categories=assay
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.admission.mode`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ImagePolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what is demanded.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.vulnerabilities) || !has(self.vulnerabilities.delegateExceptions)",message="vulnerabilities.delegateExceptions is for ClusterImagePolicies"
	Spec PolicySpec `json:"spec"`

	// status says whether the policy can be applied.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status PolicyStatus `json:"status,omitempty"`
}

// ImagePolicyList is a list of ImagePolicies.
//
// +kubebuilder:object:root=true
type ImagePolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ImagePolicy `json:"items"`
}

// PolicyStatus says whether a policy can be applied.
type PolicyStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready, Stalled, ExceptionsExpiring, FeedsCurrent.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// feeds that the policy's rules read, with what is loaded of them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Feeds []FeedStatus `json:"feeds,omitempty"`

	// unusedExceptions excuse no finding in any image that the policy speaks of; at most 64.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	UnusedExceptions []ExceptionReference `json:"unusedExceptions,omitempty"`
}

// FeedStatus is what is loaded of a feed.
type FeedStatus struct {
	// name of the feed: vulnerability-database, kev or epss.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Name string `json:"name"`
	// version as the feed states it, absent while none is loaded.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	Version string `json:"version,omitempty"`
	// updatedAt is when that version was published.
	// +optional
	UpdatedAt *Timestamp `json:"updatedAt,omitempty"`
	// message says why no or no newer version could be loaded, and what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// ExceptionReference names an entry of vulnerabilities.exceptions.
type ExceptionReference struct {
	// id of the vulnerability.
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`
	// package of the exception.
	// +kubebuilder:validation:MaxLength=256
	Package string `json:"package"`
}

// GetConditions returns the policy's conditions.
func (p *ImagePolicy) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the policy's conditions.
func (p *ImagePolicy) SetConditions(conditions []metav1.Condition) { p.Status.Conditions = conditions }
