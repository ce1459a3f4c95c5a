// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package publicgood_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/assay-dev/assay/internal/signature/publicgood"
)

// climbing are names that lead out of a folder, when somebody takes them for paths in it.
var climbing = map[string]string{
	"up":                   "../../../../escaped",
	"up, encoded":          "..%2f..%2f..%2fescaped",
	"up, encoded twice":    "..%252f..%252fescaped",
	"up in another way":    `..\..\..\escaped`,
	"up from a folder":     "a/../../../../escaped",
	"from the root":        "/escaped",
	"the folder above":     "..",
	"the folder":           ".",
	"up to a file there":   "../../../canary",
	"a null in the middle": "../../../escaped\x00.json",
}

// publishDelegated makes the next version, in which the trust root is another role's, of the name, and a target of the name is beside it.
func (r *repository) publishDelegated(trusted []byte, name string) {
	r.t.Helper()
	public, err := metadata.KeyFromPublicKey(r.keys["targets"].Public())
	if err != nil {
		r.t.Fatal(err)
	}
	id, err := public.ID()
	if err != nil {
		r.t.Fatal(err)
	}
	r.version++
	sum := sha256.Sum256(trusted)
	file := &metadata.TargetFiles{Length: int64(len(trusted)), Hashes: metadata.Hashes{"sha256": sum[:]}}
	targets, delegated, snapshot, timestamp := metadata.Targets(r.expires), metadata.Targets(r.expires), metadata.Snapshot(r.expires), metadata.Timestamp(r.expires)
	targets.Signed.Version, delegated.Signed.Version, snapshot.Signed.Version, timestamp.Signed.Version = r.version, r.version, r.version, r.version
	targets.Signed.Targets[name] = file
	targets.Signed.Delegations = &metadata.Delegations{
		Keys:  map[string]*metadata.Key{id: public},
		Roles: []metadata.DelegatedRole{{Name: name, KeyIDs: []string{id}, Threshold: 1, Paths: []string{"*"}}},
	}
	delegated.Signed.Targets["trusted_root.json"] = file
	snapshot.Signed.Meta["targets.json"], snapshot.Signed.Meta[name+".json"] = metadata.MetaFile(r.version), metadata.MetaFile(r.version)
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(r.version)
	r.write(fmt.Sprintf("%d.targets.json", r.version), targets, r.keys["targets"])
	r.write(fmt.Sprintf("%d.%s.json", r.version, name), delegated, r.keys["targets"])
	r.write(fmt.Sprintf("%d.snapshot.json", r.version), snapshot, r.keys["snapshot"])
	r.write("timestamp.json", timestamp, r.keys["timestamp"])
	r.serve(with(r.files(), "targets/"+hex.EncodeToString(sum[:])+".trusted_root.json", trusted))
}

// guarded is a folder for a keeper, deep in one that it has no business in.
type guarded struct {
	t           *testing.T
	all, folder string
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	all := t.TempDir()
	g := guarded{t, all, filepath.Join(all, "a", "b", "c", "keeper")}
	if err := os.MkdirAll(g.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, canary := range []string{"canary", "canary.json", "a/b/canary.json", "a/b/c/canary.json", "a/b/c/root.json", "a/b/c/timestamp.json"} {
		if err := os.WriteFile(filepath.Join(all, canary), []byte("not JSON"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// files are those of one folder, and everything below, with their content.
func (g guarded) files(folder string) map[string]string {
	g.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = string(content)
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return all
}

// keeps says how many files are in the keeper's folder, and fails when anything around it is not as it was.
func (g guarded) keeps() int {
	g.t.Helper()
	inside, outside := 0, 0
	for path, content := range g.files(g.all) {
		if strings.HasPrefix(path, g.folder+string(filepath.Separator)) {
			inside++
			continue
		}
		outside++
		if content != "not JSON" {
			g.t.Errorf("%s is written", path)
		}
	}
	if outside != 6 {
		g.t.Errorf("%d files are around the folder, want 6", outside)
	}
	return inside
}

// TestCVE_2026_24137: the TUF client that the library had before wrote targets where their names led. No name that a repository tells, of
// a target or a role, leads out of the keeper's folder, not even when everything is signed as it must be. SEC-25.
func TestCVE_2026_24137(t *testing.T) {
	taken := 0
	for what, name := range climbing {
		t.Run("a role and a target that lead "+what, func(t *testing.T) {
			k, g := newKept(t), newGuarded(t)
			k.keeper.Folder = g.folder
			k.publish(variant(1))
			k.refresh(true)
			before := g.keeps()
			k.publishDelegated(variant(2), name)
			changed, err := k.keeper.Refresh(t.Context())
			t.Logf("changed: %v, %v", changed, err)
			if changed {
				taken++
			}
			if after := g.keeps(); before == 0 || after < before {
				t.Errorf("%d files, and then %d", before, after)
			}
		})
	}
	t.Run("a role and a target that lead nowhere", func(t *testing.T) {
		k, g := newKept(t), newGuarded(t)
		k.keeper.Folder = g.folder
		k.publishDelegated(variant(2), "delegated")
		k.refresh(true)
		k.has(variant(2))
		g.keeps()
	})
	if taken == 0 {
		t.Error("none of them came as far as to be written")
	}
}

// whatever serves the repository to requests for any host and folder.
type whatever struct{ *repository }

func (w whatever) RoundTrip(request *http.Request) (*http.Response, error) {
	path := request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:]
	if strings.HasSuffix(path, ".trusted_root.json") {
		path = "targets/" + path
	}
	request = request.Clone(request.Context())
	request.URL.Path = "/" + path
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, request)
	return recorder.Result(), nil
}

// TestCVE_2026_24137_Mirrors: nor does the name of the mirror, which is the folder of what was fetched from it.
func TestCVE_2026_24137_Mirrors(t *testing.T) {
	taken := 0
	for what, name := range climbing {
		for place, prefix := range map[string]string{"below a host": "https://tuf.example.com/", "as the host": "https://", "for the whole": ""} {
			t.Run(what+" "+place, func(t *testing.T) {
				r, g := newRepository(t), newGuarded(t)
				r.publish(variant(1))
				keeper := &publicgood.Keeper{
					Folder: g.folder, Mirror: prefix + name, Trusted: r.file("1.root.json"), Client: &http.Client{Transport: whatever{r}},
				}
				changed, err := keeper.Refresh(t.Context())
				t.Logf("changed: %v, %v", changed, err)
				if changed {
					taken++
				}
				g.keeps()
			})
		}
	}
	if taken == 0 {
		t.Error("none of them came as far as to be written")
	}
}
