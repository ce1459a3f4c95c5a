// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
)

// sbomOptions are the flags of assay sbom.
type sbomOptions struct {
	imageOptions
	output string
}

func sbomCommand() *cobra.Command {
	var o sbomOptions
	command := &cobra.Command{
		Use:   "sbom IMAGE",
		Short: "Print the software bill of materials of an image",
		Long: `Find out what is in the image and print its software bill of materials. Of an image for several platforms one must be chosen.

` + imageHelp + `

Exit code: 0 when the bill is complete, 2 when it is not or there is none.`,
		Args: oneImage,
		RunE: func(command *cobra.Command, args []string) error {
			return o.run(command, args[0])
		},
	}
	o.addFlags(command)
	command.Flags().StringVarP(&o.output, "output", "o", "spdx", "format: spdx (2.3, JSON) or cyclonedx (1.6, JSON)")
	return command
}

func (o *sbomOptions) run(command *cobra.Command, argument string) error {
	ctx := command.Context()
	kind, known := map[string]evidence.Kind{"spdx": evidence.KindSPDX, "cyclonedx": evidence.KindCycloneDX}[o.output]
	if !known {
		return fmt.Errorf("unknown output format %q: want spdx or cyclonedx", o.output)
	}
	s, err := o.open(command, argument)
	if err != nil {
		return err
	}
	defer s.close()
	if s.parts.Jars != nil { // of all databases the one that says what something is
		s.progress.step("Loading the Java database")
		s.progress.warn(s.parts.RefreshJars(ctx))
	}
	s.progress.step("Looking into %s", s.reference)
	collected, err := s.parts.Gatherer.Gather(ctx, gather.Request{Reference: s.reference, Platforms: s.platforms, Reader: s.reader})
	if err != nil {
		return err
	}
	platform, err := choose(collected.Platforms, s.platforms)
	if err != nil {
		return err
	}
	s.progress.end()
	document, err := s.parts.Store.Get(ctx, platform.Manifest, kind)
	if err != nil {
		return fmt.Errorf("%s: no bill of materials was made: %s", platform.Platform, platform.Inventory.Message)
	}
	if _, err = command.OutOrStdout().Write(document); err != nil || platform.Inventory.State == evidence.Known {
		return err
	}
	s.progress.step("warning: it is incomplete: %s", platform.Inventory.Message)
	return verdictError{exitUndetermined}
}

// choose returns the only platform, or the one that is wanted.
func choose(platforms []evidence.Platform, wanted []image.Platform) (evidence.Platform, error) {
	if err := checkPlatforms(platforms, wanted); err != nil {
		return evidence.Platform{}, err
	}
	var names []string
	for _, p := range platforms {
		if len(platforms) == 1 || len(wanted) == 1 && wanted[0].Selects(p.Platform) {
			return p, nil
		}
		names = append(names, p.Platform.String())
	}
	return evidence.Platform{}, fmt.Errorf("the image is for several platforms; choose one by --platform: %s", strings.Join(names, ", "))
}
