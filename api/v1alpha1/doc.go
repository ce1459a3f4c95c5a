// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds Assay's kinds: TrustedImage, the passport of one image in one environment,
// and ImagePolicy with its cluster-wide form ClusterImagePolicy, which say what an environment demands.
//
// Everything the API server accepts for these kinds decodes into these types: durations and times are
// named types with a pattern, and every string and list is bounded. A value that could be stored and not be
// decoded would stop every informer of the kind, for all tenants.
//
// +kubebuilder:object:generate=true
// +groupName=assay.dev
package v1alpha1
