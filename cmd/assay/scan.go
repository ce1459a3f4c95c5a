// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/report"
)

// scanOptions are the flags of assay scan.
type scanOptions struct {
	imageOptions
	secrets bool
	output  string
}

func scanCommand() *cobra.Command {
	var o scanOptions
	command := &cobra.Command{
		Use:   "scan IMAGE",
		Short: "Print the vulnerabilities in an image",
		Long: `Find out what is in the image and print the vulnerabilities in it, without judging it.

` + imageHelp + `

Exit code: 0 when everything in the image is known, 2 when something is not.`,
		Args: oneImage,
		RunE: func(command *cobra.Command, args []string) error {
			return o.run(command, args[0])
		},
	}
	o.addFlags(command)
	o.addIntelligenceFlags(command)
	command.Flags().BoolVar(&o.secrets, "secrets", false, "search the image for secrets, too, which takes longer")
	addOutputFlag(command, &o.output)
	return command
}

func (o *scanOptions) run(command *cobra.Command, argument string) error {
	ctx := command.Context()
	if err := checkOutput(o.output); err != nil {
		return err
	}
	s, err := o.open(command, argument)
	if err != nil {
		return err
	}
	defer s.close()
	s.refresh(ctx)
	s.progress.step("Looking into %s", s.reference)
	collected, err := s.parts.Gatherer.Gather(ctx, gather.Request{
		Reference: s.reference, Platforms: s.platforms, Secrets: o.secrets, Reader: s.reader,
	})
	if err != nil {
		return err
	}
	if err := checkPlatforms(collected.Platforms, s.platforms); err != nil {
		return err
	}
	collected = s.parts.Gatherer.Examine(ctx, collected, gather.Wanted{})
	s.progress.end()
	judgement := judgementOf(s, keys.Set{}, collected, policy.Verdict{}, time.Now())
	judgement.Verdict = ""
	out := command.OutOrStdout()
	if o.output == "text" {
		err = report.Findings(out, judgement, isColourful(out))
	} else {
		err = report.Write(out, judgement, o.output, false)
	}
	if err == nil && !judgement.Complete() {
		return verdictError{exitUndetermined}
	}
	return err
}

func formatNames() string { return strings.Join(report.Formats(), ", ") }
