// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/layout"
)

// imageOptions are the flags of every command that looks into an image.
type imageOptions struct {
	as             string
	platforms      []string
	cacheDir       string
	indexer        string
	database       string
	databaseFile   string
	javaDatabases  []string
	javaDatabase   string
	kev            string
	epss           string
	registryConfig string
	insecureHosts  []string
}

const imageHelp = `IMAGE is repository:tag or repository@digest, or an image on the local disk: a path that begins with "/", "./" or "../", of an OCI
image layout (a folder or an archive) or of what docker save wrote.`

// oneImage wants the only argument that a command has.
func oneImage(command *cobra.Command, args []string) error {
	switch len(args) {
	case 1:
		return nil
	case 0:
		return fmt.Errorf("want an image: %s", command.UseLine())
	}
	return fmt.Errorf("want one image, got %d: %s", len(args), strings.Join(args, " "))
}

func (o *imageOptions) addFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&o.as, "as", "", "repository:tag that a local image is going to be pushed to; policies speak of it by that name")
	flags.StringArrayVar(&o.platforms, "platform", nil, "platform that the image must have, such as linux/amd64; may be repeated; every one of an index that can run is looked at")
	flags.StringVar(&o.cacheDir, "cache-dir", defaultCacheDir(), "folder for evidence and the vulnerability database")
	flags.StringVar(&o.indexer, "indexer", assembly.BesideThisProgram("assay-index"), "the program assay-index")
	flags.StringArrayVar(&o.javaDatabases, "java-database-repository", nil, "OCI artifact with the Java database, which names jars that do not say what they are; may be repeated with mirrors")
	flags.StringVar(&o.javaDatabase, "java-database-file", "", "Java database as a local tar.gz or folder, instead of --java-database-repository")
	flags.StringVar(&o.registryConfig, "registry-config", defaultRegistryConfig(), "Docker config file with credentials to pull with; credential helpers are not run")
	flags.StringArrayVar(&o.insecureHosts, "insecure-registry", nil, "host:port of a registry that is spoken to without TLS; may be repeated")
}

// addIntelligenceFlags adds the flags of commands that look for vulnerabilities.
func (o *imageOptions) addIntelligenceFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&o.database, "database-repository", assembly.DefaultDatabase, "OCI artifact with the vulnerability database")
	flags.StringVar(&o.databaseFile, "database-file", "", "vulnerability database as a local db.tar.gz or folder, instead of --database-repository")
	flags.StringVar(&o.kev, "kev", "", "CISA's catalogue of known exploited vulnerabilities in JSON, plain or gzip, a file or an https URL")
	flags.StringVar(&o.epss, "epss", "", "FIRST's EPSS scores in CSV, plain or gzip, a file or an https URL")
}

// anyAddress lets the command connect wherever the person who runs it can; in a cluster the controller is more careful.
var anyAddress = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// subject is an image with what is needed to look into it.
type subject struct {
	parts     *assembly.Parts
	reader    registry.Reader
	reference image.Reference
	// name that people know the image by.
	name      string
	platforms []image.Platform
	progress  *progress
	closers   []func() error
}

// open finds the image.
func (o *imageOptions) open(command *cobra.Command, argument string) (_ *subject, err error) {
	s := &subject{name: argument, progress: newProgress(command.ErrOrStderr())}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.platforms, err = parsePlatforms(o.platforms); err != nil {
		return nil, err
	}
	if s.parts, err = assembly.Assemble(command.Context(), o.assembly()); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.parts.Close)
	if isLocal(argument) {
		return s, o.openLocal(s, argument)
	}
	if o.as != "" {
		return nil, errors.New("--as is for images on the local disk")
	}
	return s, o.openRemote(command.Context(), s, argument)
}

func (o *imageOptions) assembly() assembly.Options {
	return assembly.Options{
		DataDir: o.cacheDir,
		Indexer: o.indexer, IndexMemory: assembly.DefaultIndexMemory, IndexDeadline: assembly.DefaultIndexDeadline,
		Database: cmp.Or(o.database, assembly.DefaultDatabase), DatabaseFile: o.databaseFile,
		JavaDatabases: o.javaDatabases, JavaDatabaseFile: o.javaDatabase, KEV: o.kev, EPSS: o.epss,
		InsecureHosts: o.insecureHosts, AllowedAddresses: anyAddress,
	}
}

func (o *imageOptions) openRemote(ctx context.Context, s *subject, argument string) error {
	reader, err := o.registryReader(s.parts)
	if err != nil {
		return err
	}
	s.reader = s.progress.counting(reader)
	s.progress.step("Resolving %s", argument)
	if s.reference, err = resolve(ctx, s.reader, s.parts.Gatherer, argument); err == nil {
		return nil
	}
	if _, missing := os.Stat(argument); missing == nil {
		return fmt.Errorf("%w; for what is at that place on the local disk write ./%s", err, argument)
	}
	return err
}

func (o *imageOptions) registryReader(parts *assembly.Parts) (registry.Reader, error) {
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

// isLocal says that the argument is a path: a reference begins with neither a dot nor a slash.
func isLocal(argument string) bool {
	return strings.HasPrefix(argument, ".") || filepath.IsAbs(argument)
}

func (o *imageOptions) openLocal(s *subject, path string) error {
	s.progress.step("Reading %s", path)
	opened, err := layout.Open(path)
	var ofPath *fs.PathError
	if errors.As(err, &ofPath) && ofPath.Path == path {
		err = ofPath.Err // it is named already
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.closers = append(s.closers, opened.Close)
	s.reader = s.progress.counting(opened)
	digest, called, err := opened.Image(o.as)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	repository, err := o.localName(path, called)
	s.reference = image.Reference{Repository: repository, Digest: digest}
	return err
}

// localName is the repository of a local image: that of --as, or else the one that the image was saved under. A name without a
// registry is none that a policy could mean.
func (o *imageOptions) localName(path, called string) (image.Repository, error) {
	name := o.as
	if name == "" && strings.Contains(called, "/") {
		name = called
	}
	if name == "" {
		return image.ParseRepository("localhost/unnamed")
	}
	if tag, err := image.ParseTagged(name); err == nil {
		return tag.Repository, nil
	}
	repository, err := image.ParseRepository(name)
	if err != nil && o.as == "" {
		return repository, fmt.Errorf("%s: the image is saved under a name that is no reference; give it one by --as", path)
	}
	return repository, err
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

// close lets go of everything. What fails then changes nothing any more.
func (s *subject) close() {
	s.progress.end()
	for _, c := range s.closers {
		_ = c()
	}
}

// refresh gets the newest vulnerability database and feeds. Without them the findings come out as Unknown.
func (s *subject) refresh(ctx context.Context) {
	s.progress.step("Loading the vulnerability database")
	s.progress.warn(s.parts.Refresh(ctx))
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

// checkPlatforms refuses to show one platform to somebody who wants another.
func checkPlatforms(platforms []evidence.Platform, wanted []image.Platform) error {
	for _, w := range wanted {
		if slices.ContainsFunc(platforms, func(p evidence.Platform) bool { return w.Selects(p.Platform) }) {
			continue
		}
		var names []string
		for _, p := range platforms {
			names = append(names, p.Platform.String())
		}
		return fmt.Errorf("the image is not for %s; it is for %s", w, strings.Join(names, ", "))
	}
	return nil
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
