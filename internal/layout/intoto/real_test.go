// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/layout/intoto"
	"github.com/assay-dev/assay/internal/signature"
)

// TestTheDemoOfInToto verifies what in-toto's implementation in Python made and signed, with RSA: the demo of the project, which the Go
// library has among its test data.
func TestTheDemoOfInToto(t *testing.T) {
	found, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/in-toto/in-toto-golang").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(found)), "test", "data")
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	owner, err := signature.ParseKey(read("alice.pub"))
	if err != nil {
		t.Fatal(err)
	}
	demo := layout.Layout{Document: read("dsse-only.root.layout"), Owners: []signature.Key{owner}}
	metadata, err := in_toto.LoadMetadata(filepath.Join(folder, "dsse-only.root.layout"))
	if err != nil {
		t.Fatal(err)
	}
	inner, _ := metadata.GetPayload().(in_toto.Layout)

	var links []evidence.Signed
	for _, name := range []string{"clone-dsse.776a00e2.link", "update-version-dsse.776a00e2.link", "package-dsse.2f89b927.link"} {
		signer := signerOf(t, filepath.Join(folder, name), inner)
		var envelope struct{ Payload []byte }
		if err := json.Unmarshal(read(name), &envelope); err != nil {
			t.Fatal(err)
		}
		links = append(links, evidence.Signed{PredicateType: layout.ClassicLink, Statement: envelope.Payload, Signer: evidence.Signer{Key: signer.Fingerprint}})
	}
	made, err := image.ParseDigest("sha256:0c5c56be1f4d8707fe981f07b0d35a4a1a50e898e3ebc8b1fa12c7c6f364bb7b")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		links []evidence.Signed
		about image.Digest
		now   time.Time
		want  string
	}{
		"as it is":            {links, made, now, ""},
		"another product":     {links, about, now, "step package-dsse, the last one, did not make this image"},
		"without a link":      {links[1:], made, now, "step clone-dsse wants links by 1 of its functionaries, and the image has them by 0"},
		"after it has ended":  {links, made, time.Date(2030, 6, 3, 13, 25, 20, 0, time.UTC), "the layout expired at 2030-06-03T13:25:20Z"},
		"by another's clones": {[]evidence.Signed{{Statement: links[0].Statement, Signer: links[2].Signer}, links[1], links[2]}, made, now, "step clone-dsse wants links"},
	} {
		t.Run(name, func(t *testing.T) {
			got := intoto.Verifier{}.Verify(demo, test.links, test.about, test.now)
			if got.Passed != (test.want == "") || !strings.Contains(got.Message, test.want) {
				t.Errorf("got %+v, want %q", got, test.want)
			}
		})
	}
}

// signerOf returns the key of the layout that signed a link.
func signerOf(t *testing.T, path string, of in_toto.Layout) signature.Key {
	t.Helper()
	link, err := in_toto.LoadMetadata(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range of.Keys {
		if link.VerifySignature(key) == nil {
			parsed, err := signature.ParseKey([]byte(key.KeyVal.Public))
			if err != nil {
				t.Fatal(err)
			}
			return parsed
		}
	}
	t.Fatalf("no key of the layout signed %s", path)
	return signature.Key{}
}
