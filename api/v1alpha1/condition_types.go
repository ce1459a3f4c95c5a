// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Conditions of a TrustedImage. All are positive except Stalled; an expected one that is missing counts as Unknown.
const (
	// ReadyCondition is True while the environment has a trusted digest, also when a candidate waits or is refused.
	// It is always present after the first look. On policies it is True when the policy can be applied.
	ReadyCondition = "Ready"

	// StalledCondition is True when somebody must change a spec before anything can go on. It is present only then.
	StalledCondition = "Stalled"

	// ResolvedCondition is True when the source named a digest at the last look, False when it could not,
	// and Unknown when the source could not be asked.
	ResolvedCondition = "Resolved"

	// ScannedCondition is True when the inventory of every platform is complete and was matched against a
	// vulnerability database, Unknown when it is not or could not be.
	ScannedCondition = "Scanned"

	// VerifiedCondition is True when every signature that a policy demands was found and verified, False when one is
	// missing or wrong, Unknown when that could not be checked. It is present when a policy demands a signature.
	VerifiedCondition = "Verified"

	// PolicyPassedCondition is True when the candidate passes every policy, False when it fails one,
	// Unknown when a rule could not be decided.
	PolicyPassedCondition = "PolicyPassed"

	// PromotedCondition is True when the environment trusts the newest digest that its upstream offers, False while
	// something keeps it from that. It is present when the source is an upstream.
	PromotedCondition = "Promoted"

	// ExceptionsExpiringCondition is True on a policy of which exceptions expire within 14 days or have expired; its message names
	// them. It is present only then.
	ExceptionsExpiringCondition = "ExceptionsExpiring"

	// FeedsCurrentCondition is True on a policy while every feed that its rules read is loaded and the last look for a newer edition
	// succeeded, False while one is not loaded or a newer edition was refused; its message says why. It is present when a rule reads
	// a feed.
	FeedsCurrentCondition = "FeedsCurrent"

	// KeysExpiringCondition is True while the trusted digest rests on signatures by keys that go out of use within 30 days or are out of
	// use already; its message names them. It is present only then.
	KeysExpiringCondition = "KeysExpiring"

	// SealedCondition is True when the seal of the trusted digest is stored and attached to the image in its registry.
	// It is present when there is a trusted digest.
	SealedCondition = "Sealed"
)

