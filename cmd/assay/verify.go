// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/report"
)

// verifyOptions are the flags of assay verify.
type verifyOptions struct {
	imageOptions
	policies       []string
	environment    string
	assayNamespace string
	replaces       string
	output         string
}

const verifyLong = `Resolve the image, find out what is in it and who signed it, and judge it under the policies of the files given,
as the controller would in a cluster. The files hold ImagePolicies, ClusterImagePolicies, and the ConfigMaps that they refer to.

` + imageHelp + `

Exit code: 0 trusted, 1 rejected, 2 could not tell.`

func verifyCommand() *cobra.Command {
	var o verifyOptions
	command := &cobra.Command{
		Use:   "verify IMAGE --policy FILE",
		Short: "Judge an image under policies, without a cluster",
		Long:  verifyLong,
		Example: `  assay verify registry.example.com/shop/checkout:1.8 --policy policy.yaml
  assay verify ./checkout.tar --as registry.example.com/shop/checkout:1.8 --policy policies/ -o sarif`,
		Args: oneImage,
		RunE: func(command *cobra.Command, args []string) error {
			return o.run(command, args[0])
		},
	}
	o.addFlags(command)
	o.addIntelligenceFlags(command)
	flags := command.Flags()
	flags.StringArrayVar(&o.policies, "policy", nil, "file with policies, or a folder of such files; may be repeated")
	flags.StringVar(&o.environment, "environment", "", "namespace whose policies hold; empty means that every policy of the files holds")
	flags.StringVar(&o.assayNamespace, "assay-namespace", "assay-system", "namespace that Assay runs in, where cluster-wide policies find their ConfigMaps")
	flags.StringVar(&o.replaces, "replaces", "", "repository:tag or repository@digest that the environment trusts now, for vulnerabilities.notWorseThanCurrent")
	addOutputFlag(command, &o.output)
	_ = command.MarkFlagRequired("policy") // The flag exists.
	return command
}

func (o *verifyOptions) run(command *cobra.Command, argument string) error {
	ctx := command.Context()
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if isLocal(o.replaces) {
		return fmt.Errorf("--replaces %s: what an environment trusts is in a registry; want repository:tag or repository@digest", o.replaces)
	}
	files, err := readManifests(ctx, o.policies, o.environment)
	if err != nil {
		return err
	}
	s, err := o.open(command, argument)
	if err != nil {
		return err
	}
	defer s.close()
	s.refresh(ctx)
	set, err := o.matching(ctx, files, s.reference.Repository)
	if err != nil {
		return err
	}
	collected, err := s.gather(ctx, s.reference, set)
	if err != nil {
		return err
	}
	circumstances := policy.Circumstances{Now: time.Now()}
	if o.replaces != "" {
		if circumstances.Replaces, err = o.gatherReplaced(ctx, s, set); err != nil {
			return err
		}
	}
	verdict := policy.Judge(set.Policies, collected, circumstances)
	s.progress.end()
	if err := report.Write(command.OutOrStdout(), judgementOf(s, set, collected, verdict, circumstances.Now), o.output, isColourful(command.OutOrStdout())); err != nil {
		return err
	}
	return exitOf(verdict.Outcome)
}

// matching returns the policies that speak of the image: those that hold in the environment, or all when none is named.
func (o *verifyOptions) matching(ctx context.Context, files *manifests, repository image.Repository) (keys.Set, error) {
	resolver := &keys.Resolver{Policies: files, Texts: files.texts, Namespace: o.assayNamespace, CheckAnchor: assembly.CheckAnchor, CheckLayout: assembly.CheckLayout, PublicRoot: assembly.PublicRoot}
	if o.environment != "" {
		return resolver.Matching(ctx, o.environment, repository)
	}
	policies := files.speakingOf(repository)
	if err := checkDelegation(policies); err != nil {
		return keys.Set{}, err
	}
	return resolver.Resolve(ctx, policies)
}

