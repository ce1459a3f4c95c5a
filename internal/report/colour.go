// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/assay-dev/assay/api/v1alpha1"

// The colours of words (ECMA-48, select graphic rendition).
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	plain  = "\x1b[0m"
)

// colours by the words that stand alone in a cell.
var colours = map[string]string{
	string(v1alpha1.ResultPass):          green,
	string(v1alpha1.ResultFail):          red,
	string(v1alpha1.ResultUnknown):       yellow,
	string(v1alpha1.ResultExcepted):      cyan,
	string(v1alpha1.VerdictTrusted):      green,
	string(v1alpha1.VerdictRejected):     red,
	string(v1alpha1.VerdictUndetermined): yellow,
	string(v1alpha1.SeverityCritical):    red,
	string(v1alpha1.SeverityHigh):        red,
	string(v1alpha1.SeverityMedium):      yellow,
}

// paint colours the text of a cell if it is one of the words.
func (p *printer) paint(text string) string {
	if colour, known := colours[text]; p.colour && known {
		return colour + text + plain
	}
	return text
}
