// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import "time"

// What a registry may make a look at one image read (CVE-2023-46737, CVE-2024-29902, CVE-2024-29903).
const (
	// maxSignatures bounds the signatures under the tag, the attestations under tags, and the bundles, each, that are looked into.
	maxSignatures = 64
	// maxReferrers bounds the referrers of the image and its platforms whose manifests are fetched. As many may be listed as
	// the registry's port takes.
	maxReferrers = 64
	// maxPayloadSize bounds a tag-based signature's payload in bytes; cosign writes some 250 and the user's annotations.
	maxPayloadSize = 64 << 10
	// maxBundleSize bounds a bundle or envelope in bytes. Attestations are bundles too, and have to be opened to be told apart.
	maxBundleSize = 8 << 20
	// maxTotalSize bounds all of them together, in bytes.
	maxTotalSize = 64 << 20
	// maxSubjects bounds what one statement is about.
	maxSubjects = 256
	// deadline bounds the time for one image.
	deadline = time.Minute
)
