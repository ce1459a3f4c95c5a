// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/report"
)

// verifyOptions are the flags of assay verify.
type verifyOptions struct {
	policies       []string
	environment    string
	platforms      []string
	cacheDir       string
	indexer        string
	database       string
	databaseFile   string
	kev            string
	registryConfig string
	insecureHosts  []string
}

const verifyLong = `Resolve the image, find out what is in it and who signed it, and judge it under the policies of the files given,
as the controller would in a cluster. The files hold ImagePolicies, ClusterImagePolicies, and the ConfigMaps that their keys refer to.

Exit code: 0 trusted, 1 rejected, 2 could not tell.`

func verifyCommand() *cobra.Command {
	var o verifyOptions
	command := &cobra.Command{
		Use:   "verify IMAGE --policy FILE",
		Short: "Judge an image under policies, without a cluster",
		Long:  verifyLong,
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return o.run(command, args[0])
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&o.policies, "policy", nil, "file with policies, or a folder of such files; may be repeated")
	flags.StringVar(&o.environment, "environment", "", "namespace whose policies hold; empty means that every policy of the files holds")
	flags.StringArrayVar(&o.platforms, "platform", nil, "platform that an index must have, such as linux/amd64; may be repeated; every one that can run is judged")
	flags.StringVar(&o.cacheDir, "cache-dir", defaultCacheDir(), "folder for evidence and the vulnerability database")
	flags.StringVar(&o.indexer, "indexer", assembly.BesideThisProgram("assay-index"), "the program assay-index")
	flags.StringVar(&o.database, "database-repository", assembly.DefaultDatabase, "OCI artifact with the vulnerability database")
	flags.StringVar(&o.databaseFile, "database-file", "", "vulnerability database as a local db.tar.gz or folder, instead of --database-repository")
	flags.StringVar(&o.kev, "kev", "", "CISA's catalogue of known exploited vulnerabilities in JSON, a file or an https URL")
	flags.StringVar(&o.registryConfig, "registry-config", defaultRegistryConfig(), "Docker config file with credentials to pull with; credential helpers are not run")
	flags.StringArrayVar(&o.insecureHosts, "insecure-registry", nil, "host:port of a registry that is spoken to without TLS; may be repeated")
	_ = command.MarkFlagRequired("policy") // The flag exists.
	return command
}

// anyAddress lets the command connect wherever the person who runs it can; in a cluster the controller is more careful.
var anyAddress = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func (o *verifyOptions) run(command *cobra.Command, argument string) error {
	ctx := command.Context()
	files, err := readManifests(o.policies, o.environment == "")
	if err != nil {
		return err
	}
	parts, err := assembly.Assemble(assembly.Options{
		DataDir: o.cacheDir,
		Indexer: o.indexer, IndexMemory: assembly.DefaultIndexMemory, IndexDeadline: assembly.DefaultIndexDeadline,
		Database: o.database, DatabaseFile: o.databaseFile, KEV: o.kev,
		InsecureHosts: o.insecureHosts, AllowedAddresses: anyAddress,
	})
	if err != nil {
		return err
	}
	defer parts.Close() //nolint:errcheck // The process ends.
	progress := func(format string, args ...any) { _, _ = fmt.Fprintf(command.ErrOrStderr(), format+"\n", args...) }
	progress("Loading the vulnerability database")
	if err := parts.Refresh(ctx); err != nil {
		// What cannot be matched without it comes out as Unknown.
		progress("warning: %v", err)
	}
	reference, set, collected, err := o.gather(ctx, parts, files, argument, progress)
	if err != nil {
		return err
	}
	collected = parts.Gatherer.Examine(ctx, collected, gather.Wanted{})
	verdict := policy.Judge(set.Policies, collected, policy.Circumstances{Now: time.Now()})
	if err := report.Verdict(command.OutOrStdout(), reference.String(), verdict.Outcome.Verdict(), verdict.Rules, policy.Worst(collected)); err != nil {
		return err
	}
	switch verdict.Outcome {
	case policy.Trusted:
		return nil
	case policy.Rejected:
		return verdictError{exitRejected}
	default:
		return verdictError{exitUndetermined}
	}
}

func (o *verifyOptions) gather(ctx context.Context, parts *assembly.Parts, files *manifests, argument string, progress func(string, ...any)) (image.Reference, keys.Set, evidence.Evidence, error) {
	var none evidence.Evidence
	reader, err := o.reader(parts)
	if err != nil {
		return image.Reference{}, keys.Set{}, none, err
	}
	platforms, err := parsePlatforms(o.platforms)
	if err != nil {
		return image.Reference{}, keys.Set{}, none, err
	}
	progress("Resolving %s", argument)
	reference, err := resolve(ctx, reader, parts.Gatherer, argument)
	if err != nil {
		return reference, keys.Set{}, none, err
	}
	resolver := keys.Resolver{Policies: files, ConfigMaps: files}
	set, err := resolver.Matching(ctx, o.environment, reference.Repository)
	if err != nil {
		return reference, set, none, err
	}
	progress("Looking into %s", reference)
	request := gather.Request{Reference: reference, Platforms: platforms, Keys: set.Keys, Reader: reader}
	collected, err := parts.Gatherer.Gather(ctx, request)
	return reference, set, collected, err
}

func (o *verifyOptions) reader(parts *assembly.Parts) (registry.Reader, error) {
	var credentials registry.Credentials
	content, err := os.ReadFile(o.registryConfig)
	switch {
	case err == nil:
		credentials.DockerConfigs = [][]byte{content}
	case o.registryConfig != "" && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--registry-config: %w", err)
	}
	return parts.Registries.Reader(credentials)
}

// resolve finds the digest that the argument, repository:tag or repository@digest, names now.
func resolve(ctx context.Context, reader registry.Reader, gatherer *gather.Gatherer, argument string) (image.Reference, error) {
	if strings.Contains(argument, "@") {
		return image.ParseReference(argument)
	}
	tag, err := image.ParseTagged(argument)
	if err != nil {
		return image.Reference{}, err
	}
	document, err := reader.Resolve(ctx, tag)
	if err != nil {
		return image.Reference{}, err
	}
	return image.Reference{Repository: tag.Repository, Digest: document.Digest}, gatherer.Keep(ctx, document)
}

func parsePlatforms(wanted []string) ([]image.Platform, error) {
	var platforms []image.Platform
	for _, w := range wanted {
		platform, err := image.ParsePlatform(w)
		if err != nil {
			return nil, err
		}
		platforms = append(platforms, platform)
	}
	return platforms, nil
}

func defaultCacheDir() string {
	folder, err := os.UserCacheDir()
	if err != nil {
		folder = os.TempDir()
	}
	return filepath.Join(folder, "assay")
}

func defaultRegistryConfig() string {
	if folder := os.Getenv("DOCKER_CONFIG"); folder != "" {
		return filepath.Join(folder, "config.json")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker", "config.json")
}
