// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/assay-dev/assay/internal/query"
)

// reachLong is told of every command that asks Assay itself.
const reachLong = ` The plugin sends
your own token, from the kubeconfig or --token; a client certificate cannot be sent. It reaches Assay at --assay-server, else at
the URL in ConfigMap assay-query of Assay's namespace, else by forwarding a port of assay-controller, for which you must be
allowed to. It believes the authority in that ConfigMap, or the one that --assay-certificate-authority gives.`

// questionsLong is told of every question.
const questionsLong = `

Assay answers for the namespaces in which you may list TrustedImages, or for the one that --namespace names.` + reachLong + `

Exit code: 0 when the answer is complete, 2 when it had to be cut, when it does not speak of every image, or when there is none.`

// question is one that Assay answers.
type question struct {
	use, short, long, example string
	// path and parameter are where it is asked.
	path, parameter string
	// nothing is said when there is no match.
	nothing string
}

var questions = []question{
	{
		use:   "affected VULNERABILITY",
		short: "Print which images carry a vulnerability",
		long:  "Print which images carry a vulnerability, given as its identifier such as CVE-2021-44228, in which package, and what fixes it.",
		example: `  kubectl assay affected CVE-2021-44228
  kubectl assay affected CVE-2021-44228 --namespace prod -o json`,
		path: query.AffectedPath, parameter: query.VulnerabilityParameter,
		nothing: "no image that you may see is known to be affected",
	},
	{
		use:   "find PACKAGE",
		short: "Print which images contain a package",
		long: `Print which images contain packages that match a package URL, in whose namespace and name * stands for any characters, and in
whose version a range may stand, such as @<1.2 or @>=1,<2.`,
		example: `  kubectl assay find 'pkg:golang/golang.org/x/crypto@<0.31'
  kubectl assay find 'pkg:maven/org.apache.logging.log4j/*'`,
		path: query.FindPath, parameter: query.PackageParameter,
		nothing: "no image that you may see is known to contain a match",
	},
}

// asking is what the flags of a question say.
type asking struct {
	kube      *genericclioptions.ConfigFlags
	server    string
	authority string
	namespace string // Assay's
	output    string
}

func newAsking() asking {
	a := asking{kube: genericclioptions.NewConfigFlags(true)}
	a.kube.CacheDir = nil // Nothing is discovered, and so nothing cached.
	return a
}

func (a *asking) addFlags(flags *pflag.FlagSet) {
	a.kube.AddFlags(flags)
	flags.StringVar(&a.server, "assay-server", "", "https URL of Assay's query server")
	flags.StringVar(&a.authority, "assay-certificate-authority", "", "file with the authority of Assay's certificate, in PEM form")
	flags.StringVar(&a.namespace, "assay-namespace", "assay-system", "namespace that Assay runs in")
}

func (q question) command(streams genericiooptions.IOStreams) *cobra.Command {
	a := newAsking()
	command := &cobra.Command{
		Use: q.use, Short: q.short, Long: q.long + questionsLong, Example: q.example,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.run(command.Context(), streams, q, args[0])
		},
	}
	flags := command.Flags()
	a.addFlags(flags)
	flags.StringVarP(&a.output, "output", "o", "table", "table or json")
	return command
}

func (a asking) run(ctx context.Context, streams genericiooptions.IOStreams, q question, subject string) error {
	if a.output != "table" && a.output != "json" {
		return fmt.Errorf("--output %q: want table or json", a.output)
	}
	reached, err := a.reach(ctx)
	if err != nil {
		return err
	}
	answer, err := reached.ask(ctx, q, subject, *a.kube.Namespace)
	if err != nil {
		return err
	}
	if a.output == "json" {
		err = printJSON(streams.Out, answer)
	} else {
		err = printMatches(streams.Out, answer.Matches)
	}
	if err != nil {
		return err
	}
	if err := printNotes(streams.ErrOut, answer, q.nothing); err != nil {
		return err
	}
	if !answer.Complete() {
		return verdictError{exitUndetermined}
	}
	return nil
}

func printJSON(out io.Writer, answer *query.Answer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}