// checkDelegation refuses to judge for any environment when exceptions hold in some of them only.
func checkDelegation(policies []policy.Policy) error {
	delegating := slices.IndexFunc(policies, func(p policy.Policy) bool {
		return p.Namespace == "" && p.Spec.Vulnerabilities != nil && p.Spec.Vulnerabilities.DelegateExceptions != nil
	})
	excusing := slices.IndexFunc(policies, func(p policy.Policy) bool {
		return p.Namespace != "" && p.Spec.Vulnerabilities != nil && len(p.Spec.Vulnerabilities.Exceptions) > 0
	})
	if delegating < 0 || excusing < 0 {
		return nil
	}
	return fmt.Errorf("ClusterImagePolicy %s lets exceptions of namespaced policies excuse, such as those of ImagePolicy %s; say by --environment which namespace's",
		policies[delegating].Name, policies[excusing].Name)
}

// gather collects and examines the evidence that the policies look at.
func (s *subject) gather(ctx context.Context, reference image.Reference, set keys.Set) (evidence.Evidence, error) {
	s.progress.step("Looking into %s", reference)
	request := gather.Request{
		Reference: reference, Platforms: s.platforms, Reader: s.reader,
		Anchors: set.Anchors, PredicateTypes: policy.PredicateTypes(set.Policies), VEX: policy.NeedsVEX(set.Policies), Layouts: set.Layouts, Believed: policy.Believes(set.Policies, time.Now()), Secrets: policy.NeedsSecrets(set.Policies),
	}
	collected, err := s.parts.Gatherer.Gather(ctx, request)
	if err == nil && !gather.LookedFor(collected) {
		collected, err = s.parts.Gatherer.Look(ctx, request, collected)
	}
	if err != nil {
		return collected, err
	}
	return s.parts.Gatherer.Examine(ctx, collected, gather.Wanted{
		Packages: policy.NeedsPackages(set.Policies), Statements: policy.PredicateTypes(set.Policies), Believed: policy.Believes(set.Policies, time.Now()), Layouts: set.Layouts, Now: time.Now(),
	}), nil
}

// gatherReplaced collects the evidence on the digest that the environment trusts now.
func (o *verifyOptions) gatherReplaced(ctx context.Context, s *subject, set keys.Set) (*evidence.Evidence, error) {
	reader, err := o.registryReader(s.parts)
	if err != nil {
		return nil, err
	}
	replaced := &subject{parts: s.parts, reader: s.progress.counting(reader), progress: s.progress}
	if replaced.reference, err = resolve(ctx, replaced.reader, s.parts.Gatherer, o.replaces); err != nil {
		return nil, fmt.Errorf("--replaces %s: %w", o.replaces, err)
	}
	collected, err := replaced.gather(ctx, replaced.reference, set)
	if err != nil {
		return nil, fmt.Errorf("--replaces %s: %w", o.replaces, err)
	}
	return &collected, nil
}

func judgementOf(s *subject, set keys.Set, collected evidence.Evidence, verdict policy.Verdict, at time.Time) report.Judgement {
	judgement := report.Judgement{
		Image: s.name, Digest: s.reference.Digest.String(), Verdict: verdict.Outcome.Verdict(), Policies: policy.Names(set.Policies),
		Rules: verdict.Rules, Evidence: collected, Worst: policy.Worst(collected), At: at, Version: version,
		Signers: policy.Signers(set.Policies, collected, at),
	}
	for _, e := range verdict.Excused {
		judgement.Excused = append(judgement.Excused, report.Excused{Finding: e.Finding, By: e.By, Owner: e.Owner, Reason: e.Reason, Until: e.Until})
	}
	return judgement
}

func exitOf(outcome policy.Outcome) error {
	switch outcome {
	case policy.Trusted:
		return nil
	case policy.Rejected:
		return verdictError{exitRejected}
	default:
		return verdictError{exitUndetermined}
	}
}

// addOutputFlag adds -o.
func addOutputFlag(command *cobra.Command, output *string) {
	command.Flags().StringVarP(output, "output", "o", "text", "format: "+formatNames())
}

// checkOutput refuses an unknown format before work begins.
func checkOutput(output string) error {
	if slices.Contains(report.Formats(), output) {
		return nil
	}
	return report.Write(nil, report.Judgement{}, output, false)
}
