// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterImagePolicy says what the environments that it names demand of the images in them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cipol,categories=assay
// +kubebuilder:printcolumn:name="Namespaces",type=string,JSONPath=`.spec.namespaces`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.admission.mode`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ClusterImagePolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says where the policy holds and what is demanded.
	// +required
	Spec ClusterPolicySpec `json:"spec"`

	// status says whether the policy can be applied.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status PolicyStatus `json:"status,omitempty"`
}

// ClusterPolicySpec is a PolicySpec with the namespaces in which it holds.
type ClusterPolicySpec struct {
	// namespaces in which the policy holds, as names or globs. They are names and never labels,
	// because a tenant may label its namespace and may not rename it.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Namespaces []NamespacePattern `json:"namespaces"`

	PolicySpec `json:",inline"`
}

// ClusterImagePolicyList is a list of ClusterImagePolicies.
//
// +kubebuilder:object:root=true
type ClusterImagePolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterImagePolicy `json:"items"`
}

// GetConditions returns the policy's conditions.
func (p *ClusterImagePolicy) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the policy's conditions.
func (p *ClusterImagePolicy) SetConditions(conditions []metav1.Condition) {
	p.Status.Conditions = conditions
}
