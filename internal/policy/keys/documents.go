// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"fmt"
	"sync"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/vulnerability/vex"
)

// maxMessage bounds what is said of a document, in characters.
const maxMessage = 256

// statements are what is known by a VEX document.
type statements = evidence.Fact[[]evidence.VEXStatement]

// readVEX fills the policy with the statements of its VEX documents in ConfigMaps.
func (r *Resolver) readVEX(ctx context.Context, p *policy.Policy) error {
	if p.Spec.Vulnerabilities == nil {
		return nil
	}
	read := map[v1alpha1.RuleName]statements{}
	for _, from := range p.Spec.Vulnerabilities.VEX {
		if from.ConfigMapKeyRef == nil {
			continue
		}
		found, err := r.read(ctx, p.Namespace, source{configMap: from.ConfigMapKeyRef}, "the VEX document")
		switch {
		case err != nil:
			return err
		case found.missing != "":
			read[from.Name] = unavailable(found.missing)
		default:
			read[from.Name] = r.documents.read(found.place, found.content)
		}
	}
	if len(read) > 0 {
		p.VEX = read
	}
	return nil
}

// Bounds of the documents that are remembered. What is made of a document has up to four times its size.
const (
	maxDocuments     = 1024
	maxDocumentBytes = 16 << 20
)

// documents remembers what VEX documents say, so that a document is read once however many images are judged by it. The zero
// value is ready to use.
type documents struct {
	mu    sync.Mutex
	known map[Place]document
	bytes int
}

// document is what stood in a place, and what it says. A text that is remembered elsewhere is the same string, and comparing
// with it costs nothing.
type document struct {
	text string
	fact statements
}

// read returns what the document says that stands in the place.
func (d *documents) read(at Place, text string) statements {
	d.mu.Lock()
	known, there := d.known[at]
	d.mu.Unlock()
	if there && known.text == text {
		return known.fact
	}
	var fact statements
	if parsed, err := vex.Parse([]byte(text), ""); err != nil {
		fact = unavailable(fmt.Sprintf("%s: %s", at, err))
	} else {
		fact = parsed.Fact()
	}
	d.keep(at, document{text, fact})
	return fact
}

func unavailable(message string) statements {
	return evidence.Unchecked[[]evidence.VEXStatement](v1alpha1.ReasonVEXUnavailable, evidence.Printable(message, maxMessage))
}

func (d *documents) keep(at Place, read document) {
	if len(read.text) > maxDocumentBytes {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bytes += len(read.text) - len(d.known[at].text)
	if d.known == nil || len(d.known) >= maxDocuments || d.bytes > maxDocumentBytes {
		d.known = map[Place]document{}
		d.bytes = len(read.text)
	}
	d.known[at] = read
}
