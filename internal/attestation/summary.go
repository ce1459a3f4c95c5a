// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// summary is the predicate of a SLSA Verification Summary v1 (slsa.dev/verification_summary/v1), as Assay fills it.
type summary struct {
	Verifier           verifier   `json:"verifier"`
	TimeVerified       second     `json:"timeVerified"`
	ResourceURI        string     `json:"resourceUri"`
	Policy             resource   `json:"policy"`
	InputAttestations  []resource `json:"inputAttestations,omitempty"`
	VerificationResult string     `json:"verificationResult"`
	VerifiedLevels     []string   `json:"verifiedLevels"`
	SLSAVersion        string     `json:"slsaVersion"`
	// Trust is Assay's extension; the specification wants its name to be a URI.
	Trust trusted `json:"https://assay.dev/trust/v1"`
}

type verifier struct {
	ID      string  `json:"id"`
	Version version `json:"version"`
}

type version struct {
	Assay string `json:"assay"`
}

// resource is an in-toto ResourceDescriptor.
type resource struct {
	URI    string       `json:"uri,omitempty"`
	Digest sealedDigest `json:"digest"`
}

type sealedDigest struct {
	SHA256 hexDigest `json:"sha256"`
}

type trusted struct {
	TrustedAt second           `json:"trustedAt"`
	Platforms []sealedManifest `json:"platforms,omitempty"`
}

type sealedManifest struct {
	Platform image.Platform `json:"platform"`
	Digest   sealedDigest   `json:"digest"`
}

const (
	passed = "PASSED"
	// buildLevelUnevaluated is the honest level: Assay judges an environment's policy and makes no claim about a SLSA track.
	buildLevelUnevaluated = "SLSA_BUILD_LEVEL_UNEVALUATED"
	slsaVersion           = "1.1"
)

// environmentURI names the policy that a seal speaks of: all the rules of one environment together.
func environmentURI(e evidence.Environment) string {
	return "https://assay.dev/environments/" + e.Namespace + "/" + e.Name
}

// resourceURI is the reference as it stands in a Pod, after the scheme that says where to fetch it.
func resourceURI(about image.Reference) string { return "oci://" + about.String() }

func summaryOf(seal Seal) summary {
	s := summary{
		Verifier:           verifier{ID: VerifierID, Version: version{seal.Version}},
		TimeVerified:       second{seal.VerifiedAt},
		ResourceURI:        resourceURI(seal.Image),
		Policy:             resource{environmentURI(seal.Environment), sealedDigest{hexDigest{seal.PoliciesHash}}},
		VerificationResult: passed,
		VerifiedLevels:     []string{buildLevelUnevaluated},
		SLSAVersion:        slsaVersion,
		Trust:              trusted{TrustedAt: second{seal.TrustedAt}},
	}
	for _, input := range seal.Inputs {
		s.InputAttestations = append(s.InputAttestations, resource{input.URI, sealedDigest{hexDigest{input.Digest}}})
	}
	for _, p := range seal.Platforms {
		s.Trust.Platforms = append(s.Trust.Platforms, sealedManifest{p.Platform, sealedDigest{hexDigest{p.Manifest}}})
	}
	return s
}

// check says why the summary is not the seal of the image in the environment.
func (s summary) check(environment evidence.Environment, about image.Reference) error {
	switch {
	case s.Verifier.ID != VerifierID:
		return fmt.Errorf("it was made by %.80q, want %q", s.Verifier.ID, VerifierID)
	case s.Policy.URI != environmentURI(environment):
		return fmt.Errorf("it is for the environment %.80q, want %s/%s", s.Policy.URI, environment.Namespace, environment.Name)
	case s.ResourceURI != resourceURI(about):
		return fmt.Errorf("it is for %.120q, want %s", s.ResourceURI, about)
	case s.VerificationResult != passed:
		return fmt.Errorf("its result is %.20q, want %s", s.VerificationResult, passed)
	}
	return s.seal(environment, about).validate()
}

func (s summary) seal(environment evidence.Environment, about image.Reference) Seal {
	seal := Seal{
		Environment:  environment,
		Image:        about,
		PoliciesHash: s.Policy.Digest.SHA256.Digest,
		TrustedAt:    s.Trust.TrustedAt.Time,
		VerifiedAt:   s.TimeVerified.Time,
		Version:      s.Verifier.Version.Assay,
	}
	for _, input := range s.InputAttestations {
		seal.Inputs = append(seal.Inputs, Input{input.URI, input.Digest.SHA256.Digest})
	}
	for _, p := range s.Trust.Platforms {
		seal.Platforms = append(seal.Platforms, SealedPlatform{p.Platform, p.Digest.SHA256.Digest})
	}
	return seal
}

// hexDigest is a digest as in-toto writes it: the hexadecimal digits without the algorithm, which stands beside it.
type hexDigest struct{ image.Digest }

// MarshalText writes the hexadecimal digits.
func (d hexDigest) MarshalText() ([]byte, error) { return []byte(d.Hex()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *hexDigest) UnmarshalText(text []byte) error {
	parsed, err := image.ParseDigest("sha256:" + string(text))
	d.Digest = parsed
	return err
}

// second is a time in UTC and whole seconds, as status has it.
type second struct{ time.Time }

// MarshalJSON writes RFC 3339.
func (s second) MarshalJSON() ([]byte, error) {
	return json.Marshal(s.UTC().Format(time.RFC3339))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *second) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := time.Parse(time.RFC3339, text)
	s.Time = parsed.UTC()
	return err
}
