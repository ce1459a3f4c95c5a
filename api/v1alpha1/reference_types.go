// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "time"

// Duration is a span of time in Go's notation, such as "24h" or "1h30m".
// It is a string so that whatever the API server stores can be decoded.
//
// +kubebuilder:validation:Pattern=`^([0-9]{1,6}(h|m|s|ms)){1,4}$`
// +kubebuilder:validation:MaxLength=16
type Duration string

// Duration returns the span of time, and fallback when d is nil, empty or malformed.
func (d *Duration) Duration(fallback time.Duration) time.Duration {
	if d == nil {
		return fallback
	}
	parsed, err := time.ParseDuration(string(*d))
	if err != nil {
		return fallback
	}
	return parsed
}

// Timestamp is a moment in UTC with whole seconds, such as "2027-01-31T00:00:00Z" (RFC 3339).
// It is a string so that whatever the API server stores can be decoded.
//
// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
// +kubebuilder:validation:MaxLength=20
type Timestamp string

// NewTimestamp returns the moment t, cut to whole seconds.
func NewTimestamp(t time.Time) Timestamp {
	return Timestamp(t.UTC().Format(time.RFC3339))
}

// Time returns the moment, and the zero time when it is malformed.
func (t Timestamp) Time() time.Time {
	parsed, err := time.Parse(time.RFC3339, string(t))
	if err != nil {
		return time.Time{}
	}
	return parsed.UTC()
}

// DigestString is the digest of a manifest as it stands in a manifest of Kubernetes: "sha256:" and 64 hexadecimal digits.
//
// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
// +kubebuilder:validation:MaxLength=71
type DigestString string

// PlatformString names the platform of one image in an index: os/architecture or os/architecture/variant,
// such as "linux/amd64" or "linux/arm64/v8".
//
// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9._-]{0,31}/[a-z0-9][a-z0-9._-]{0,31}(/[a-z0-9][a-z0-9._-]{0,31})?$`
// +kubebuilder:validation:MaxLength=98
type PlatformString string

// NamespaceName is the name of a namespace (RFC 1123 label).
//
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
type NamespaceName string

// ObjectName is the name of an object (RFC 1123 subdomain).
//
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
type ObjectName string

// NamespacePattern is the name of a namespace or a glob over names, in which * stands for any characters.
//
// +kubebuilder:validation:Pattern=`^[-a-z0-9*]+$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
type NamespacePattern string

// ImagePattern is a glob over repositories such as "registry.example.com/shop/**": * stands for any characters
// within one path segment, ** for any number of segments. "**" alone matches every repository.
//
// +kubebuilder:validation:Pattern=`^[-a-zA-Z0-9._:/*\[\]]+$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
type ImagePattern string

// RuleName names an entry of a policy; other fields and messages refer to the entry by it.
//
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
type RuleName string

// LocalObjectReference names an object in the namespace of the object that refers to it.
type LocalObjectReference struct {
	// name of the object.
	// +required
	Name ObjectName `json:"name"`
}

// ConfigMapKeyReference names one key of a ConfigMap in the namespace of the object that refers to it,
// and for cluster-wide kinds in the namespace that Assay runs in.
type ConfigMapKeyReference struct {
	// name of the ConfigMap.
	// +required
	Name ObjectName `json:"name"`

	// key within the ConfigMap's data.
	// +required
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// SecretKeyReference names one key of a Secret in the namespace of the object that refers to it,
// and for cluster-wide kinds in the namespace that Assay runs in.
type SecretKeyReference struct {
	// name of the Secret.
	// +required
	Name ObjectName `json:"name"`

	// key within the Secret's data.
	// +required
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}
