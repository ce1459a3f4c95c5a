// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/image"
)

const (
	manifestType   = image.MediaTypeManifest
	indexType      = image.MediaTypeIndex
	layerType      = "application/vnd.oci.image.layer.v1.tar+gzip"
	schema1Type    = "application/vnd.docker.distribution.manifest.v1+json"
	schema1Signed  = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	config         = `{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + digestA + `","size":2}`
	layer          = `{"mediaType":"` + layerType + `","digest":"` + digestB + `","size":7}`
	child          = `{"mediaType":"` + manifestType + `","digest":"` + digestB + `","size":7,"platform":{"os":"linux","architecture":"amd64"}}`
	plainManifest  = `{"schemaVersion":2,"mediaType":"` + manifestType + `","config":` + config + `,"layers":[` + layer + `]}`
	plainIndex     = `{"schemaVersion":2,"mediaType":"` + indexType + `","manifests":[` + child + `]}`
	untypedImage   = `{"schemaVersion":2,"config":` + config + `,"layers":[` + layer + `]}`
	untypedIndex   = `{"schemaVersion":2,"manifests":[` + child + `]}`
	artifactSample = `{"schemaVersion":2,"mediaType":"` + manifestType + `","artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json",` +
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + digestA + `","size":2},"layers":[],` +
		`"subject":` + child + `,"annotations":{"a":"1","A":"2"}}`
)

// manifestWith is a good manifest with more members at its end.
func manifestWith(members string) string {
	return strings.TrimSuffix(plainManifest, "}") + "," + members + "}"
}

// manifestOf is a manifest with the given config and layers.
func manifestOf(config, layers string) string {
	return `{"schemaVersion":2,"mediaType":"` + manifestType + `","config":` + config + `,"layers":` + layers + `}`
}

func list(element string, times int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", times), ",") + "]"
}

func TestParseDocumentAccepts(t *testing.T) {
	for about, test := range map[string]struct{ contentType, raw, want string }{
		"an OCI manifest":                       {manifestType, plainManifest, manifestType},
		"an OCI index":                          {indexType, plainIndex, indexType},
		"a Content-Type with a parameter":       {manifestType + "; charset=utf-8", plainManifest, manifestType},
		"no Content-Type":                       {"", plainManifest, manifestType},
		"no mediaType inside":                   {manifestType, untypedImage, manifestType},
		"a Docker manifest":                     {image.MediaTypeDockerManifest, untypedImage, image.MediaTypeDockerManifest},
		"a Docker list":                         {image.MediaTypeDockerList, untypedIndex, image.MediaTypeDockerList},
		"an artifact with a subject":            {manifestType, artifactSample, manifestType},
		"an index without children":             {indexType, `{"schemaVersion":2,"manifests":[]}`, indexType},
		"an index whose children are null":      {indexType, `{"schemaVersion":2,"manifests":null}`, indexType},
		"as many layers as are taken":           {manifestType, manifestOf(config, list(layer, 128)), manifestType},
		"white space around it":                 {manifestType, " \n" + plainManifest + "\n ", manifestType},
		"a member that nobody knows":            {manifestType, manifestWith(`"x":{"y":[1]}`), manifestType},
		"a well-formed subject annotation":      {manifestType, manifestWith(`"annotations":{"io.containerd.manifest.subject":"` + digestB + `"}`), manifestType},
		"a layer type with a parameter":         {manifestType, manifestOf(config, `[{"mediaType":"a/b;version=0.3","digest":"`+digestB+`","size":0}]`), manifestType},
		"null where something may be left out":  {manifestType, manifestWith(`"annotations":null,"subject":null,"artifactType":null`), manifestType},
		"foreign urls, which nobody looks at":   {manifestType, manifestOf(config, `[{"mediaType":"a/b","digest":"`+digestB+`","size":0,"urls":["http://169.254.169.254/"]}]`), manifestType},
		"a platform with a version and feature": {indexType, `{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"` + digestB + `","size":0,"platform":{"os":"windows","architecture":"amd64","os.version":"10.0.17763","os.features":["win32k"]}}]}`, indexType},
	} {
		t.Run(about, func(t *testing.T) {
			got, err := image.ParseDocument(test.contentType, []byte(test.raw))
			if err != nil {
				t.Fatal(err)
			}
			if got.MediaType() != test.want || (got.Manifest == nil) == (got.Index == nil) {
				t.Errorf("parsed as %q: %+v", got.MediaType(), got)
			}
			if got.Digest != image.DigestOf([]byte(test.raw)) || !bytes.Equal(got.Raw, []byte(test.raw)) {
				t.Errorf("the digest or the bytes are not those of the document")
			}
		})
	}
}

