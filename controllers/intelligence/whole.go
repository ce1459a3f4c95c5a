// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intelligence

import (
	"context"
	"sync"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
)

// Database is content that does not tell what changed in it.
type Database interface {
	// Load takes up the content that is kept from before, without the network. That there is none is no error.
	Load(ctx context.Context) error
	// Refresh asks the source and says whether the content changed.
	Refresh(ctx context.Context) (changed bool, err error)
	// Version of the content in use, "" while there is none.
	Version() string
	// UpdatedAt is when the content in use was published, and the zero time while there is none.
	UpdatedAt() time.Time
}

// whole is a Feed of whose content everything may have changed.
type whole struct {
	database Database

	mutex   sync.Mutex
	message string // why the last Load or Refresh failed
}

// Whole makes a Feed of a database. After each change of it every answer may be another.
func Whole(database Database) Feed { return &whole{database: database} }

// maxMessageLength bounds a message in characters.
const maxMessageLength = 256

// Load implements Feed.
func (w *whole) Load(ctx context.Context) error { return w.remember(w.database.Load(ctx)) }

// Refresh implements Feed.
func (w *whole) Refresh(ctx context.Context) (feed.Change, error) {
	changed, err := w.database.Refresh(ctx)
	if changed {
		return feed.Everything(), w.remember(err)
	}
	return feed.Change{}, w.remember(err)
}

func (w *whole) remember(err error) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.message = ""
	if err != nil {
		w.message = evidence.Printable(err.Error(), maxMessageLength)
	}
	return err
}

// Status implements Feed.
func (w *whole) Status() feed.Status {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return feed.Status{Version: w.database.Version(), UpdatedAt: w.database.UpdatedAt(), Message: w.message}
}
