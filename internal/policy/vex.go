// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/purl"
)

// oci is the type of package URLs of images.
const oci = "oci"

// document is the statements of one VEX source: those of a ConfigMap, or those that one key signed. It speaks for itself: what
// another one says does not matter.
type document struct {
	source v1alpha1.RuleName
	fact   evidence.Fact[[]evidence.VEXStatement]
	byID   map[string][]*evidence.VEXStatement // by the lower-case id; nil until the first is asked for
}

// documentsOf returns the statements of a policy's sources, by name.
func (x *excuser) documentsOf(sources []v1alpha1.VEXSource) []document {
	var all []document
	for _, source := range byName(sources, func(s v1alpha1.VEXSource) v1alpha1.RuleName { return s.Name }) {
		if len(source.AttestedBy) == 0 {
			all = append(all, document{source: source.Name, fact: x.policy.VEX[source.Name]})
			continue
		}
		for _, authority := range slices.Sorted(slices.Values(source.AttestedBy)) {
			all = append(all, document{source: source.Name, fact: x.attested(authority)})
		}
	}
	return all
}

// attested returns the statements that an authority attested to the image.
func (x *excuser) attested(authority v1alpha1.RuleName) evidence.Fact[[]evidence.VEXStatement] {
	key := x.policy.Authorities[authority]
	if key.State == evidence.Known {
		return x.evidence.VEX[key.Value]
	}
	return evidence.Fact[[]evidence.VEXStatement]{State: key.State, Reason: key.Reason, Message: fmt.Sprintf("authority %s: %s", authority, key.Message)}
}

// unavailable names the first source that cannot be read, and why; "" when all can be. What it might excuse stays blocked.
func (x *excuser) unavailable() string {
	for _, d := range x.documents {
		if d.fact.State == evidence.CouldNotCheck {
			return fmt.Sprintf("VEX source %s, which might excuse some, cannot be read: %s", d.source, evidence.Printable(d.fact.Message, maxNamedWhy))
		}
	}
	return ""
}

// byVEX says whether a source states that the finding does not affect the image. While one was not looked at, nobody knows.
func (x *excuser) byVEX(s *sighting) decision {
	var undecided *judgement
	for i := range x.documents {
		d := &x.documents[i]
		if d.fact.State == evidence.NotChecked && undecided == nil {
			undecided = &judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonInProgress,
				message: fmt.Sprintf("VEX source %s was not read yet", d.source)}
		}
		if statement := x.excusing(d, s); statement != nil {
			excused := x.excused(s, x.policy.Name, entry(fieldVEX, d.source))
			excused.Owner, excused.Reason = statement.Author, statement.Justification
			if excused.Reason == "" {
				excused.Reason = string(statement.Status)
			}
			return decision{excused: excused}
		}
	}
	return decision{undecided: undecided}
}

// excusing returns the statement by which a document excuses the finding in every place, and nil when it does not.
func (x *excuser) excusing(d *document, s *sighting) *evidence.VEXStatement {
	if d.fact.State != evidence.Known {
		return nil
	}
	statements := d.about(s)
	var first *evidence.VEXStatement
	for _, where := range s.places {
		latest := x.latest(statements, where)
		if latest == nil || latest.Status != evidence.VEXNotAffected && latest.Status != evidence.VEXFixed {
			return nil
		}
		if first == nil {
			first = latest
		}
	}
	return first
}

// about returns the statements about the finding's vulnerability.
func (d *document) about(s *sighting) []*evidence.VEXStatement {
	if d.byID == nil {
		d.byID = make(map[string][]*evidence.VEXStatement, len(d.fact.Value))
		for i := range d.fact.Value {
			for _, id := range d.fact.Value[i].IDs {
				d.byID[lower(id)] = append(d.byID[lower(id)], &d.fact.Value[i])
			}
		}
	}
	var all []*evidence.VEXStatement
	for _, id := range idsOf(s) {
		all = append(all, d.byID[id]...)
	}
	return all
}

// latest returns the statement that counts for a package in an image: of all that speak of it the latest, and of several of one
// moment one that excuses nothing.
func (x *excuser) latest(statements []*evidence.VEXStatement, where place) *evidence.VEXStatement {
	of, err := purl.Parse(where.purl)
	if err != nil {
		of = purl.Package{}
	}
	var latest *evidence.VEXStatement
	for _, statement := range statements {
		if (latest == nil || compareStatements(statement, latest) < 0) && x.speaksOf(statement, of, where) {
			latest = statement
		}
	}
	return latest
}

// compareStatements orders the one that counts first. Which of two that say the same is named does not depend on any order.
func compareStatements(a, b *evidence.VEXStatement) int {
	return cmp.Or(
		b.Timestamp.Compare(a.Timestamp),
		cmp.Compare(caution(a), caution(b)),
		cmp.Compare(a.Document, b.Document),
		cmp.Compare(a.Author, b.Author),
		cmp.Compare(a.Justification, b.Justification),
	)
}

// caution ranks the statuses that excuse nothing before those that do.
func caution(s *evidence.VEXStatement) int {
	return slices.Index([]evidence.VEXStatus{evidence.VEXFixed, evidence.VEXNotAffected}, s.Status)
}

// speaksOf says that a statement is about the package in the image. A product or a subcomponent that names neither is about nothing here.
func (x *excuser) speaksOf(statement *evidence.VEXStatement, of purl.Package, where place) bool {
	if !statement.Manifest.IsZero() && statement.Manifest != where.manifest {
		return false // it was attested to another platform's image
	}
	product, err := purl.Parse(statement.Product)
	if err != nil {
		return false
	}
	if product.Type == oci {
		if !x.names(product, where) {
			return false
		}
	} else if !namesPackage(statement.Product, of) {
		return false
	}
	return len(statement.Subcomponents) == 0 || slices.ContainsFunc(statement.Subcomponents, func(text string) bool {
		return namesPackage(text, of)
	})
}

func namesPackage(text string, of purl.Package) bool {
	pattern, err := purl.ParseProduct(text)
	return err == nil && pattern.Match(of) == purl.Yes
}

// names says that the URL of an image (pkg:oci) names this image or the one of the platform: by its digest, or as every digest of
// its repository. A name alone says nothing, since it does not tell whose image it is.
func (x *excuser) names(product purl.Package, where place) bool {
	repository, architecture := product.Qualifier("repository_url"), product.Qualifier("arch")
	if product.Version == "" && repository == "" {
		return false
	}
	if product.Version != "" && product.Version != x.evidence.Image.Digest.String() && product.Version != where.manifest.String() {
		return false
	}
	if architecture != "" && architecture != where.architecture {
		return false
	}
	if repository == "" {
		return true
	}
	parsed, err := image.ParseRepository(repository)
	return err == nil && parsed.String() == x.evidence.Image.Repository.String()
}
