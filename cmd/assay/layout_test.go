// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
)

const layoutPolicy = `
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: supply-chain}
spec:
  namespaces: [prod]
  layouts:
  - name: checkout
    layout: {configMapKeyRef: {name: layouts, key: checkout.layout}}
    keys: [{configMapKeyRef: {name: layouts, key: owner.pub}}]
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: layouts, namespace: assay-system}, data: {checkout.layout: LAYOUT, owner.pub: OWNER}}
`

// TestLayouts judges an image by an in-toto layout, whose functionaries attach their links with the cosign command.
func TestLayouts(t *testing.T) {
	w, r := newWorkshop(t), registry.New(t)
	owner, writer, builder := newFunctionary(t), newFunctionary(t), newFunctionary(t)
	layout := in_toto.Layout{
		Type: "layout", Expires: "2126-01-31T00:00:00Z", Inspect: []in_toto.Inspection{},
		Keys: map[string]in_toto.Key{writer.public.KeyID: writer.public, builder.public.KeyID: builder.public},
		Steps: []in_toto.Step{
			stepBy(writer, "write", nil, [][]string{{"CREATE", "main.go"}, {"DISALLOW", "*"}}),
			stepBy(builder, "build", [][]string{{"MATCH", "main.go", "WITH", "PRODUCTS", "FROM", "write"}, {"DISALLOW", "*"}}, [][]string{{"CREATE", "image"}, {"DISALLOW", "*"}}),
		},
	}
	signed := in_toto.Metablock{Signed: layout}
	if err := signed.Sign(owner.private); err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	policy := w.write(t, "layout.yaml", strings.NewReplacer("LAYOUT", strconv.Quote(string(document)), "OWNER", strconv.Quote(owner.publicPEM)).Replace(layoutPolicy))
	source := map[string]in_toto.HashObj{"main.go": {"sha256": strings.Repeat("5", 64)}}
	other := map[string]in_toto.HashObj{"main.go": {"sha256": strings.Repeat("6", 64)}}

	for name, test := range map[string]struct {
		built   map[string]in_toto.HashObj // what the builder says that it built from
		by      functionary                // who says so
		product string                     // and what it says that came out, for another digest than the image's
		code    int
		says    string
	}{
		"every step was taken as the layout says": {source, builder, "", exitTrusted, "Trusted"},
		"something else was built than written":   {other, builder, "", exitRejected, "step build"},
		"somebody else built it":                  {source, writer, "", exitRejected, "step build"},
		"something else came out":                 {source, builder, strings.Repeat("7", 64), exitRejected, "LayoutBroken"},
	} {
		t.Run(name, func(t *testing.T) {
			reference := r.Host() + "/shop/" + strings.ReplaceAll(name, " ", "-")
			digest, err := images.Push(t.Context(), reference+":1", images.Build(t, images.PatchedDebian))
			if err != nil {
				t.Fatal(err)
			}
			product := strings.TrimPrefix(digest, "sha256:")
			if test.product != "" {
				product = test.product
			}
			writer.attach(t, reference+"@"+digest, in_toto.Link{Type: "link", Name: "write", Materials: map[string]in_toto.HashObj{}, Products: source})
			code, output, errs := w.run(t, "verify", "--policy", policy, "--database-file", w.database, "--insecure-registry", r.Host(), reference+":1")
			if code != exitRejected || !strings.Contains(output, "build") {
				t.Errorf("before it is built: exit code %d:\n%s%s", code, output, errs)
			}
			test.by.attach(t, reference+"@"+digest, in_toto.Link{
				Type: "link", Name: "build", Materials: test.built, Products: map[string]in_toto.HashObj{"image": {"sha256": product}},
			})
			code, output, errs = w.run(t, "verify", "--policy", policy, "--database-file", w.database, "--insecure-registry", r.Host(), reference+":1")
			if code != test.code || !strings.Contains(output, test.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, test.code, test.says, output, errs)
			}
		})
	}
}

// functionary has a key, as in-toto and as the cosign command have it.
type functionary struct {
	private, public in_toto.Key
	publicPEM       string
	folder          string
}

func newFunctionary(t *testing.T) functionary {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := functionary{folder: t.TempDir()}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	if err := f.private.LoadKeyReaderDefaults(bytes.NewReader(encoded)); err != nil {
		t.Fatal(err)
	}
	f.public = f.private
	f.public.KeyVal.Private = ""
	pkix, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	f.publicPEM = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}))
	if err := os.WriteFile(filepath.Join(f.folder, "key.pem"), encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	f.cosign(t, "import-key-pair", "--key=key.pem")
	return f
}

// attach attaches a link to the image.
func (f functionary) attach(t *testing.T, image string, link in_toto.Link) {
	t.Helper()
	link.ByProducts, link.Environment, link.Command = map[string]any{}, map[string]any{}, []string{"make"}
	predicate, err := json.Marshal(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.folder, "link.json"), predicate, 0o600); err != nil {
		t.Fatal(err)
	}
	f.cosign(t, "attest", "--key=import-cosign.key", "--tlog-upload=false", "--type=link", "--predicate=link.json", image)
}

func (f functionary) cosign(t *testing.T, args ...string) {
	t.Helper()
	program, err := filepath.Abs("../../bin/clients/cosign")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = f.folder
	command.Env = []string{"HOME=" + f.folder, "COSIGN_PASSWORD=test", "COSIGN_YES=true", "HTTPS_PROXY=http://127.0.0.1:1"}
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("cosign %s: %v\n%s", args[0], err, output)
	}
}

func stepBy(f functionary, name string, materials, products [][]string) in_toto.Step {
	if materials == nil {
		materials = [][]string{}
	}
	return in_toto.Step{
		Type: "step", Threshold: 1, ExpectedCommand: []string{}, PubKeys: []string{f.public.KeyID},
		SupplyChainItem: in_toto.SupplyChainItem{Name: name, ExpectedMaterials: materials, ExpectedProducts: products},
	}
}
