// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package query is what assay-controller and kubectl assay say to one another when somebody asks which images contain
// something, or what was signed about one: by HTTPS, with the asker's own bearer token, answered for the namespaces in which she may
// list TrustedImages, and for the TrustedImage that she may get.
package query

// Paths that are asked with GET. The parameters are part of the URL.
const (
	// AffectedPath asks which images carry the vulnerability that VulnerabilityParameter names.
	AffectedPath = "/v1/affected"
	// FindPath asks which images contain packages that match the pattern in PackageParameter.
	FindPath = "/v1/find"
	// EvidencePath asks what was signed about the digest that a TrustedImage trusts, or about another one in its status. The answer is
	// what EvidenceWriter writes.
	EvidencePath = "/v1/evidence"
)

// Parameters of a question.
const (
	VulnerabilityParameter = "vulnerability"
	PackageParameter       = "package"
	// NamespaceParameter restricts the question to one namespace. A question for evidence must have it.
	NamespaceParameter = "namespace"
	// NameParameter names the TrustedImage, and DigestParameter a digest in its status.
	NameParameter   = "name"
	DigestParameter = "digest"
	// StandingParameter is Candidate for the candidate's evidence.
	StandingParameter = "standing"
	// TypeParameter restricts an answer to statements of a predicate type, and ContentsParameter is "true" for one with what was signed.
	TypeParameter     = "type"
	ContentsParameter = "contents"
)

// Where callers find the server, in Assay's namespace.
const (
	// ServiceName is the Service, and with the namespace and "svc" a name in the server's certificate.
	ServiceName = "assay-query"
	// PortName is the container's port in the Pod of assay-controller.
	PortName = "query"
	// ConfigMapName is what tells callers how to reach the server and whom to believe.
	ConfigMapName = "assay-query"
	// AuthorityKey of the ConfigMap holds the authorities of the server's certificate in PEM form. assay-controller writes it.
	AuthorityKey = "ca.crt"
	// ServerKey of the ConfigMap holds the server's URL where there is one that reaches it from outside of the cluster. Whoever
	// installs Assay writes it.
	ServerKey = "server"
)

// ServerName is the name that the server has within the cluster and in its certificate, whatever address it is reached at.
func ServerName(namespace string) string { return ServiceName + "." + namespace + ".svc" }

// Bounds of a question and of its answer.
const (
	// MaxQuestion is the length in bytes of what is asked for.
	MaxQuestion = 512
	// MaxMatches is how many matches an answer holds.
	MaxMatches = 1000
	// MaxUnknown is how many images an answer names that it does not speak of.
	MaxUnknown = 100
	// MaxStatements is how many statements an answer holds, and MaxContents how many bytes of what was signed.
	MaxStatements = 128
	MaxContents   = 64 << 20
)

// Answer is in the order of namespace, name and standing. Every string in it that comes from an image is bounded and printable.
type Answer struct {
	// Database is the version of the vulnerability database by which images were found affected.
	Database string  `json:"database,omitempty"`
	Matches  []Match `json:"matches"`
	// MoreMatches says that there are more than MaxMatches.
	MoreMatches bool `json:"moreMatches,omitempty"`
	// Unknown are images whose contents, or vulnerabilities where these were asked for, are not known (yet), so that the answer
	// does not speak of them; and TrustedImages of which no digest is known (yet), without a standing and a reference.
	Unknown []Image `json:"unknown,omitempty"`
	// MoreUnknown says that there are more than MaxUnknown.
	MoreUnknown bool `json:"moreUnknown,omitempty"`
}

// Complete says that the answer speaks of every image that the asker may see, and names all that match.
func (a *Answer) Complete() bool { return !a.MoreMatches && len(a.Unknown) == 0 }

// Standing is what a digest is to a TrustedImage.
type Standing string

// The standings, in the order of an answer.
const (
	Trusted   Standing = "Trusted"
	Candidate Standing = "Candidate"
	// History is a digest that was trusted before and may still be admissible.
	History Standing = "History"
)

// Image is a digest in a TrustedImage, or one that has none yet.
type Image struct {
	// Namespace and Name of the TrustedImage.
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Standing  Standing `json:"standing"`
	// Reference is repository@digest. It is empty, as Standing is, while no digest of the TrustedImage is known.
	Reference string `json:"image"`
}

// Match is a package in an image, with the vulnerability where one was asked for.
type Match struct {
	Image
	// Platforms of an index whose images contain the package; absent for an image that is no index.
	Platforms []string `json:"platforms,omitempty"`
	Package   string   `json:"package"`
	Version   string   `json:"version"`
	// PURL is the package URL; empty where the ecosystem has none.
	PURL string `json:"purl,omitempty"`
	// Unsure says that the version lies perhaps in the range that was asked for: it cannot be compared.
	Unsure bool `json:"unsure,omitempty"`
	// Path of the file that holds or names the package, if there is one.
	Path string `json:"path,omitempty"`
	// Vulnerability, with the version that fixes it if there is one, and its severity such as High.
	Vulnerability string `json:"vulnerability,omitempty"`
	FixedVersion  string `json:"fixedVersion,omitempty"`
	Severity      string `json:"severity,omitempty"`
}

// Refusal is the body of every answer that is none.
type Refusal struct {
	// Error says what is wrong and what to do about it.
	Error string `json:"error"`
}
