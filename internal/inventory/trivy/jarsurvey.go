// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"archive/zip"
	"bufio"
	"cmp"
	"crypto/sha1" //nolint:gosec // it is how Maven's repositories name what they hold
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

const (
	// maxArchiveDepth bounds archives within archives. A web application in an application server's archive has three.
	maxArchiveDepth = 8
	// maxArchiveBytes bounds what the archives within one archive decompress to.
	maxArchiveBytes = 1 << 30
	// maxManifest bounds what is read of a manifest, and maxName a name that one states, in bytes.
	maxManifest, maxName = 1 << 20, 200
)

// archiveSurvey looks at an archive and at those within it before the parser does, which follows them to any depth and
// size.
type archiveSurvey struct {
	left     int64 // bytes
	archives []inventory.Jar
	broken   []string
}

func (s *archiveSurvey) visit(name string, content io.ReaderAt, size int64, depth int) error {
	if depth > maxArchiveDepth {
		return overLimit("archives are nested more than %d deep", maxArchiveDepth)
	}
	archive, err := zip.NewReader(content, size)
	if err != nil {
		s.broken = append(s.broken, name)
		return nil //nolint:nilerr // it is remembered
	}
	sum := sha1.New() //nolint:gosec // as above
	if _, err := io.Copy(sum, io.NewSectionReader(content, 0, size)); err != nil {
		return fmt.Errorf("read an archive: %w", err)
	}
	found := inventory.Jar{Path: name, SHA1: hex.EncodeToString(sum.Sum(nil))}
	at := len(s.archives)
	s.archives = append(s.archives, found)
	for _, entry := range archive.File {
		if path.Base(entry.Name) == "MANIFEST.MF" { // of several trivy takes the last
			s.archives[at].Group, s.archives[at].Artifact, s.archives[at].Version = readManifest(entry)
		}
		if !slices.Contains([]string{".jar", ".war", ".ear"}, path.Ext(entry.Name)) {
			continue
		}
		// A name that leads out of the archive leads nowhere.
		if err := s.visitEntry(path.Join(name, path.Join("/", entry.Name)), entry, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// visitEntry unpacks an archive within an archive.
func (s *archiveSurvey) visitEntry(name string, entry *zip.File, depth int) error {
	unpacked, err := os.CreateTemp("", "archive-")
	if err != nil {
		return fmt.Errorf("unpack an archive: %w", err)
	}
	defer func() {
		_ = unpacked.Close()
		_ = os.Remove(unpacked.Name()) // the parent removes what is left
	}()
	packed, err := entry.Open()
	if err != nil {
		s.broken = append(s.broken, name)
		return nil
	}
	defer packed.Close()
	size, err := io.Copy(unpacked, io.LimitReader(packed, s.left+1))
	if s.left -= size; s.left < 0 {
		return overLimit("the archives within an archive decompress to more than %s", wire.Size(maxArchiveBytes))
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return fmt.Errorf("unpack an archive: %w", err)
	}
	if err != nil {
		s.broken = append(s.broken, name)
		return nil
	}
	return s.visit(name, unpacked, size, depth)
}

// readManifest returns what a manifest calls its archive; all three or none. Which of its fields say so, and in which order they
// are believed, is as in trivy, which looks at lines and not at what continues them.
func readManifest(entry *zip.File) (group, artifact, version string) {
	opened, err := entry.Open()
	if err != nil {
		return "", "", ""
	}
	defer opened.Close()
	fields := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(opened, maxManifest))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) > 1 && !strings.HasPrefix(words[1], "%") { // a variable
			name, value, _ := strings.Cut(lines.Text(), ":")
			fields[name] = value
		}
	}
	symbolic := fields["Bundle-SymbolicName"]
	if i := strings.LastIndexByte(symbolic, '.'); i > 0 {
		symbolic = symbolic[:i]
	}
	group = strings.TrimSpace(cmp.Or(fields["Implementation-Vendor-Id"], symbolic, fields["Implementation-Vendor"], fields["Specification-Vendor"]))
	artifact = strings.TrimSpace(cmp.Or(fields["Implementation-Title"], fields["Specification-Title"], fields["Bundle-Name"]))
	version = strings.TrimSpace(cmp.Or(fields["Implementation-Version"], fields["Specification-Version"], fields["Bundle-Version"]))
	if min(len(group), len(artifact), len(version)) == 0 || max(len(group), len(artifact), len(version)) > maxName {
		return "", "", ""
	}
	return group, artifact, version
}
