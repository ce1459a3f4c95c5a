// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Names in the folder that editions are kept in. An edition is first put together in an incoming folder and gets its name,
// which ends in its digest, when it is complete and checked.
const (
	keptPrefix     = "database-"
	incomingPrefix = "incoming-"
	editionFile    = "edition"
)

// kept is an edition on the disk.
type kept struct {
	Result
	folder string
	// edition that the source named it by, and "" when that is not known.
	edition string
}

func newIncoming(folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(folder, incomingPrefix)
}

// store gives the incoming folder its name. It is there wholly or not at all, also after a kill in the middle.
func (k *kept) store(incoming string) error {
	if err := writeSynced(filepath.Join(incoming, editionFile), []byte(k.edition)); err != nil {
		return err
	}
	if err := syncFolder(incoming); err != nil {
		return err
	}
	if err := os.RemoveAll(k.folder); err != nil {
		return err
	}
	if err := os.Rename(incoming, k.folder); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(k.folder))
}

// adopt takes the metadata of an incoming edition that is otherwise the same.
func (k *kept) adopt(incoming string) error {
	if err := writeSynced(filepath.Join(incoming, editionFile), []byte(k.edition)); err != nil {
		return err
	}
	for _, name := range []string{MetadataFile, editionFile} {
		if err := os.Rename(filepath.Join(incoming, name), filepath.Join(k.folder, name)); err != nil {
			return err
		}
	}
	return syncFolder(k.folder)
}

// newestOnDisk returns the newest edition in the folder that passes the check, and nil if there is none. All else in the
// folder that Assay once wrote is removed. The error tells what was damaged first, also when another edition was found.
func (f Form) newestOnDisk(ctx context.Context, folder string) (*kept, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, f.NotStored(err)
	}
	var newest *kept
	var damage error
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		digest, isKept := strings.CutPrefix(entry.Name(), keptPrefix)
		if !isKept {
			if strings.HasPrefix(entry.Name(), incomingPrefix) {
				_ = os.RemoveAll(path)
			}
			continue
		}
		found, err := f.readKept(ctx, path, digest)
		switch {
		case errors.Is(err, ErrUnusable):
			damage = cmp.Or(damage, err)
			_ = os.RemoveAll(path)
		case err != nil: // it may be sound: leave it
			damage = cmp.Or(damage, err)
		case newest == nil:
			newest = found
		case found.UpdatedAt.After(newest.UpdatedAt):
			_ = os.RemoveAll(newest.folder)
			newest = found
		default:
			_ = os.RemoveAll(path)
		}
	}
	return newest, damage
}

func (f Form) readKept(ctx context.Context, path, digest string) (*kept, error) {
	result, err := f.check(ctx, path)
	if err == nil && result.Digest != digest {
		err = f.Unusable("its content changed on the disk")
	}
	if err != nil {
		return nil, fmt.Errorf("stored database: %w", err)
	}
	edition, err := os.ReadFile(filepath.Join(path, editionFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, f.NotStored(err)
	}
	return &kept{Result: result, folder: path, edition: string(edition)}, nil
}

// NotStored is an error of the disk without its paths: those of incoming folders differ from one try to the next.
func (f Form) NotStored(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("could not store the %s: %w", f.Name, err)
}

// writeSynced writes a file that is on the disk when it returns.
func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// syncFolder puts the names in a folder on the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