func TestParseDocumentReadsEveryField(t *testing.T) {
	got, err := image.ParseDocument("", []byte(artifactSample))
	if err != nil {
		t.Fatal(err)
	}
	a, b := image.DigestOf(nil), image.DigestOf(nil)
	for s, d := range map[string]*image.Digest{digestA: &a, digestB: &b} {
		if *d, err = image.ParseDigest(s); err != nil {
			t.Fatal(err)
		}
	}
	want := &image.Manifest{
		MediaType:    manifestType,
		ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
		Config:       image.Descriptor{MediaType: image.MediaTypeEmpty, Digest: a, Size: 2},
		Layers:       []image.Descriptor{},
		Subject: &image.Descriptor{
			MediaType: manifestType, Digest: b, Size: 7, Platform: &image.Platform{OS: "linux", Architecture: "amd64"},
		},
		Annotations: map[string]string{"a": "1", "A": "2"},
	}
	if diff := cmp.Diff(want, got.Manifest, cmp.Comparer(func(x, y image.Digest) bool { return x == y })); diff != "" {
		t.Error(diff)
	}
}

func TestParseDocumentRefuses(t *testing.T) {
	bad := func(field, value string) string {
		return manifestOf(config, `[`+strings.Replace(layer, field, value, 1)+`]`)
	}
	for about, test := range map[string]struct {
		contentType, raw string
		want             error
	}{
		"schema 1 by its Content-Type (SEC-04)":    {schema1Type, plainManifest, image.ErrUnsupported},
		"signed schema 1 (SEC-04)":                 {schema1Signed, `{"schemaVersion":1,"fsLayers":[],"signatures":[]}`, image.ErrUnsupported},
		"schema 1 under another Content-Type":      {manifestType, `{"schemaVersion":1,"mediaType":"` + manifestType + `"}`, image.ErrUnsupported},
		"schema 1 by its mediaType":                {"", `{"schemaVersion":2,"mediaType":"` + schema1Type + `"}`, image.ErrUnsupported},
		"schema 1's layers beside schema 2's":      {manifestType, manifestWith(`"fsLayers":[]`), image.ErrUnsupported},
		"no schema version":                        {manifestType, `{"mediaType":"` + manifestType + `","config":` + config + `,"layers":[]}`, image.ErrMalformed},
		"schema version 3":                         {manifestType, strings.Replace(plainManifest, ":2,", ":3,", 1), image.ErrMalformed},
		"a schema version that is a string":        {manifestType, strings.Replace(plainManifest, ":2,", `:"2",`, 1), image.ErrMalformed},
		"an unknown media type":                    {"application/json", untypedImage, image.ErrUnsupported},
		"no media type at all":                     {"", untypedImage, image.ErrUnsupported},
		"a media type other than the Content-Type": {indexType, plainManifest, image.ErrMalformed},
		"a malformed Content-Type":                 {"a b/c;;", plainManifest, image.ErrMalformed},
		"an image sent as an index":                {indexType, untypedImage, image.ErrMalformed},
		"an index sent as an image":                {manifestType, untypedIndex, image.ErrMalformed},
		"a config that is missing":                 {manifestType, `{"schemaVersion":2,"layers":[]}`, image.ErrMalformed},
		"a config that is null":                    {manifestType, manifestOf("null", "[]"), image.ErrMalformed},
		"trailing garbage":                         {manifestType, plainManifest + "x", image.ErrMalformed},
		"a second document":                        {manifestType, plainManifest + plainManifest, image.ErrMalformed},
		"no JSON":                                  {manifestType, "<html>", image.ErrMalformed},
		"nothing":                                  {manifestType, "", image.ErrMalformed},
		"an array":                                 {manifestType, "[]", image.ErrMalformed},
		"null":                                     {manifestType, "null", image.ErrMalformed},
		"a document cut short":                     {manifestType, plainManifest[:len(plainManifest)-9], image.ErrMalformed},
		"no UTF-8":                                 {manifestType, manifestWith("\"x\":\"\xff\""), image.ErrMalformed},
		"layers twice":                             {manifestType, manifestWith(`"layers":[]`), image.ErrMalformed},
		"layers in another case":                   {manifestType, manifestWith(`"Layers":[]`), image.ErrMalformed},
		"layers with a long s":                     {manifestType, manifestWith(`"layerſ":[]`), image.ErrMalformed},
		"a config in another case":                 {manifestType, manifestWith(`"CONFIG":null`), image.ErrMalformed},
		"a digest twice":                           {manifestType, bad(`"size"`, `"digest":"`+digestA+`","size"`), image.ErrMalformed},
		"a digest in another case":                 {manifestType, bad(`"size"`, `"Digest":"`+digestA+`","size"`), image.ErrMalformed},
		"an annotation twice":                      {manifestType, manifestWith(`"annotations":{"a":"1","a":"2"}`), image.ErrMalformed},
		"an annotation that is no string":          {manifestType, manifestWith(`"annotations":{"a":1}`), image.ErrMalformed},
		"a digest of another algorithm (SEC-09)":   {manifestType, bad(digestB, "sha512:"+hexA+hexA), image.ErrMalformed},
		"a digest with a path (SEC-09)":            {manifestType, bad(digestB, "sha256:../../x"), image.ErrMalformed},
		"an empty digest (SEC-09)":                 {manifestType, bad(digestB, ""), image.ErrMalformed},
		"a digest that is a number (SEC-09)":       {manifestType, bad(`"`+digestB+`"`, "7"), image.ErrMalformed},
		"a malformed config digest (SEC-09)":       {manifestType, manifestOf(strings.Replace(config, digestA, "sha256:", 1), "[]"), image.ErrMalformed},
		"a malformed subject (SEC-09)":             {manifestType, manifestWith(`"subject":{"mediaType":"a/b","digest":"x","size":1}`), image.ErrMalformed},
		"a malformed subject annotation (SEC-09, CVE-2026-95839)": {manifestType, manifestWith(`"annotations":{"io.containerd.manifest.subject":"sha256:"}`), image.ErrMalformed},
		"a malformed annotation of a layer (SEC-09)":              {manifestType, bad(`"size"`, `"annotations":{"io.containerd.manifest.subject":""},"size"`), image.ErrMalformed},
		"a negative size":                     {manifestType, bad(":7", ":-1"), image.ErrMalformed},
		"no size":                             {manifestType, bad(`,"size":7`, ""), image.ErrMalformed},
		"a size with a fraction":              {manifestType, bad(":7", ":7.5"), image.ErrMalformed},
		"a size beyond 64 bits":               {manifestType, bad(":7", ":99999999999999999999"), image.ErrMalformed},
		"a size over the limit":               {manifestType, bad(":7", ":68719476737"), image.ErrOverLimit},
		"no media type of a layer":            {manifestType, bad(`"mediaType":"`+layerType+`",`, ""), image.ErrMalformed},
		"a media type with an escape":         {manifestType, bad(layerType, `a/\u001b[31m`), image.ErrMalformed},
		"a media type of 256 characters":      {manifestType, bad(layerType, strings.Repeat("a", 256)), image.ErrMalformed},
		"a layer that is foreign":             {manifestType, bad(layerType, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), image.ErrUnsupported},
		"a layer that may not be distributed": {manifestType, bad(layerType, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"), image.ErrUnsupported},
		"layers that are an object":           {manifestType, manifestOf(config, "{}"), image.ErrMalformed},
		"a layer that is null":                {manifestType, manifestOf(config, "[null]"), image.ErrMalformed},
		"too many layers":                     {manifestType, manifestOf(config, list(layer, 129)), image.ErrOverLimit},
		"too many children (SEC-08)":          {indexType, `{"schemaVersion":2,"manifests":` + list(child, 10_000) + `}`, image.ErrOverLimit},
		"the same child 5,000 times (SEC-08)": {indexType, `{"schemaVersion":2,"manifests":` + list(child, 5_000) + `}`, image.ErrOverLimit},
		"too many annotations":                {manifestType, manifestWith(`"annotations":{` + numbered(65) + `}`), image.ErrOverLimit},
		"too many members":                    {manifestType, manifestWith(numbered(1024)), image.ErrOverLimit},
		"too many bytes":                      {manifestType, plainManifest + strings.Repeat(" ", image.MaxDocumentSize), image.ErrOverLimit},
		"nesting without end":                 {manifestType, manifestWith(`"x":` + strings.Repeat("[", 100_000)), image.ErrMalformed},
		"a platform with an escape":           {indexType, strings.Replace(plainIndex, "linux", `\u001b[31m`, 1), image.ErrMalformed},
		"a platform twice":                    {indexType, strings.Replace(plainIndex, `"os"`, `"OS":"windows","os"`, 1), image.ErrMalformed},
		"a platform that is a string":         {indexType, strings.Replace(plainIndex, `{"os":"linux","architecture":"amd64"}`, `"linux"`, 1), image.ErrMalformed},
	} {
		t.Run(about, func(t *testing.T) {
			if _, err := image.ParseDocument(test.contentType, []byte(test.raw)); err == nil {
				t.Error("accepted")
			} else {
				checkError(t, err, test.want)
			}
		})
	}
}

// SEC-07: a document that is both an image and an index is refused whatever it is said to be (CVE-2021-41190).
func TestParseDocumentRefusesAmbiguity(t *testing.T) {
	refused := 0
	for _, manifests := range []string{`[` + child + `]`, `[]`, `null`} {
		for _, rest := range []string{
			`"config":` + config + `,"layers":[` + layer + `]`, `"config":` + config, `"layers":[` + layer + `]`, `"config":null,"layers":null`,
		} {
			for _, contentType := range []string{manifestType, indexType, ""} {
				raw := fmt.Sprintf(`{"schemaVersion":2,%s,"manifests":%s}`, rest, manifests)
				if _, err := image.ParseDocument(contentType, []byte(raw)); err == nil {
					t.Errorf("accepted as %q: %s", contentType, raw)
				} else {
					checkError(t, err, image.ErrMalformed)
					refused++
				}
			}
		}
	}
	if refused != 36 {
		t.Errorf("%d refused, want 12 documents with 3 Content-Types", refused)
	}
}

// numbered is n members with names and values of their own.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%d":"%d"`, i, i)
	}
	return b.String()[1:]
}
