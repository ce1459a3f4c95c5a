// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package javadb

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/aquasecurity/trivy/pkg/dependency"
	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/aquasecurity/trivy/pkg/purl"
	"github.com/aquasecurity/trivy/pkg/types"

	"github.com/assay-dev/assay/internal/inventory"
)

// artifact is what Maven calls a jar.
type artifact struct{ group, name, version string }

// name names jars by a database of the version.
func name(ctx context.Context, database *sql.DB, version string, jars []inventory.Jar) (inventory.Naming, error) {
	naming := inventory.Naming{Database: version}
	var plain, hidden ftypes.Packages
	for i, jar := range jars {
		found, err := identify(ctx, database, jar)
		if err != nil {
			return inventory.Naming{}, fmt.Errorf("look up a jar in the Java database: %w", judged(err))
		}
		if found == (artifact{}) {
			continue
		}
		naming.Jars = append(naming.Jars, i)
		if jar.Claimed {
			hidden = append(hidden, packageOf(jar, found))
		} else {
			plain = append(plain, packageOf(jar, found))
		}
	}
	var err error
	if naming.Detail, err = detailOf(plain); err != nil {
		return inventory.Naming{}, err
	}
	naming.Hidden, err = detailOf(hidden)
	return naming, err
}

// identify finds out what a jar is in the order in which trivy does: the manifest's word, if Maven knows such an artifact; the
// digest; the file's name, which is a guess. The result is zero when nobody knows.
func identify(ctx context.Context, database *sql.DB, jar inventory.Jar) (artifact, error) {
	if jar.Group != "" {
		var known bool
		err := database.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM artifacts a JOIN indices i ON i.artifact_id = a.id
			WHERE a.artifact_id = ? AND a.group_id = ?)`, jar.Artifact, jar.Group).Scan(&known)
		if err != nil || known {
			return artifact{jar.Group, jar.Artifact, jar.Version}, err
		}
	}
	sum, err := hex.DecodeString(jar.SHA1)
	if err != nil {
		return artifact{}, nil //nolint:nilerr // then it has no digest
	}
	var found artifact
	err = database.QueryRowContext(ctx, `SELECT a.group_id, a.artifact_id, i.version FROM indices i JOIN artifacts a ON a.id = i.artifact_id
		WHERE i.sha1 = ?`, sum).Scan(&found.group, &found.name, &found.version)
	if !errors.Is(err, sql.ErrNoRows) {
		return found, err
	}
	name, version, ok := ofFileName(path.Base(jar.Path))
	if !ok {
		return artifact{}, nil
	}
	// Of groups with an artifact of that name and version it is the one that published most.
	err = database.QueryRowContext(ctx, `SELECT a.group_id FROM indices i JOIN artifacts a ON a.id = i.artifact_id
		WHERE a.artifact_id = ? AND i.version = ? AND i.archive_type = 'jar' GROUP BY a.id
		ORDER BY count(*) * (SELECT count(*) FROM indices p WHERE p.artifact_id = a.id) DESC, a.group_id LIMIT 1`,
		name, version).Scan(&found.group)
	if errors.Is(err, sql.ErrNoRows) {
		return artifact{}, nil
	}
	return artifact{found.group, name, version}, err
}

// ofFileName takes the name of a file apart, such as spring-core-5.3.4.jar: the version begins with a digit after the last
// hyphen that has one.
func ofFileName(file string) (name, version string, ok bool) {
	stem, ok := strings.CutSuffix(file, ".jar")
	if !ok || strings.ContainsAny(stem, " \t\r\n*") {
		return "", "", false
	}
	for i := len(stem) - 2; i > 0; i-- {
		if stem[i] == '-' && stem[i-1] != '-' && '0' <= stem[i+1] && stem[i+1] <= '9' {
			return stem[:i], stem[i+1:], true
		}
	}
	return "", "", false
}

// packageOf is the package that trivy makes of a jar.
func packageOf(jar inventory.Jar, found artifact) ftypes.Package {
	p := ftypes.Package{
		Name:     found.group + ":" + found.name,
		Version:  found.version,
		FilePath: jar.Path,
		Layer:    ftypes.Layer{DiffID: jar.Layer.String()},
	}
	if url, err := purl.New(ftypes.Jar, types.Metadata{}, p); err == nil {
		p.Identifier.PURL = url.Unwrap()
	}
	p.Identifier.UID = dependency.UID("", p)
	return p
}

// detailOf is a detail of packages of Java; nil if there is none.
func detailOf(packages ftypes.Packages) (json.RawMessage, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	detail := ftypes.ArtifactDetail{Applications: []ftypes.Application{{Type: ftypes.Jar, Packages: packages}}}
	encoded, err := json.Marshal(detail)
	if err != nil {
		return nil, fmt.Errorf("encode the names of jars: %w", err)
	}
	return encoded, nil
}
