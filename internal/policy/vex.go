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
	// attested says that it was attested to the image. While nobody can look at that, nobody knows: an outage takes no trust away.
	attested bool
	byID     map[string][]*statement // by the lower-case id; nil until the first is asked for
}

// statement is a statement with what it needs to be compared with findings.
type statement struct {
	*evidence.VEXStatement
	read bool // that what follows was read from it
	// product, and the parts of it that the statement is about; none for all of it.
	product purl.Pattern
	parts   []purl.Pattern
	// image is the product when that is an image.
	image *purl.Package
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
			all = append(all, document{source: source.Name, fact: x.attested(authority), attested: true})
		}
	}
	return all
}

// attested returns the statements that an authority attested to the image. When one of its documents cannot be read, or it is not known
// whether there are more, nobody knows what it states.
func (x *excuser) attested(name v1alpha1.RuleName) evidence.Fact[[]evidence.VEXStatement] {
	believed := x.policy.Authorities[name]
	if believed.State != evidence.Known {
		return evidence.Fact[[]evidence.VEXStatement]{State: believed.State, Reason: believed.Reason, Message: fmt.Sprintf("authority %s: %s", name, believed.Message)}
	}
	if rest := x.evidence.Signed[believed.Value.Anchor].Rest; rest.State != evidence.Known {
		return evidence.Fact[[]evidence.VEXStatement]{State: rest.State, Reason: rest.Reason, Message: rest.Message}
	}
	all := evidence.Checked[[]evidence.VEXStatement](nil)
	for _, document := range x.evidence.VEX {
		if document.Anchor != believed.Value.Anchor {
			continue
		}
		until, err := believed.Value.Accepts(document.Signer, x.now)
		x.changesAt(until)
		switch {
		case err != nil:
			continue
		case document.Statements.State != evidence.Known:
			return document.Statements
		}
		all.Value = append(all.Value, document.Statements.Value...)
		if all.Message == "" {
			all.Message = document.Statements.Message
		}
	}
	return all
}

// unread names the first source that cannot be read, and why; "" when all can be. What it might excuse stays blocked.
func (x *excuser) unread() string {
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
		if undecided == nil && (d.fact.State == evidence.NotChecked || d.attested && isOutage(d.fact)) {
			j := unknown(d.fact, v1alpha1.ReasonInProgress, "it was not read yet")
			j.message = fmt.Sprintf("VEX source %s: %s", d.source, j.message)
			undecided = &j
		}
		if by := x.excusing(d, s); by != nil {
			excused := x.excused(s, x.policy.Name, entry(fieldVEX, d.source))
			excused.Owner, excused.Reason = by.Author, by.Justification
			if excused.Reason == "" {
				excused.Reason = string(by.Status)
			}
			return decision{excused: excused}
		}
	}
	return decision{undecided: undecided}
}

// isOutage says that nobody could look for a reason that has nothing to do with the image. More than may be attached is none: whoever may
// push could keep a vulnerable image trusted by it.
func isOutage[T any](fact evidence.Fact[T]) bool {
	if fact.State != evidence.CouldNotCheck {
		return false
	}
	switch fact.Reason {
	case v1alpha1.ReasonRegistryUnavailable, v1alpha1.ReasonDeadlineExceeded, v1alpha1.ReasonUnauthorized:
		return true
	}
	return false
}

// excusing returns the statement by which a document excuses the finding in every place, and nil when it does not.
func (x *excuser) excusing(d *document, s *sighting) *statement {
	if d.fact.State != evidence.Known {
		return nil
	}
	statements := d.about(s)
	var first *statement
	for i := range s.places {
		latest := x.latest(statements, s, &s.places[i])
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
func (d *document) about(s *sighting) []*statement {
	if d.byID == nil {
		d.byID = make(map[string][]*statement, len(d.fact.Value))
		for i := range d.fact.Value {
			one := &statement{VEXStatement: &d.fact.Value[i]}
			for _, id := range one.IDs {
				d.byID[lower(id)] = append(d.byID[lower(id)], one)
			}
		}
	}
	var all []*statement
	for _, id := range idsOf(s) {
		switch found := d.byID[id]; {
		case all == nil:
			all = found
		case found != nil:
			all = slices.Concat(all, found)
		}
	}
	return all
}

// latest returns the statement that counts for a package in a place: of all that speak of it the latest, and of several of one
// moment one that excuses nothing. It is nil when none does, or when that are too many to tell.
func (x *excuser) latest(statements []*statement, s *sighting, where *place) *statement {
	var latest *statement
	for _, one := range statements {
		if !x.compare(s) {
			return nil
		}
		if (latest == nil || compareStatements(one, latest) < 0) && x.speaksOf(one, where) {
			latest = one
		}
	}
	return latest
}

// compareStatements orders the one that counts first. Which of two that say the same is named does not depend on any order.
func compareStatements(a, b *statement) int {
	return cmp.Or(
		b.Timestamp.Compare(a.Timestamp),
		cmp.Compare(caution(a), caution(b)),
		cmp.Compare(a.Document, b.Document),
		cmp.Compare(a.Author, b.Author),
		cmp.Compare(a.Justification, b.Justification),
	)
}

// caution ranks the statuses that excuse nothing before those that do.
func caution(s *statement) int {
	return slices.Index([]evidence.VEXStatus{evidence.VEXFixed, evidence.VEXNotAffected}, s.Status)
}

// readProduct reads what the statement is about. A product or a part that cannot be read is none.
func (s *statement) readProduct() {
	if s.read {
		return
	}
	s.read = true
	s.product, _ = purl.ParseProduct(s.Product) // the zero Pattern matches nothing
	if parsed, err := purl.Parse(s.Product); err == nil && parsed.Type == oci {
		s.image = &parsed
	}
	for _, text := range s.Subcomponents {
		part, _ := purl.ParseProduct(text)
		s.parts = append(s.parts, part)
	}
}

// speaksOf says that a statement is about the package in the place. One that was attested to the image of another platform is not, and
// a product or a part that names neither is about nothing here.
func (x *excuser) speaksOf(s *statement, where *place) bool {
	if !s.Manifest.IsZero() && s.Manifest != where.manifest {
		return false
	}
	s.readProduct()
	x.compared += len(s.parts)
	of := where.packageAt()
	if s.image != nil && !x.names(*s.image, where) || s.image == nil && s.product.Match(of) != purl.Yes {
		return false
	}
	return len(s.parts) == 0 || slices.ContainsFunc(s.parts, func(part purl.Pattern) bool { return part.Match(of) == purl.Yes })
}

// names says that the URL of an image (pkg:oci) names this image or the one of the platform: by its digest, or as every digest of
// its repository. A name alone says nothing, since it does not tell whose image it is.
func (x *excuser) names(product purl.Package, where *place) bool {
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
