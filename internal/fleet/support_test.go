// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"log/slog"
	"os"
	"testing"

	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
)

func TestMain(m *testing.M) {
	trivydb.RunIfAsked(os.Args)
	slog.SetDefault(slog.New(slog.DiscardHandler)) // trivy tells of every call
	os.Exit(m.Run())
}
