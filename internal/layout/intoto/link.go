// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"slices"

	"github.com/in-toto/in-toto-golang/in_toto"
	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/predicate"
)

// maxArtifacts of a link, materials and products each.
const maxArtifacts = 20_000

// statement is what a functionary signed: a link of a step, or a layout that stands for one.
type statement struct {
	signer    string // fingerprint
	link      in_toto.Link
	hashes    hashes
	sublayout *chain
	refused   error // why it cannot be used as a layout, which it is
}

var errNoLink = errors.New("no link")

// readStatements reads the links and layouts among what was signed with keys, each once, and as many by one functionary as may be. What is neither, or is malformed,
// is nobody's link.
func readStatements(links []evidence.Signed) []statement {
	var statements []statement
	known := map[[sha256.Size]byte]bool{}
	by := map[string]int{}
	for _, s := range links {
		hash := sha256.Sum256(slices.Concat([]byte(s.Signer.Key+"\n"), s.Statement))
		if s.Signer.Key == "" || len(s.Statement) == 0 || known[hash] || by[s.Signer.Key] == maxLinks {
			continue
		}
		known[hash] = true
		read, err := readStatement(s.Statement)
		if err != nil {
			continue
		}
		read.signer = s.Signer.Key
		by[s.Signer.Key]++
		statements = append(statements, read)
	}
	return statements
}

// resource is an artifact in a statement.
type resource struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// readStatement reads a link attestation, or the payload of an envelope as the in-toto command writes it.
func readStatement(payload []byte) (statement, error) {
	if _, err := predicate.Decode(payload); err != nil {
		return statement{}, err
	}
	var s struct {
		Type          string          `json:"_type"`
		PredicateType string          `json:"predicateType"`
		Subject       []resource      `json:"subject"`
		Predicate     json.RawMessage `json:"predicate"`
	}
	if err := strictjson.UnmarshalCaseSensitivePreserveInts(payload, &s); err != nil {
		return statement{}, err
	}
	switch {
	case s.Type == layout.ClassicLayout:
		sublayout, err := parse(payload)
		return statement{sublayout: sublayout, refused: err}, nil
	case s.Type == layout.ClassicLink:
		return readLink(payload, nil)
	case s.Type != in_toto.StatementInTotoV1 && s.Type != in_toto.StatementInTotoV01:
		return statement{}, errNoLink
	case s.PredicateType == layout.LinkV03:
		return readLinkV03(s.Predicate, s.Subject)
	case s.PredicateType == layout.LinkV1:
		return readLink(s.Predicate, s.Subject)
	}
	return statement{}, errNoLink
}

// readLink reads a link whose artifacts stand by their names. Its products are the subjects of the statement around it, unless it has its own: the
// cosign command writes the image as the subject of every link.
func readLink(raw []byte, subjects []resource) (statement, error) {
	var l struct {
		Name      string                     `json:"name"`
		Materials map[string]in_toto.HashObj `json:"materials"`
		Products  map[string]in_toto.HashObj `json:"products"`
	}
	if err := strictjson.UnmarshalCaseSensitivePreserveInts(raw, &l); err != nil {
		return statement{}, err
	}
	products := l.Products
	if products == nil {
		var err error
		if products, err = byName(subjects); err != nil {
			return statement{}, err
		}
	}
	return linkOf(l.Name, l.Materials, products)
}

// readLinkV03 reads a link whose artifacts are resource descriptors.
func readLinkV03(raw []byte, subjects []resource) (statement, error) {
	var l struct {
		Name      string     `json:"name"`
		Materials []resource `json:"materials"`
	}
	if err := strictjson.UnmarshalCaseSensitivePreserveInts(raw, &l); err != nil {
		return statement{}, err
	}
	materials, err := byName(l.Materials)
	if err != nil {
		return statement{}, err
	}
	products, err := byName(subjects)
	if err != nil {
		return statement{}, err
	}
	return linkOf(l.Name, materials, products)
}

// byName is the conversion of the specification, which demands that names are unique.
func byName(list []resource) (map[string]in_toto.HashObj, error) {
	artifacts := make(map[string]in_toto.HashObj, len(list))
	for _, r := range list {
		if _, twice := artifacts[r.Name]; twice {
			return nil, errNoLink
		}
		artifacts[r.Name] = r.Digest
	}
	return artifacts, nil
}

func linkOf(name string, materials, products map[string]in_toto.HashObj) (statement, error) {
	link := in_toto.Link{Type: layout.ClassicLink, Name: name}
	var err error
	if link.Materials, err = clean(materials); err != nil {
		return statement{}, err
	}
	if link.Products, err = clean(products); err != nil {
		return statement{}, err
	}
	if name == "" || len(name) > maxName {
		return statement{}, errNoLink
	}
	both, err := hashesOf(link)
	if err != nil {
		return statement{}, err
	}
	return statement{link: link, hashes: both}, nil
}

// hashes tell links with other artifacts apart.
type hashes struct{ materials, products [sha256.Size]byte }

func hashesOf(link in_toto.Link) (hashes, error) {
	materials, err := json.Marshal(link.Materials)
	if err != nil {
		return hashes{}, err
	}
	products, err := json.Marshal(link.Products)
	if err != nil {
		return hashes{}, err
	}
	return hashes{sha256.Sum256(materials), sha256.Sum256(products)}, nil
}

var hexadecimal = regexp.MustCompile(`^[a-f0-9]{16,128}$`)

// clean brings the names of artifacts into their shortest form, in which rules speak of them (CVE-2021-41087). Two artifacts of one name,
// and one without a digest, which would be equal to any other such, are refused.
func clean(artifacts map[string]in_toto.HashObj) (map[string]in_toto.HashObj, error) {
	if len(artifacts) > maxArtifacts {
		return nil, errNoLink
	}
	cleaned := make(map[string]in_toto.HashObj, len(artifacts))
	for name, digests := range artifacts {
		short := path.Clean(name)
		_, twice := cleaned[short]
		if name == "" || len(name) > maxName || twice || len(digests) == 0 {
			return nil, errNoLink
		}
		for _, digest := range digests {
			if !hexadecimal.MatchString(digest) {
				return nil, errNoLink
			}
		}
		cleaned[short] = digests
	}
	return cleaned, nil
}
