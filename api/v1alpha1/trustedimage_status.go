// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TrustedImageStatus records what Assay found. It is small: whole reports are evidence and stand elsewhere.
type TrustedImageStatus struct {
	// observedGeneration is the generation of the spec that the status speaks of; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation assay.dev/requestedAt that was acted upon.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// conditions: Ready, Stalled, Resolved, Scanned, Verified, PolicyPassed, Promoted, Sealed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// summary is what kubectl get prints.
	// +optional
	Summary ImageSummary `json:"summary,omitempty"`

	// policies that speak of this image, as namespace/name, or name for cluster-wide ones; sorted.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=317
	Policies []string `json:"policies,omitempty"`

	// trusted is the digest that the environment trusts now.
	// +optional
	Trusted *TrustedDigest `json:"trusted,omitempty"`

	// candidate is the digest that the environment could trust next, when it differs from trusted.
	// +optional
	Candidate *CandidateDigest `json:"candidate,omitempty"`

	// history holds the digests trusted before, newest first. They stay admissible while they pass or are in grace.
	// +optional
	// +listType=map
	// +listMapKey=digest
	// +listMapKey=repository
	// +kubebuilder:validation:MaxItems=5
	History []TrustedDigest `json:"history,omitempty"`
}

// Verdict on a digest under the policies of an environment. The zero value is Undetermined.
//
// +kubebuilder:validation:Enum=Trusted;Rejected;Undetermined
type Verdict string

// The verdicts.
const (
	VerdictTrusted      Verdict = "Trusted"
	VerdictRejected     Verdict = "Rejected"
	VerdictUndetermined Verdict = "Undetermined"
)

// ImageSummary is what kubectl get prints of a TrustedImage.
type ImageSummary struct {
	// image is the repository without its host, and the tag of a registry source.
	// +optional
	// +kubebuilder:validation:MaxLength=384
	Image string `json:"image,omitempty"`

	// digest is the short form, 12 hexadecimal digits, of the trusted digest, or of the candidate when nothing is trusted.
	// +optional
	// +kubebuilder:validation:MaxLength=12
	Digest string `json:"digest,omitempty"`

	// verdict on that digest.
	// +optional
	Verdict Verdict `json:"verdict,omitempty"`

	// reason why the row is as it is: what the next digest waits for, or why it was refused.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// critical is the number of findings of severity Critical, absent when they are not known.
	// +optional
	Critical *int32 `json:"critical,omitempty"`

	// high is the number of findings of severity High, absent when they are not known.
	// +optional
	High *int32 `json:"high,omitempty"`

	// exploited is the number of findings in CISA's catalogue, absent when that is not known.
	// +optional
	Exploited *int32 `json:"exploited,omitempty"`

	// signedBy lists the authorities whose signatures verified, sorted.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	SignedBy string `json:"signedBy,omitempty"`

	// sbom lists the formats in which a software bill of materials is kept.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	SBOM string `json:"sbom,omitempty"`

	// candidate is the short form of the candidate's digest.
	// +optional
	// +kubebuilder:validation:MaxLength=12
	Candidate string `json:"candidate,omitempty"`
}