// Reasons of conditions, of rules and of status.summary.
const (
	// ReasonPolicyPassed: every policy passed.
	ReasonPolicyPassed = "PolicyPassed"
	// ReasonSucceeded: the condition's work is done.
	ReasonSucceeded = "Succeeded"
	// ReasonInProgress: work is under way.
	ReasonInProgress = "InProgress"
	// ReasonSuspended: spec.suspend is true.
	ReasonSuspended = "Suspended"

	// ReasonInvalidReference: the repository, tag or digest is malformed.
	ReasonInvalidReference = "InvalidReference"
	// ReasonImageNotFound: the registry answered that the tag or digest does not exist.
	ReasonImageNotFound = "ImageNotFound"
	// ReasonUnauthorized: the registry refused the credentials, or wants some.
	ReasonUnauthorized = "Unauthorized"
	// ReasonRegistryUnavailable: the registry could not be reached or answered with an error; it is retried.
	ReasonRegistryUnavailable = "RegistryUnavailable"
	// ReasonAddressForbidden: the registry's address is one that Assay may not connect to.
	ReasonAddressForbidden = "AddressForbidden"
	// ReasonDigestMismatch: the registry's answer does not have the digest that was asked for.
	ReasonDigestMismatch = "DigestMismatch"
	// ReasonUnsupportedManifest: the document is none that can be trusted, such as a schema-1 manifest or an ambiguous one.
	ReasonUnsupportedManifest = "UnsupportedManifest"
	// ReasonNoRunnablePlatform: the index has no image that can run, or none of spec.platforms.
	ReasonNoRunnablePlatform = "NoRunnablePlatform"
	// ReasonSecretNotFound: a Secret or a key in it does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretForbidden: Assay may not read the Secret; the message prints the RoleBinding that allows it.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonInvalidSecret: the Secret exists and its content cannot be used.
	ReasonInvalidSecret = "InvalidSecret"

	// ReasonMalformedLayer: a layer is truncated, not an archive, or contradicts the manifest.
	ReasonMalformedLayer = "MalformedLayer"
	// ReasonOverLimit: the image is larger, deeper or more numerous in something than Assay takes.
	ReasonOverLimit = "OverLimit"
	// ReasonDeadlineExceeded: the work took longer than it may.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonIndexingFailed: the indexer ended without a result; it is retried.
	ReasonIndexingFailed = "IndexingFailed"
	// ReasonInventoryIncomplete: something in the image could not be parsed, so that the inventory may lack packages.
	ReasonInventoryIncomplete = "InventoryIncomplete"
	// ReasonNotCovered: the vulnerability database knows nothing of this distribution, release or ecosystem.
	ReasonNotCovered = "NotCovered"
	// ReasonDatabaseUnavailable: no vulnerability database is loaded.
	ReasonDatabaseUnavailable = "DatabaseUnavailable"
	// ReasonMatchingFailed: a detector failed on this image.
	ReasonMatchingFailed = "MatchingFailed"
	// ReasonFeedUnavailable: a feed that a rule needs, such as KEV, never loaded.
	ReasonFeedUnavailable = "FeedUnavailable"
	// ReasonFeedOutdated: no newer edition of a feed could be loaded; the last good one stays in use.
	ReasonFeedOutdated = "FeedOutdated"
	// ReasonStorageFailed: the evidence store could not be read or written.
	ReasonStorageFailed = "StorageFailed"

	// ReasonVulnerable: a finding meets a rule of vulnerabilities.block.
	ReasonVulnerable = "Vulnerable"
	// ReasonEndOfLife: the distribution's release is no longer supported by its vendor.
	ReasonEndOfLife = "EndOfLife"
	// ReasonUnidentified: files hold packages that nobody can name.
	ReasonUnidentified = "Unidentified"
	// ReasonScanStale: the vulnerability database is older than vulnerabilities.maxScanAge allows.
	ReasonScanStale = "ScanStale"
	// ReasonSecretsFound: a secret stands in a layer, an environment variable or the history of the image.
	ReasonSecretsFound = "SecretsFound"
	// ReasonPackageDenied: a package or a licence meets a rule of sbom.deny.
	ReasonPackageDenied = "PackageDenied"
	// ReasonExcused: every finding that meets the rule is excused.
	ReasonExcused = "Excused"
	// ReasonExceptionsExpiring: exceptions of the policy expire within 14 days or have expired.
	ReasonExceptionsExpiring = "ExceptionsExpiring"
	// ReasonVEXUnavailable: a VEX document that the policy names cannot be read.
	ReasonVEXUnavailable = "VEXUnavailable"

	// ReasonSignatureMissing: the image carries no signature by an authority that the rule names.
	ReasonSignatureMissing = "SignatureMissing"
	// ReasonSignatureUnchecked: signatures could not be looked for or checked.
	ReasonSignatureUnchecked = "SignatureUnchecked"
	// ReasonInvalidKey: a public key cannot be parsed.
	ReasonInvalidKey = "InvalidKey"
	// ReasonAttestationMissing: the image carries no statement of the type by an authority that the rule names.
	ReasonAttestationMissing = "AttestationMissing"
	// ReasonAttestationRefused: there is a statement by an authority that the rule names, and it does not say what the rule demands.
	ReasonAttestationRefused = "AttestationRefused"
	// ReasonAttestationUnchecked: attestations could not be looked for or checked.
	ReasonAttestationUnchecked = "AttestationUnchecked"
	// ReasonAttestationOutdated: the statement is older than the rule allows.
	ReasonAttestationOutdated = "AttestationOutdated"
	// ReasonLayoutBroken: the steps of the supply chain were not taken as the layout says.
	ReasonLayoutBroken = "LayoutBroken"
	// ReasonInvalidLayout: a layout cannot be used: it is malformed, expired, or not signed by its owners.
	ReasonInvalidLayout = "InvalidLayout"
	// ReasonInvalidTrustRoot: a trust root, a chain of certificates or a timestamp authority cannot be parsed.
	ReasonInvalidTrustRoot = "InvalidTrustRoot"
	// ReasonInvalidIdentity: a regular expression of an identity cannot be compiled.
	ReasonInvalidIdentity = "InvalidIdentity"
	// ReasonKeyNotFound: the ConfigMap, or the key in it, does not exist.
	ReasonKeyNotFound = "KeyNotFound"
	// ReasonKeysExpiring: keys on which the trusted digest rests go out of use within 30 days, or are out of use.
	ReasonKeysExpiring = "KeysExpiring"
	// ReasonRunsAsRoot: the image starts as root.
	ReasonRunsAsRoot = "RunsAsRoot"
	// ReasonNoMatchingPolicy: no policy speaks of the image in this namespace, so nothing new is trusted.
	ReasonNoMatchingPolicy = "NoMatchingPolicy"
	// ReasonPolicyInvalid: a policy that speaks of the image cannot be applied.
	ReasonPolicyInvalid = "PolicyInvalid"
	// ReasonInGrace: the trusted digest stopped passing and stays admissible for the rest of its grace.
	ReasonInGrace = "InGrace"

	// ReasonUpstreamNotFound: the upstream TrustedImage does not exist.
	ReasonUpstreamNotFound = "UpstreamNotFound"
	// ReasonUpstreamNotConsenting: the upstream's promoteTo does not name this namespace.
	ReasonUpstreamNotConsenting = "UpstreamNotConsenting"
	// ReasonUpstreamHasNoTrust: the upstream does not trust a digest yet.
	ReasonUpstreamHasNoTrust = "UpstreamHasNoTrust"
	// ReasonUpstreamCycle: following upstreams leads back to this object.
	ReasonUpstreamCycle = "UpstreamCycle"
	// ReasonSourceNotAllowed: promotion.from of a policy does not allow the source.
	ReasonSourceNotAllowed = "SourceNotAllowed"

	// ReasonPushDenied: the registry does not let Assay write; the seal stands in the evidence store only.
	ReasonPushDenied = "PushDenied"
	// ReasonSealingFailed: the seal could not be made or attached; it is retried.
	ReasonSealingFailed = "SealingFailed"
	// ReasonForgedTrust: entries without a valid signature were cleared from the status. It is a reason of events.
	ReasonForgedTrust = "ForgedTrust"
)
