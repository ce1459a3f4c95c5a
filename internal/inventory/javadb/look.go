// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package javadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// part is a table or an index, with the first of its columns in their order.
type part struct {
	pragma, order, name string
	columns             []string
}

// layout is what the database must have. Without an index a look-up would read all of it.
func layout() []part {
	const table, tableOrder, index, indexOrder = "pragma_table_info", "cid", "pragma_index_info", "seqno"
	return []part{
		{table, tableOrder, "artifacts", []string{"id", "group_id", "artifact_id"}},
		{table, tableOrder, "indices", []string{"artifact_id", "version", "sha1", "archive_type"}},
		{index, indexOrder, "artifacts_idx", []string{"artifact_id", "group_id"}},
		{index, indexOrder, "indices_artifact_idx", []string{"artifact_id"}},
		{index, indexOrder, "indices_sha1_idx", []string{"sha1"}},
	}
}

// look checks a database, all of which it reads. It is called in a process of its own.
func look(path string, _ int64) error {
	ctx := context.Background() //nolint:forbidigo // the process ends by its limits
	database, err := open(ctx, path)
	if err != nil {
		return judged(err)
	}
	defer func() { _ = database.Close() }()
	if err := lookAtLayout(ctx, database); err != nil {
		return judged(err)
	}
	var verdict string
	if err := database.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return judged(err)
	}
	if verdict != "ok" {
		return form().Unusable("%s is damaged", databaseFile)
	}
	var held bool
	if err := database.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM indices)").Scan(&held); err != nil {
		return judged(err)
	}
	if !held {
		return form().Unusable("%s holds no artifacts", databaseFile)
	}
	return nil
}

// lookAtLayout refuses what is not laid out as trivy's is, and what could run when it is asked something: views, triggers and
// virtual tables.
func lookAtLayout(ctx context.Context, database *sql.DB) error {
	var plain bool
	if err := database.QueryRowContext(ctx, `SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema
		WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%')`).Scan(&plain); err != nil {
		return err
	}
	if !plain {
		return form().Unusable("%s holds more than tables and indexes", databaseFile)
	}
	for _, part := range layout() {
		var found string
		query := "SELECT coalesce(group_concat(name), '') FROM (SELECT name FROM " + part.pragma + "(?) ORDER BY " + part.order + ")"
		if err := database.QueryRowContext(ctx, query, part.name).Scan(&found); err != nil {
			return err
		}
		if list := strings.Split(found, ","); len(list) < len(part.columns) || !slices.Equal(list[:len(part.columns)], part.columns) {
			return form().Unusable("%s has no %s with the columns %s", databaseFile, part.name, strings.Join(part.columns, ", "))
		}
	}
	return nil
}

// judged says whether an error of SQLite means that the database is at fault.
func judged(err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.Code() & 0xff { // the rest says more about it
	case sqlite3.SQLITE_NOTADB:
		return form().Unusable("%s is no database", databaseFile)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR:
		return form().Unusable("%s is damaged", databaseFile)
	}
	return fmt.Errorf("read %s: SQLite's code %d", databaseFile, failure.Code())
}
