// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package publicgood_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// repository is a TUF repository as a server has it. Each role has one key; the root role gets a new one when it is rotated.
type repository struct {
	t        testing.TB
	keys     map[string]ed25519.PrivateKey
	expires  time.Time
	root     *metadata.Metadata[metadata.RootType]
	version  int64
	requests *atomic.Int64

	mu    sync.Mutex
	store map[string][]byte
}

func newRepository(t testing.TB) *repository {
	t.Helper()
	r := &repository{t: t, keys: map[string]ed25519.PrivateKey{}, expires: time.Now().Add(time.Hour), requests: &atomic.Int64{}, store: map[string][]byte{}}
	r.root = metadata.Root(r.expires)
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		r.newKey(role)
	}
	r.write("1.root.json", r.root, r.keys["root"])
	return r
}

// ServeHTTP serves the files.
func (r *repository) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	r.requests.Add(1)
	content, found := r.files()[strings.TrimPrefix(request.URL.Path, "/")]
	if !found {
		http.NotFound(response, request)
		return
	}
	if _, err := response.Write(content); err != nil {
		r.t.Log(err)
	}
}

func (r *repository) files() map[string][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.store)
}

func (r *repository) file(name string) []byte { return r.files()[name] }

// serve replaces what is served.
func (r *repository) serve(files map[string][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.store = files
}

func with(files map[string][]byte, name string, content []byte) map[string][]byte {
	files = maps.Clone(files)
	files[name] = content
	return files
}

func (r *repository) newKey(role string) {
	r.t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	key, err := metadata.KeyFromPublicKey(public)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.root.Signed.AddKey(key, role); err != nil {
		r.t.Fatal(err)
	}
	r.keys[role] = private
}

// rotateRoot gives the root role another key; the old one and the new one sign the next root.
func (r *repository) rotateRoot() {
	r.t.Helper()
	old := r.keys["root"]
	oldKey, err := metadata.KeyFromPublicKey(old.Public())
	if err != nil {
		r.t.Fatal(err)
	}
	id, err := oldKey.ID()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.root.Signed.RevokeKey(id, "root"); err != nil {
		r.t.Fatal(err)
	}
	r.newKey("root")
	r.root.Signed.Version++
	r.root.ClearSignatures()
	r.write(fmt.Sprintf("%d.root.json", r.root.Signed.Version), r.root, old, r.keys["root"])
}

// publish makes the next version, with a trust root.
func (r *repository) publish(trusted []byte) {
	r.t.Helper()
	r.version++
	sum := sha256.Sum256(trusted)
	digest := hex.EncodeToString(sum[:])
	targets, snapshot, timestamp := metadata.Targets(r.expires), metadata.Snapshot(r.expires), metadata.Timestamp(r.expires)
	targets.Signed.Version, snapshot.Signed.Version, timestamp.Signed.Version = r.version, r.version, r.version
	targets.Signed.Targets["trusted_root.json"] = &metadata.TargetFiles{Length: int64(len(trusted)), Hashes: metadata.Hashes{"sha256": sum[:]}}
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(r.version)
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(r.version)
	r.write(fmt.Sprintf("%d.targets.json", r.version), targets, r.keys["targets"])
	r.write(fmt.Sprintf("%d.snapshot.json", r.version), snapshot, r.keys["snapshot"])
	r.write("timestamp.json", timestamp, r.keys["timestamp"])
	r.serve(with(r.files(), "targets/"+digest+".trusted_root.json", trusted))
}

// signable is metadata of any role.
type signable interface {
	Sign(signer signature.Signer) (*metadata.Signature, error)
	ToBytes(pretty bool) ([]byte, error)
}

func (r *repository) write(name string, role signable, keys ...ed25519.PrivateKey) {
	r.t.Helper()
	for _, key := range keys {
		signer, err := signature.LoadSigner(key, crypto.Hash(0))
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := role.Sign(signer); err != nil {
			r.t.Fatal(err)
		}
	}
	content, err := role.ToBytes(true)
	if err != nil {
		r.t.Fatal(err)
	}
	r.serve(with(r.files(), name, content))
}
