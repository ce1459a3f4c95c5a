// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Handle is how a program has the database of an edition open.
type Handle interface {
	// Swap opens the database in the next folder and closes the one that is open, if any. intact says that, after an error, all
	// is as it was before. Nobody has a view meanwhile.
	Swap(ctx context.Context, next string) (intact bool, err error)
	// Close closes what is open, if anything.
	Close() error
}

// Keeper keeps the newest edition in a folder, where it survives a restart, and replaces it between two views, never
// during one. It is safe for concurrent use.
type Keeper struct {
	form   Form
	folder string
	source Source
	handle Handle

	refreshing sync.Mutex // held by Load, Refresh and Close: there is one writer
	refused    refusal

	viewing sync.RWMutex // read-held by who reads the database, held by who replaces it

	mutex   sync.RWMutex // of what follows; never held for long
	loaded  *kept
	failure string // why the last Load or Refresh failed
}

// refusal remembers an edition that is unusable, so that it is not fetched again and again.
type refusal struct {
	edition string
	err     error
}

// NewKeeper returns a Keeper of editions of the form, which is the only user of the folder and of the handle. None is loaded
// before Load or Refresh.
func NewKeeper(form Form, folder string, source Source, handle Handle) *Keeper {
	return &Keeper{form: form, folder: folder, source: source, handle: handle}
}

// Loaded returns what is known of the edition in use, and false while none is loaded; failure then says why the last Load or
// Refresh failed, if one did.
func (k *Keeper) Loaded() (result Result, failure string, loaded bool) {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	if k.loaded == nil {
		return Result{}, k.failure, false
	}
	return k.loaded.Result, "", true
}

// Version of the edition in use, and "" while none is loaded. It is the digest of the database's file.
func (k *Keeper) Version() string {
	if result, _, loaded := k.Loaded(); loaded {
		return result.Version()
	}
	return ""
}

// UpdatedAt is when the edition in use was built, and the zero time while none is loaded.
func (k *Keeper) UpdatedAt() time.Time {
	result, _, _ := k.Loaded()
	return result.UpdatedAt
}

// View calls view while the edition in use stays in use. It is not called, and the result is false, while none is loaded.
func (k *Keeper) View(view func(inUse Result)) bool {
	k.viewing.RLock()
	defer k.viewing.RUnlock()
	current := k.current()
	if current == nil {
		return false
	}
	view(current.Result)
	return true
}

// Lose gives the edition in use up, for whoever has a view of it and finds that it cannot be read any more. The next Refresh
// fetches it anew.
func (k *Keeper) Lose(reason error) {
	k.set(nil)
	_ = k.remember(reason)
}

// Scratch returns a new folder beside the editions, which the caller removes. The next Load removes what a kill leaves of it.
func (k *Keeper) Scratch() (string, error) {
	folder, err := newIncoming(k.folder)
	if err != nil {
		return "", k.form.NotStored(err)
	}
	return folder, nil
}

// Load takes up the edition that the folder holds from before, without the network. That there is none is no error.
func (k *Keeper) Load(ctx context.Context) error {
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	found, err := k.form.newestOnDisk(ctx, k.folder)
	if found != nil {
		err = cmp.Or(k.use(ctx, found), err)
	}
	return k.remember(err)
}

// Refresh asks the source for its edition and takes it up if it is another and usable, and says whether the content
// changed. After any error the edition of before stays in use. An unchanged source costs one look and no download.
func (k *Keeper) Refresh(ctx context.Context) (changed bool, err error) {
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	changed, err = k.refresh(ctx)
	return changed, k.remember(err)
}

func (k *Keeper) refresh(ctx context.Context) (bool, error) {
	latest, err := k.source.Latest(ctx)
	if err != nil {
		return false, err
	}
	current := k.current()
	if current != nil && current.edition == latest.ID {
		return false, nil
	}
	if k.refused.edition == latest.ID {
		return false, k.refused.err
	}
	changed, err := k.takeUp(ctx, latest, current)
	if errors.Is(err, ErrUnusable) {
		k.refused = refusal{edition: latest.ID, err: err}
	}
	return changed, err
}

// takeUp fetches an edition, checks it and replaces the current one by it.
func (k *Keeper) takeUp(ctx context.Context, latest Edition, current *kept) (bool, error) {
	incoming, err := k.Scratch()
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(incoming) }()
	if err := latest.fetch(ctx, incoming); err != nil {
		return false, err
	}
	result, err := k.form.check(ctx, incoming)
	if err != nil {
		return false, err
	}
	switch {
	case current != nil && result.UpdatedAt.Before(current.UpdatedAt):
		return false, k.form.Unusable("it is older than the one in use; to go back to it, empty the folder that databases are kept in")
	case current != nil && result.Digest == current.Digest:
		renamed := &kept{Result: result, folder: current.folder, edition: latest.ID}
		if err := renamed.adopt(incoming); err != nil {
			return false, k.form.NotStored(err)
		}
		k.renew(renamed)
		return false, nil
	}
	next := &kept{Result: result, folder: filepath.Join(k.folder, keptPrefix+result.Digest), edition: latest.ID}
	if err := next.store(incoming); err != nil {
		return false, k.form.NotStored(err)
	}
	if err := k.use(ctx, next); err != nil {
		_ = os.RemoveAll(next.folder)
		return false, err
	}
	return true, nil
}

// Close lets go of the edition in use, when the views under way have ended. There is none from then on.
func (k *Keeper) Close() error {
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	k.viewing.Lock()
	defer k.viewing.Unlock()
	k.set(nil)
	return k.handle.Close()
}

func (k *Keeper) current() *kept {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	return k.loaded
}

func (k *Keeper) set(loaded *kept) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.loaded = loaded
}

// renew replaces what is known of the edition in use, unless that was lost meanwhile.
func (k *Keeper) renew(loaded *kept) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.loaded != nil {
		k.loaded = loaded
	}
}

// remember keeps the reason of a failure for those who ask while none is loaded.
func (k *Keeper) remember(err error) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.failure = ""
	if err != nil {
		k.failure = err.Error()
	}
	return err
}

// use makes the next edition the one in use, when the views under way have ended, and removes the one before it. When it
// fails, the one before is still in use.
func (k *Keeper) use(ctx context.Context, next *kept) error {
	k.viewing.Lock()
	defer k.viewing.Unlock()
	previous := k.current()
	intact, err := k.handle.Swap(ctx, next.folder)
	if err != nil {
		if !intact {
			k.set(nil)
		}
		return fmt.Errorf("could not open the %s: %w", k.form.Name, err)
	}
	k.set(next)
	if previous != nil && previous.folder != next.folder {
		_ = os.RemoveAll(previous.folder) // what is left is removed by the next Load
	}
	return nil
}
