// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/report"
)

const whyLong = `Print why the digest that a TrustedImage trusts is trusted, and why the next one is or is not: the result of every rule of
every policy with what to do about it, who signed, the worst findings, those that are excused, and the conditions.

Exit code: 0 when the newest digest is trusted and passes, 1 when a digest is rejected, 2 when that cannot be told.`

func whyCommand(streams genericiooptions.IOStreams) *cobra.Command {
	flags := genericclioptions.NewConfigFlags(true)
	flags.CacheDir = nil // Nothing is discovered, and so nothing cached.
	command := &cobra.Command{
		Use:     "why NAME",
		Short:   "Print why an image is trusted, or why not",
		Long:    whyLong,
		Example: "  kubectl assay why checkout --namespace prod",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return why(command.Context(), flags, streams.Out, args[0])
		},
	}
	flags.AddFlags(command.Flags())
	return command
}

func why(ctx context.Context, flags *genericclioptions.ConfigFlags, out io.Writer, name string) error {
	object, err := read(ctx, flags, name)
	if err != nil {
		return err
	}
	if err := explain(out, object); err != nil {
		return err
	}
	if code := exitCode(object); code != exitTrusted {
		return verdictError{code}
	}
	return nil
}

// explain prints the object: in short, its conditions, and how each digest did.
func explain(out io.Writer, object *v1alpha1.TrustedImage) error {
	summary := object.Status.Summary
	p := printer{out: out}
	p.line("TrustedImage %s/%s: %s, %s", object.Namespace, object.Name, orNone(string(summary.Verdict), "Undetermined"), orNone(summary.Reason, "no reason given"))
	for _, policy := range object.Status.Policies {
		p.line("  policy %s", policy)
	}
	switch {
	case object.Status.ObservedGeneration < 0:
		p.line("\nAssay did not look at it yet; is assay-controller running?")
	case object.Spec.Suspend:
		p.line("\nIt is suspended: Assay takes no digest for it, and judges what it trusts as before; set spec.suspend to false to go on.")
	case object.Status.ObservedGeneration != object.Generation:
		p.line("\nAssay did not look at the latest change of its spec yet; what follows is older.")
	}
	if len(object.Status.Conditions) > 0 {
		p.line("\nConditions:")
		p.do(func() error { return report.Conditions(out, object.Status.Conditions) })
	}
	if trusted := object.Status.Trusted; trusted != nil {
		p.line("\nTRUSTED NOW")
		p.do(func() error {
			return report.Verdict(out, report.Summary{
				Image: trusted.Repository + "@" + string(trusted.Digest), Verdict: verdictOf(trusted),
				Rules: trusted.Rules, Signers: trusted.Signers, Worst: trusted.Worst, Excused: trusted.Excused,
			})
		})
	}
	if candidate := object.Status.Candidate; candidate != nil {
		p.line("\nCANDIDATE")
		p.do(func() error {
			return report.Verdict(out, report.Summary{
				Image: candidate.Repository + "@" + string(candidate.Digest), Verdict: candidate.Verdict,
				Rules: candidate.Rules, Signers: candidate.Signers, Worst: candidate.Worst, Excused: candidate.Excused,
			})
		})
	}
	return p.err
}

// verdictOf returns the verdict on a digest that is trusted: one in grace is trusted no more.
func verdictOf(trusted *v1alpha1.TrustedDigest) v1alpha1.Verdict {
	if trusted.NotPassingSince != nil {
		return v1alpha1.VerdictRejected
	}
	return v1alpha1.VerdictTrusted
}

// exitCode says in a number how the object does, as whyLong tells.
func exitCode(object *v1alpha1.TrustedImage) int {
	trusted, candidate := object.Status.Trusted, object.Status.Candidate
	switch {
	case trusted != nil && verdictOf(trusted) == v1alpha1.VerdictRejected,
		candidate != nil && candidate.Verdict == v1alpha1.VerdictRejected:
		return exitRejected
	case trusted == nil, candidate != nil,
		object.Status.ObservedGeneration != object.Generation,
		!meta.IsStatusConditionTrue(object.Status.Conditions, v1alpha1.ReadyCondition),
		meta.IsStatusConditionFalse(object.Status.Conditions, v1alpha1.PromotedCondition):
		return exitUndetermined
	}
	return exitTrusted
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// printer writes until the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) do(write func() error) {
	if p.err == nil {
		p.err = write()
	}
}

// maxWord bounds what is shown of one value, in characters; the longest, the name of a policy, has 317.
const maxWord = 320

// line prints a line. Its values come from an object, and are escaped.
func (p *printer) line(format string, values ...string) {
	printable := make([]any, 0, len(values))
	for _, value := range values {
		printable = append(printable, evidence.Printable(value, maxWord))
	}
	p.do(func() error {
		_, err := fmt.Fprintf(p.out, format+"\n", printable...)
		return err
	})
}
