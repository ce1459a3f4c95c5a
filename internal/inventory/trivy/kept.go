// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/klauspost/compress/zstd"

	"github.com/assay-dev/assay/internal/inventory/wire"
)

const (
	// layerForm is raised whenever other things are found in a layer than before, and no analyzer of trivy's is the cause.
	layerForm = 1
	// density is how many times larger than its compressed form what was found in a layer may be.
	density = 4
)

// fingerprint names all that decides what is found in a layer, beside its bytes and the settings.
func (x *indexer) fingerprint() string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, layerForm) // a hash never fails
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/aquasecurity/trivy" {
				_, _ = fmt.Fprintln(h, module.Version)
			}
		}
	}
	versions, err := json.Marshal([]any{x.group.AnalyzerVersions(), x.handlers.Versions()}) // sorted
	if err == nil {
		_, _ = h.Write(versions) // never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// encode writes what was found in the layer as it is kept: the length of the JSON, the JSON, and the entries; compressed.
func (r *layerResult) encode(name string, limit int64) ([]byte, error) {
	found, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode what was found in %s: %w", name, err)
	}
	plain := binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64+len(found)+len(r.entries)), uint64(len(found)))
	plain = append(append(plain, found...), r.entries...)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	encoded := encoder.EncodeAll(plain, nil)
	if int64(len(encoded)) > limit || int64(len(plain)) > density*limit {
		return nil, overLimit("what is in %s takes more than %s", name, wire.Size(limit))
	}
	return encoded, nil
}

var errNotEncoded = errors.New("it is not what encode wrote")

// decode is the reverse of encode.
func (r *layerResult) decode(encoded []byte, limit int64) error {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(density*limit)))
	if err != nil {
		return err
	}
	defer decoder.Close()
	plain, err := decoder.DecodeAll(encoded, nil)
	if err != nil {
		return err
	}
	length, n := binary.Uvarint(plain)
	if n <= 0 || length > uint64(len(plain)-n) {
		return errNotEncoded
	}
	found := plain[n:][:length]
	if err := json.Unmarshal(found, r); err != nil {
		return err
	}
	r.entries = plain[n:][length:]
	return nil
}
