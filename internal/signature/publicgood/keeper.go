// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package publicgood

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
)

// target is the name of the trust root in the TUF repository.
const target = "trusted_root.json"

// maxRootSize bounds a trust root in bytes; there are 7 KiB of it.
const maxRootSize = 1 << 20

// Keeper has the newest trust root that it knows, and gets a newer one when told to. Its fields are not to be changed once it is used.
type Keeper struct {
	// Folder keeps what was fetched, for the next start and against rollback: nothing older than what is in it is taken. It belongs to
	// one keeper and must not be writable by others.
	Folder string
	// Client makes the requests; http.DefaultClient where it is nil.
	Client *http.Client
	// Mirror is the URL of the TUF repository; the public-good instance's where it is empty.
	Mirror string
	// Trusted is the TUF root.json to begin with; the public-good instance's, as it was when Assay was built, where it is nil.
	Trusted []byte

	refreshing sync.Mutex
	reading    sync.Mutex
	current    []byte
}

// Current is the newest trust root: what the last Refresh got, also one before a restart, or else the one that was there when Assay was
// built. A version of Assay with another root in it begins with that. It contacts nobody.
func (k *Keeper) Current() []byte {
	k.reading.Lock()
	defer k.reading.Unlock()
	if k.current == nil {
		k.current = k.kept()
	}
	return bytes.Clone(k.current)
}

// Refresh gets the trust root that is published now, and says whether it is another than before. With an error the one before is kept:
// nobody answered, or what was answered is older, not signed as it must be, expired, or no trust root.
func (k *Keeper) Refresh(ctx context.Context) (changed bool, err error) {
	if k.Folder == "" {
		return false, errors.New("a trust root is not refreshed without a folder to keep it in: older ones could not be told")
	}
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	before := k.Current()
	published, err := k.fetch(ctx)
	if err != nil {
		return false, fmt.Errorf("refresh the trust root of the public-good instance: %w", err)
	}
	if bytes.Equal(published, before) {
		return false, nil
	}
	if err := k.keep(published); err != nil {
		return false, fmt.Errorf("keep the trust root of the public-good instance: %w", err)
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	k.current = published
	return true, nil
}

// fetch gets the published trust root, verified from Trusted on and never older than what is in the folder.
func (k *Keeper) fetch(ctx context.Context) (published []byte, err error) {
	defer func() {
		if recover() != nil {
			published, err = nil, errors.New("what was answered cannot be read: the TUF client failed on it")
		}
	}()
	trusted := k.Trusted
	if trusted == nil {
		trusted = tuf.DefaultRoot()
	}
	options := (&tuf.Options{}).WithRoot(trusted).WithCachePath(filepath.Join(k.Folder, "tuf")).
		WithRepositoryBaseURL(cmp.Or(k.Mirror, tuf.DefaultMirror)).WithFetcher(fetcher(ctx, k.Client))
	if err := mend(filepath.Join(options.CachePath, tuf.URLToPath(options.RepositoryBaseURL))); err != nil {
		return nil, err
	}
	client, err := tuf.New(options)
	if err != nil {
		return nil, err
	}
	published, err = client.GetTarget(target)
	if err != nil {
		return nil, err
	}
	return published, usable(published)
}

// mend removes the TUF client's files that a crash of the machine left without their content: it would fail on them forever.
func mend(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil && !json.Valid(content) {
			err = os.Remove(file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// usable says why the content is no trust root.
func usable(content []byte) error {
	if len(content) > maxRootSize {
		return fmt.Errorf("the trust root has more than %d bytes", maxRootSize)
	}
	if _, err := root.NewTrustedRootFromJSON(content); err != nil {
		return fmt.Errorf("not a trust root: %w", err)
	}
	return nil
}

// file is where the trust root is kept. Its name has the root that Assay was built with, so that another version does not take up what an
// older one left. Unlike what the TUF client leaves, it counts when it could not be refreshed for longer than it was signed for.
func (k *Keeper) file() string {
	sum := sha256.Sum256(embedded)
	return filepath.Join(k.Folder, "trusted_root-"+hex.EncodeToString(sum[:8])+".json")
}

// kept is the trust root that was kept, or the embedded one.
func (k *Keeper) kept() []byte {
	info, err := os.Stat(k.file())
	if k.Folder == "" || err != nil || info.Size() > maxRootSize {
		return embedded
	}
	content, err := os.ReadFile(k.file())
	if err != nil || usable(content) != nil {
		return embedded
	}
	return content
}

// keep writes the trust root, all or nothing.
func (k *Keeper) keep(content []byte) error {
	written, err := os.CreateTemp(k.Folder, "trusted_root-*.new")
	if err != nil {
		return err
	}
	_, err = written.Write(content)
	if err = errors.Join(err, written.Sync(), written.Close()); err != nil {
		return errors.Join(err, os.Remove(written.Name()))
	}
	return os.Rename(written.Name(), k.file())
}
