// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import "strings"

const (
	indent = "  "
	gap    = "  " // between columns
	// width at which notes are wrapped, in characters.
	width = 100
)

// row is a line of a table, with a note that stands below it.
type row struct {
	cells []string
	note  string
}

// table writes the rows in aligned columns. Empty cells at the end of a row are left out.
func (p *printer) table(margin string, rows []row) {
	var widths []int
	for _, r := range rows {
		for i, c := range r.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell(c)))
		}
	}
	for _, r := range rows {
		p.line(margin + p.align(trimEmpty(r.cells), widths))
		if r.note == "" || len(widths) == 0 {
			continue
		}
		below := margin + strings.Repeat(" ", widths[0]) + gap
		for _, line := range wrap(printable(r.note, maxMessage), width-len(below)) {
			p.line(below + line)
		}
	}
}

func trimEmpty(cells []string) []string {
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return cells
}

func (p *printer) align(cells []string, widths []int) string {
	var b strings.Builder
	for i, c := range cells {
		text := cell(c)
		b.WriteString(p.paint(text))
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-len(text)) + gap)
		}
	}
	return b.String()
}

// wrap breaks a text between words. A word that is longer than a line has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
