// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

func keptExample() *layerResult {
	r := layerOf("a", "b/.wh.c", "\xff", "\xfe")
	r.observe("\xff", observation{path: "a name", problem: "cannot be parsed"})
	r.Blob.PackageInfos = []types.PackageInfo{{FilePath: "var/lib/dpkg/status", Packages: types.Packages{{ID: "bash@5.2", Name: "bash"}}}}
	return r
}

func TestWhatIsKeptIsReadAsItWas(t *testing.T) {
	want := keptExample()
	encoded, err := want.encode("the layer", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var got layerResult
	if err := got.decode(encoded, 1<<20); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*want, got, cmp.AllowUnexported(layerResult{})); diff != "" {
		t.Error(diff)
	}
	for length := range encoded {
		if err := new(layerResult).decode(encoded[:length], 1<<20); err == nil {
			t.Errorf("the first %d of %d bytes are read", length, len(encoded))
		}
	}
}

func TestTooMuchIsNotKept(t *testing.T) {
	r := layerOf(strings.Repeat("a", 5000))
	if _, err := r.encode("layer 1 of 1", 1000); err == nil || err.Error() != "what is in layer 1 of 1 takes more than 1000 bytes" {
		t.Errorf("got %v", err)
	}
	encoded, err := r.encode("layer 1 of 1", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := new(layerResult).decode(encoded, 1000); err == nil {
		t.Error("a bomb is read")
	}
}

// TestTheFingerprintIsOfTheAnalyzers: it is the same in each process of one build, and another one with another analyzer.
func TestTheFingerprintIsOfTheAnalyzers(t *testing.T) {
	x, err := newIndexer(generousLimits, wire.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := newIndexer(wire.Limits{}, wire.Settings{Secrets: true})
	if err != nil {
		t.Fatal(err)
	}
	if x.fingerprint() != again.fingerprint() || len(x.fingerprint()) != 64 {
		t.Errorf("%s and %s", x.fingerprint(), again.fingerprint())
	}
	option := artifactOption(1)
	option.DisabledAnalyzers = append(option.DisabledAnalyzers, analyzer.TypeJar)
	if again.group, again.handlers, err = newAnalyzers(option); err != nil {
		t.Fatal(err)
	}
	if again.fingerprint() == x.fingerprint() {
		t.Error("it does not say that an analyzer is not there")
	}
}

// FuzzKeptLayers reads what a process that was taken over may have left of a layer, and lays it on another.
func FuzzKeptLayers(f *testing.F) {
	encoded, err := keptExample().encode("the layer", 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Add(encoded[:len(encoded)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var r layerResult
		if err := r.decode(encoded, 1<<16); err != nil {
			return
		}
		var o observations
		o.lay(*keptExample(), image.Digest{})
		o.lay(r, image.Digest{})
		o.all()
		again, err := r.encode("the layer", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var second layerResult
		if err := second.decode(again, 1<<20); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.entries, second.entries) {
			t.Errorf("entries %q became %q", r.entries, second.entries)
		}
	})
}
