// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Provenance says how something was built (https://slsa.dev/spec/v1.0/provenance and v0.2).
type Provenance struct {
	// Builder is the id of the builder, which is all that may be believed of the rest; never empty.
	Builder   string
	BuildType string
	// Sources are what was built, by the one place where a builder writes what it was asked to build: in v0.2 invocation.configSource,
	// in v1 the well-known members of buildDefinition.externalParameters. A policy that names sources has to accept every one of
	// them, and there has to be one.
	//
	// Materials and resolved dependencies are no sources. They list everything that was fetched, and whoever writes a line of a
	// build file can have a repository of good name fetched and not used. They say only at which commit a source stood.
	Sources               []Source
	StartedAt, FinishedAt time.Time // zero when not stated
	InvocationID          string
}

// ParseProvenance reads a predicate of type ProvenanceV02 or ProvenanceV1, by the fields of that type alone. The error wraps ErrMalformed.
func ParseProvenance(predicateType string, predicate []byte) (Provenance, error) {
	var parsed Provenance
	var err error
	switch predicateType {
	case ProvenanceV02:
		parsed, err = parseProvenanceV02(predicate)
	case ProvenanceV1:
		parsed, err = parseProvenanceV1(predicate)
	default:
		return Provenance{}, fmt.Errorf("%w provenance: its type is %.80q, want %s or %s", ErrMalformed, predicateType, ProvenanceV1, ProvenanceV02)
	}
	if err == nil && parsed.Builder == "" {
		err = fmt.Errorf("%w: it names no builder where %s has it", ErrMalformed, predicateType)
	}
	if err == nil && parsed.BuildType == "" {
		err = fmt.Errorf("%w: it names no build type where %s has it", ErrMalformed, predicateType)
	}
	if err != nil {
		return Provenance{}, fmt.Errorf("provenance: %w", err)
	}
	return parsed, nil
}

func parseProvenanceV02(predicate []byte) (Provenance, error) {
	var p struct {
		Builder struct {
			ID text `json:"id"`
		} `json:"builder"`
		BuildType  text `json:"buildType"`
		Invocation struct {
			ConfigSource resource `json:"configSource"`
		} `json:"invocation"`
		Metadata struct {
			ID       text   `json:"buildInvocationId"`
			IDInGo   text   `json:"buildInvocationID"` // as in-toto-golang, and what is built on it, has it
			Started  moment `json:"buildStartedOn"`
			Finished moment `json:"buildFinishedOn"`
		} `json:"metadata"`
		Materials []resource `json:"materials"`
	}
	if err := decode(predicate, &p); err != nil {
		return Provenance{}, err
	}
	parsed := Provenance{
		Builder: string(p.Builder.ID), BuildType: string(p.BuildType),
		StartedAt: time.Time(p.Metadata.Started), FinishedAt: time.Time(p.Metadata.Finished), InvocationID: string(cmp.Or(p.Metadata.ID, p.Metadata.IDInGo)),
	}
	parsed.add(sourceOf(p.Invocation.ConfigSource), p.Materials)
	return parsed, nil
}

// sourcePlaces are the members of externalParameters in which builders write what they were asked to build, by build type:
//   - workflow: GitHub Actions (https://actions.github.io/buildtypes/workflow/v1), slsa-github-generator's delegators
//   - source: slsa-github-generator's container-based builder, GitLab (https://docs.gitlab.com/ci/pipeline_security/slsa/)
//   - configSource: BuildKit (moby/buildkit, docs/attestations/slsa-definitions.md)
//   - buildConfigSource, sourceToBuild: Google Cloud Build (https://cloud.google.com/build/gcb-buildtypes/google-worker/v1)
//
// All that are there count, so that one of good name does not hide another.
var sourcePlaces = [...]string{"workflow", "source", "configSource", "buildConfigSource", "sourceToBuild"}

func parseProvenanceV1(predicate []byte) (Provenance, error) {
	var p struct {
		Definition struct {
			BuildType    text                       `json:"buildType"`
			Parameters   map[string]json.RawMessage `json:"externalParameters"`
			Dependencies []resource                 `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		Details struct {
			Builder struct {
				ID text `json:"id"`
			} `json:"builder"`
			Metadata struct {
				ID       text   `json:"invocationId"`
				Started  moment `json:"startedOn"`
				Finished moment `json:"finishedOn"`
			} `json:"metadata"`
		} `json:"runDetails"`
	}
	if err := decode(predicate, &p); err != nil {
		return Provenance{}, err
	}
	metadata := p.Details.Metadata
	parsed := Provenance{
		Builder: string(p.Details.Builder.ID), BuildType: string(p.Definition.BuildType),
		StartedAt: time.Time(metadata.Started), FinishedAt: time.Time(metadata.Finished), InvocationID: string(metadata.ID),
	}
	for _, place := range sourcePlaces {
		source, err := readSource(p.Definition.Parameters[place])
		if err != nil {
			return Provenance{}, fmt.Errorf("externalParameters.%s: %w", place, err)
		}
		parsed.add(source, p.Definition.Dependencies)
	}
	return parsed, nil
}

// readSource reads one of sourcePlaces: a URI, or an object with one.
func readSource(raw json.RawMessage) (Source, error) {
	var place struct {
		resource
		Repository text    `json:"repository"`
		Ref        refText `json:"ref"`
	}
	if len(raw) == 0 {
		return Source{}, nil
	}
	var into any = &place
	if raw[0] == '"' {
		into = &place.URI
	}
	if err := decode(raw, into); err != nil {
		return Source{}, err
	}
	if place.Repository == "" {
		return sourceOf(place.resource), nil
	}
	source := sourceOf(resource{URI: place.Repository, Digest: place.Digest})
	if source.Ref == "" {
		source.Ref = string(place.Ref)
	}
	return source, nil
}

// refText is a ref where it is a text; some builders of Google write an object.
type refText string

// UnmarshalJSON passes over what is no text.
func (r *refText) UnmarshalJSON(raw []byte) error {
	var t text
	if err := decode(raw, &t); err == nil {
		*r = refText(t)
	}
	return nil
}

// add adds a source once, with the commit at which the build fetched it.
func (p *Provenance) add(source Source, fetched []resource) {
	if source.URI == "" {
		return
	}
	if source.Commit == "" {
		source.Commit = commitAmong(fetched, source)
	}
	if !slices.Contains(p.Sources, source) {
		p.Sources = append(p.Sources, source)
	}
}

// commitAmong returns the commit of a source in a list of what was fetched, and none when the list has several.
func commitAmong(fetched []resource, source Source) string {
	commit := ""
	for _, r := range fetched {
		other := sourceOf(r)
		if other.URI != source.URI || other.Commit == "" || other.Ref != "" && source.Ref != "" && other.Ref != source.Ref {
			continue
		}
		if commit != "" && commit != other.Commit {
			return ""
		}
		commit = other.Commit
	}
	return commit
}
