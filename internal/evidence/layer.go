// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

// The kinds of evidence of which the subject is a layer, by the digest of its compressed bytes.
const (
	// KindLayer is what was found in the layer without looking for secrets.
	KindLayer Kind = "layer"
	// KindLayerWithSecrets is what was found in it, secrets included.
	KindLayerWithSecrets Kind = "layer.secrets"
)