// TrustedDigest is a digest that the environment came to trust.
type TrustedDigest struct {
	// digest of the manifest or index.
	// +required
	Digest DigestString `json:"digest"`

	// repository in canonical form.
	// +required
	// +kubebuilder:validation:MaxLength=255
	Repository string `json:"repository"`

	// platforms that were judged, each with its own manifest. Absent for an image that is no index.
	// +optional
	// +listType=map
	// +listMapKey=digest
	// +kubebuilder:validation:MaxItems=16
	Platforms []PlatformDigest `json:"platforms,omitempty"`

	// trustedAt is when the environment came to trust the digest.
	// +required
	TrustedAt Timestamp `json:"trustedAt"`

	// policiesHash is the digest of the rules that the digest passed.
	// +optional
	PoliciesHash DigestString `json:"policiesHash,omitempty"`

	// notPassingSince is when the digest stopped passing; its grace counts from then.
	// +optional
	NotPassingSince *Timestamp `json:"notPassingSince,omitempty"`

	// findings in the digest by severity, absent when they are not known.
	// +optional
	Findings *FindingCounts `json:"findings,omitempty"`

	// worst findings, at most five.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Worst []FindingReference `json:"worst,omitempty"`

	// excused are findings that would block were they not excused, at most ten, with who excuses them and until when.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Excused []ExcusedFinding `json:"excused,omitempty"`

	// signers are those who signed the image, or stated something about it, and whom a rule believes; at most eight.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Signers []SignerReference `json:"signers,omitempty"`

	// scan names the database and the feeds by which the findings were judged when the verdict or a count last changed.
	// +optional
	Scan *ScanReference `json:"scan,omitempty"`

	// reports are whole documents in the evidence store: software bills of materials and vulnerability reports.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=48
	Reports []ReportReference `json:"reports,omitempty"`

	// rules and how the digest did under each, of the current digest only.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Rules []RuleResult `json:"rules,omitempty"`

	// replaces is the digest that the environment trusted before this one, absent when there was none. Rules of notWorseThanCurrent
	// compare with it.
	// +optional
	Replaces *DigestReference `json:"replaces,omitempty"`

	// sealDigest is the digest of the signed verification summary (SLSA VSA) of this digest in this environment.
	// +optional
	SealDigest DigestString `json:"sealDigest,omitempty"`

	// signature by Assay's seal key over the namespace, name, repository, digest, platforms and policiesHash, in base64.
	// Without a valid one the entry is no trust.
	// +required
	// +kubebuilder:validation:MaxLength=256
	Signature string `json:"signature"`
}

// DigestReference names a digest in a repository.
type DigestReference struct {
	// digest of the manifest or index.
	// +required
	Digest DigestString `json:"digest"`

	// repository in canonical form.
	// +required
	// +kubebuilder:validation:MaxLength=255
	Repository string `json:"repository"`
}

// CandidateDigest is a digest that the environment could trust next.
type CandidateDigest struct {
	// digest of the manifest or index.
	// +required
	Digest DigestString `json:"digest"`

	// repository in canonical form.
	// +required
	// +kubebuilder:validation:MaxLength=255
	Repository string `json:"repository"`

	// verdict under the environment's policies.
	// +optional
	Verdict Verdict `json:"verdict,omitempty"`

	// findings in the digest by severity, absent when they are not known.
	// +optional
	Findings *FindingCounts `json:"findings,omitempty"`

	// worst findings, at most five.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Worst []FindingReference `json:"worst,omitempty"`

	// excused are findings that would block were they not excused, at most ten, with who excuses them and until when.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Excused []ExcusedFinding `json:"excused,omitempty"`

	// signers are those who signed the image, or stated something about it, and whom a rule believes; at most eight.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Signers []SignerReference `json:"signers,omitempty"`

	// scan names the database and the feeds by which the findings were judged when the verdict or a count last changed.
	// +optional
	Scan *ScanReference `json:"scan,omitempty"`

	// reports are whole documents in the evidence store: software bills of materials and vulnerability reports.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=48
	Reports []ReportReference `json:"reports,omitempty"`

	// rules and how the digest did under each.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Rules []RuleResult `json:"rules,omitempty"`
}

// PlatformDigest is the manifest of one platform of an index.
type PlatformDigest struct {
	// platform of the manifest.
	// +required
	Platform PlatformString `json:"platform"`

	// digest of the manifest.
	// +required
	Digest DigestString `json:"digest"`
}

// FindingCounts counts findings by severity.
type FindingCounts struct {
	// critical findings.
	Critical int32 `json:"critical"`
	// high findings.
	High int32 `json:"high"`
	// medium findings.
	Medium int32 `json:"medium"`
	// low findings.
	Low int32 `json:"low"`
	// unknown is the number of findings that nobody rated.
	Unknown int32 `json:"unknown"`
	// exploited is the number of findings in CISA's catalogue, absent when that is not known.
	// +optional
	Exploited *int32 `json:"exploited,omitempty"`
	// excused is the number of findings that would block were they not excused.
	// +optional
	Excused int32 `json:"excused,omitempty"`
}

