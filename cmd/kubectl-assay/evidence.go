// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/query"
)

const evidenceLong = `Print every statement that Assay holds about the digest that a TrustedImage trusts: what others signed, such as
provenance, and what Assay signed, which is the seal, its signature of the image, SBOMs and reports of vulnerabilities.

The summary has a row for everybody who signed a statement. -o json prints what was signed, a JSON document on each line: byte
for byte if it has no line breaks, and else without them. Signatures of others are in the summary only, since Assay keeps no
more of them than digests.

Assay answers if you may get the TrustedImage.` + reachLong + `

Exit code: 0 when everything is printed, 2 when the answer had to be cut, or when there is none.`

// The values of -o.
const (
	asSummary = "summary"
	asJSON    = "json"
)

// evidenceAsked is what the flags of kubectl assay evidence say.
type evidenceAsked struct {
	asking
	digest, predicateType string
	candidate             bool
}

func evidenceCommand(streams genericiooptions.IOStreams) *cobra.Command {
	a := evidenceAsked{asking: newAsking()}
	command := &cobra.Command{
		Use: "evidence NAME", Short: "Print what was signed about an image", Long: evidenceLong,
		Example: `  kubectl assay evidence checkout --namespace prod
  kubectl assay evidence checkout --type https://slsa.dev/provenance/v1 -o json | jq .predicate.buildDefinition`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.run(command.Context(), streams, args[0])
		},
	}
	flags := command.Flags()
	a.addFlags(flags)
	flags.StringVar(&a.digest, "digest", "", "a digest in the status of the TrustedImage, also one that it trusted before")
	flags.BoolVar(&a.candidate, "candidate", false, "print what was signed about the candidate")
	flags.StringVar(&a.predicateType, "type", "", "print only statements of this predicate type")
	flags.StringVarP(&a.output, "output", "o", asSummary, "summary or json")
	command.MarkFlagsMutuallyExclusive("digest", "candidate")
	return command
}

func (a *evidenceAsked) run(ctx context.Context, streams genericiooptions.IOStreams, name string) error {
	if a.output != asSummary && a.output != asJSON {
		return fmt.Errorf("--output %q: want summary or json", a.output)
	}
	namespace, _, err := a.kube.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return err
	}
	reached, err := a.reach(ctx)
	if err != nil {
		return err
	}
	values := url.Values{query.NamespaceParameter: {namespace}, query.NameParameter: {name}}
	for parameter, value := range map[string]string{query.DigestParameter: a.digest, query.TypeParameter: a.predicateType} {
		if value != "" {
			values.Set(parameter, value)
		}
	}
	if a.candidate {
		values.Set(query.StandingParameter, string(query.Candidate))
	}
	var out statementPrinter = &summary{out: streams.Out}
	if a.output == asJSON {
		values.Set(query.ContentsParameter, "true")
		out = &documents{out: streams.Out}
	}
	var about query.Image
	var end query.End
	err = reached.get(ctx, query.EvidencePath, values, func(body io.Reader) (err error) {
		about, end, err = query.ReadEvidence(body, out.print)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%s broke off its answer; ask for less, by --type", reached.url.Host)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := out.close(about); err != nil {
		return err
	}
	return ended(streams.ErrOut, out.notes(), end)
}

// ended says what is not printed.
func ended(errOut io.Writer, notes []string, end query.End) error {
	p := printer{out: errOut}
	for _, note := range notes {
		p.line("%s", note)
	}
	if end.More {
		p.line("there is more than an answer holds; ask for less, by --type")
	}
	if end.Error != "" {
		p.line("the answer is not complete: %s", end.Error)
	}
	if p.err == nil && (end.More || end.Error != "") {
		return verdictError{exitUndetermined}
	}
	return p.err
}

// statementPrinter prints the statements of an answer as they come.
type statementPrinter interface {
	print(s query.Statement, signed []byte) error
	// close prints what is left when all have come; notes says what was not printed.
	close(about query.Image) error
	notes() []string
}

// documents prints what was signed, a JSON document on each line.
type documents struct {
	out             io.Writer
	unkept, foreign int
}

func (d *documents) print(s query.Statement, signed []byte) error {
	switch {
	case len(signed) == 0:
		d.unkept++
		return nil
	case !json.Valid(signed) || !bytes.HasPrefix(bytes.TrimLeft(signed, " \t\r\n"), []byte("{")):
		d.foreign++
		return nil
	}
	if bytes.ContainsAny(signed, "\r\n") {
		var line bytes.Buffer
		if err := json.Compact(&line, signed); err != nil {
			return fmt.Errorf("what was signed as %s: %w", evidence.Printable(s.Digest, maxCell), err)
		}
		signed = line.Bytes()
	}
	if isTerminal(d.out) {
		signed = escaped(signed)
	}
	_, err := d.out.Write(append(signed, '\n'))
	return err
}

func (d *documents) close(query.Image) error { return nil }

func (d *documents) notes() []string {
	var notes []string
	if d.unkept > 0 {
		notes = append(notes, fmt.Sprintf("not printed: %d of which Assay keeps no more than the digest (-o summary names them)", d.unkept))
	}
	if d.foreign > 0 {
		notes = append(notes, fmt.Sprintf("not printed: %d that are no JSON objects (-o summary names them)", d.foreign))
	}
	return notes
}
