// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"encoding/json"
	"testing"

	"github.com/assay-dev/assay/internal/image"
)

// loose is what a container runtime makes of a document: encoding/json, which knows no case and takes the last of two.
type loose struct {
	Config    *looseDescriptor  `json:"config"`
	Layers    []looseDescriptor `json:"layers"`
	Manifests []looseDescriptor `json:"manifests"`
	Subject   *looseDescriptor  `json:"subject"`
}

type looseDescriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
	Platform  *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
}

// FuzzParseDocument looks for a document that Assay reads otherwise than a container runtime.
func FuzzParseDocument(f *testing.F) {
	f.Add(manifestType, []byte(plainManifest))
	f.Add(indexType, []byte(plainIndex))
	f.Add("", []byte(artifactSample))
	f.Add(image.MediaTypeDockerList, []byte(untypedIndex))
	f.Add(schema1Signed, []byte(`{"schemaVersion":1,"fsLayers":[]}`))
	f.Fuzz(func(t *testing.T, contentType string, raw []byte) {
		document, err := image.ParseDocument(contentType, raw)
		if err != nil {
			return
		}
		var runtime loose
		if err := json.Unmarshal(raw, &runtime); err != nil {
			t.Fatalf("a runtime refuses it: %v", err)
		}
		switch {
		case document.Manifest != nil && document.Index == nil:
			compare(t, runtime.Config, &document.Manifest.Config)
			compareAll(t, runtime.Layers, document.Manifest.Layers)
			compare(t, runtime.Subject, document.Manifest.Subject)
			compareAll(t, runtime.Manifests, nil)
		case document.Index != nil && document.Manifest == nil:
			compareAll(t, runtime.Manifests, document.Index.Manifests)
			compare(t, runtime.Subject, document.Index.Subject)
			compareAll(t, runtime.Layers, nil)
			compare(t, runtime.Config, nil)
			if _, err := document.Index.Runnable(nil); err != nil && err.Error() == "" {
				t.Error("an error without a text")
			}
		default:
			t.Fatal("neither a manifest nor an index, or both")
		}
	})
}

func compareAll(t *testing.T, runtime []looseDescriptor, ours []image.Descriptor) {
	t.Helper()
	if len(runtime) != len(ours) {
		t.Fatalf("a runtime reads %d descriptors, Assay %d", len(runtime), len(ours))
	}
	for i := range ours {
		compare(t, &runtime[i], &ours[i])
	}
}

func compare(t *testing.T, runtime *looseDescriptor, ours *image.Descriptor) {
	t.Helper()
	if runtime == nil && ours == nil {
		return
	}
	if runtime == nil || ours == nil {
		t.Fatalf("a runtime reads %+v, Assay %+v", runtime, ours)
	}
	if runtime.Digest != ours.Digest.String() || runtime.Size != ours.Size || runtime.MediaType != ours.MediaType ||
		(runtime.Platform == nil) != (ours.Platform == nil) {
		t.Fatalf("a runtime reads %+v, Assay %+v", runtime, ours)
	}
	if p := runtime.Platform; p != nil && (image.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}) != *ours.Platform {
		t.Fatalf("a runtime reads the platform %+v, Assay %+v", p, ours.Platform)
	}
}

// FuzzParseConfig looks for a configuration whose user Assay reads otherwise than a container runtime.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"os":"linux","architecture":"amd64","config":{"User":"1","Labels":{"a":"b"}},"rootfs":{"diff_ids":["` + digestA + `"]}}`))
	f.Add([]byte(`{"config":{"User":"1","uSER":"0"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ours, err := image.ParseConfig(raw)
		if err != nil {
			return
		}
		var runtime struct {
			Config struct{ User string }
			RootFS struct {
				DiffIDs []string `json:"diff_ids"`
			} `json:"rootfs"`
		}
		if err := json.Unmarshal(raw, &runtime); err != nil {
			t.Fatalf("a runtime refuses it: %v", err)
		}
		if runtime.Config.User != ours.User || len(runtime.RootFS.DiffIDs) != len(ours.DiffIDs) {
			t.Fatalf("a runtime reads %+v, Assay %+v", runtime, ours)
		}
	})
}

// FuzzParseReference looks for a reference whose canonical form is another one's.
func FuzzParseReference(f *testing.F) {
	f.Add("nginx@" + digestA)
	f.Add("ghcr.io/o/x:1@" + digestA)
	f.Add("[::1]:5000/x@" + digestA)
	f.Fuzz(func(t *testing.T, s string) {
		reference, err := image.ParseReference(s)
		if err != nil {
			return
		}
		again, err := image.ParseReference(reference.String())
		if err != nil || again != reference {
			t.Fatalf("%q is %q, which is %q, %v", s, reference, again, err)
		}
	})
}