// SignerReference is somebody who signed an image, or a statement about it, and whom a rule believes.
type SignerReference struct {
	// authority of the policy that believes the signer.
	// +kubebuilder:validation:MaxLength=63
	Authority string `json:"authority"`
	// predicateType of the statement, absent for a signature of the image.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	PredicateType string `json:"predicateType,omitempty"`
	// identity is the subject of the signer's certificate, or the fingerprint of the key (SHA-256 of its PKIX form in hexadecimal).
	// +kubebuilder:validation:MaxLength=512
	Identity string `json:"identity"`
	// issuer is who vouched for the subject.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Issuer string `json:"issuer,omitempty"`
	// signedAt is the earliest time at which the signature existed by the word of a log or a timestamp authority.
	// +optional
	SignedAt *Timestamp `json:"signedAt,omitempty"`
	// signedAtBy is by whose word: that of a transparency log, or of a timestamp authority.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	SignedAtBy string `json:"signedAtBy,omitempty"`
	// logEntry is the transparency log and the index of the entry in it.
	// +optional
	// +kubebuilder:validation:MaxLength=192
	LogEntry string `json:"logEntry,omitempty"`
	// builder that built the image, by its provenance.
	// +optional
	// +kubebuilder:validation:MaxLength=384
	Builder string `json:"builder,omitempty"`
	// source that was built, with its branch or tag, by its provenance or else by the certificate.
	// +optional
	// +kubebuilder:validation:MaxLength=384
	Source string `json:"source,omitempty"`
	// commit that was built.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit,omitempty"`
	// notAfter is when the key goes out of use.
	// +optional
	NotAfter *Timestamp `json:"notAfter,omitempty"`
}

// ExcusedFinding is a finding that would block were it not excused.
type ExcusedFinding struct {
	// id of the vulnerability.
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`
	// package that carries it.
	// +kubebuilder:validation:MaxLength=128
	Package string `json:"package"`
	// by says who excuses it: the policy, and the path of its field such as vulnerabilities.exceptions or vulnerabilities.vex[vendor].
	// +kubebuilder:validation:MaxLength=384
	By string `json:"by"`
	// owner of the decision, where one is named.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Owner string `json:"owner,omitempty"`
	// until is when it is excused no longer, absent when that does not end by itself.
	// +optional
	Until *Timestamp `json:"until,omitempty"`
}

// ScanReference names the database and the feeds that findings come from.
type ScanReference struct {
	// database is the digest of the vulnerability database.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	Database string `json:"database,omitempty"`
	// databaseUpdatedAt is when it was published.
	// +optional
	DatabaseUpdatedAt *Timestamp `json:"databaseUpdatedAt,omitempty"`
	// kev is the version of CISA's catalogue.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	KEV string `json:"kev,omitempty"`
	// epss is the date and model of FIRST's scores.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	EPSS string `json:"epss,omitempty"`
}

// ReportReference names a document in the evidence store.
type ReportReference struct {
	// type of the document: spdx, cyclonedx or vulnerabilities.
	// +kubebuilder:validation:MaxLength=32
	Type string `json:"type"`
	// subject is the digest of the platform's manifest that the document is about.
	Subject DigestString `json:"subject"`
	// digest of the document.
	Digest DigestString `json:"digest"`
}

// FindingReference is one finding in short.
type FindingReference struct {
	// id of the vulnerability, such as CVE-2021-44228.
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`
	// package that carries it.
	// +kubebuilder:validation:MaxLength=128
	Package string `json:"package"`
	// version of the package.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`
	// fixedVersion of the package.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	FixedVersion string `json:"fixedVersion,omitempty"`
	// severity of the finding.
	Severity Severity `json:"severity"`
	// exploited says that the vulnerability is in CISA's catalogue.
	// +optional
	Exploited bool `json:"exploited,omitempty"`
}

// Result of one rule.
//
// +kubebuilder:validation:Enum=Pass;Fail;Unknown;Excepted
type Result string

// The results of a rule. Only Pass is trust.
const (
	ResultPass     Result = "Pass"
	ResultFail     Result = "Fail"
	ResultUnknown  Result = "Unknown"
	ResultExcepted Result = "Excepted"
)

// RuleResult says how a digest did under one rule of one policy.
type RuleResult struct {
	// policy as namespace/name, or name for a cluster-wide one.
	// +kubebuilder:validation:MaxLength=317
	Policy string `json:"policy"`
	// rule within the policy, as the path of its field, such as vulnerabilities.block[fixable].
	// +kubebuilder:validation:MaxLength=128
	Rule string `json:"rule"`
	// result of the rule.
	Result Result `json:"result"`
	// reason in one word for a result other than Pass.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message that says what to do for a result other than Pass.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}
