// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package assembly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/assay-dev/assay/internal/edition"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
)

// published is a database or a feed that others publish, as somebody who sets flags knows it.
type published struct {
	// from is the flag that says where it comes from, with that place.
	from string
	// wanted is what has to be in the place.
	wanted string
	// folder that the last good one is kept in.
	folder string

	load, refresh func(ctx context.Context) error
	// inUse is when the one in use was published, the zero time while there is none.
	inUse func() time.Time
}

// Refresh loads what is on the disk and then looks once for something newer. After an error the last good one stays in use, and
// the error says so.
func (p *Parts) Refresh(ctx context.Context) error {
	o := p.options
	errs := []error{p.renew(ctx, published{
		from:   cmp.Or(given("--database-file", o.DatabaseFile), given("--database-repository", o.Database)),
		wanted: "a db.tar.gz or a folder with trivy.db and metadata.json", folder: databaseFolder,
		load: p.Database.Load, refresh: quietly(p.Database.Refresh), inUse: p.Database.UpdatedAt,
	}), p.RefreshJars(ctx)}
	if p.Catalogue != nil {
		errs = append(errs, p.renew(ctx, published{
			from: given("--kev", o.KEV), wanted: "CISA's catalogue in JSON, plain or gzip", folder: kevFolder,
			load: p.Catalogue.Load, refresh: quietly(p.Catalogue.Refresh), inUse: func() time.Time { return p.Catalogue.Status().UpdatedAt },
		}))
	}
	if p.Scores != nil {
		errs = append(errs, p.renew(ctx, published{
			from: given("--epss", o.EPSS), wanted: "FIRST's scores in CSV, plain or gzip", folder: epssFolder,
			load: p.Scores.Load, refresh: quietly(p.Scores.Refresh), inUse: func() time.Time { return p.Scores.Status().UpdatedAt },
		}))
	}
	return errors.Join(errs...)
}

// RefreshJars is Refresh for the Java database alone, if there is one.
func (p *Parts) RefreshJars(ctx context.Context) error {
	if p.Jars == nil {
		return nil
	}
	return p.renew(ctx, published{
		from:   cmp.Or(given("--java-database-file", p.options.JavaDatabaseFile), given("--java-database-repository", strings.Join(p.options.JavaDatabases, ", "))),
		wanted: "an archive or a folder with trivy-java.db and metadata.json", folder: jarFolder,
		load: p.Jars.Load, refresh: quietly(p.Jars.Refresh), inUse: p.Jars.UpdatedAt,
	})
}

// given is a flag as it was given, "" when it was not.
func given(flag, value string) string {
	if value == "" {
		return ""
	}
	return flag + " " + value
}

// quietly leaves out what a refresh says of the difference.
func quietly[Change any](refresh func(context.Context) (Change, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := refresh(ctx)
		return err
	}
}

// renew loads one and looks for a newer one.
func (p *Parts) renew(ctx context.Context, one published) error {
	folder := filepath.Join(p.options.DataDir, one.folder)
	loading := one.load(ctx)
	if loading != nil {
		loading = fmt.Errorf("%w; it is kept in %s", loading, folder)
	}
	err := one.refresh(ctx)
	if err == nil {
		return loading
	}
	var refusal *feed.Refusal
	switch inUse := one.inUse(); {
	case !inUse.IsZero():
		err = fmt.Errorf("%s: %w; the one of %s stays in use, which is kept in %s", one.from, err, inUse.UTC().Format(time.DateOnly), folder)
	case errors.Is(err, edition.ErrUnusable) || errors.As(err, &refusal):
		err = fmt.Errorf("%s: %w; want %s", one.from, err, one.wanted)
	default:
		err = fmt.Errorf("%s: %w", one.from, err)
	}
	return errors.Join(loading, err)
}
