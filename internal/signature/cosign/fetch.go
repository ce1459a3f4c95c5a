// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// fetch reads a blob of at most limit bytes.
func (s *search) fetch(ctx context.Context, blob image.Descriptor, limit int64) (content []byte, err error) {
	if blob.Size > limit {
		return nil, registry.NewError(registry.KindOverLimit, nil, "a signature of %s has more than %d bytes", s.reference.Digest, limit)
	}
	if err := s.spend(blob.Size); err != nil {
		return nil, err
	}
	body, err := s.reader.Blob(ctx, s.reference.Repository, blob)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	content, err = io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read a signature of %s: %w", s.reference.Digest, err)
	}
	return content, nil
}

// decode reads one JSON document into v by the exact names of v's fields and refuses what two readers could read
// differently: a field that occurs twice, text after the document, invalid UTF-8. Fields that v does not have may stand beside.
func decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	strict, err := strictjson.UnmarshalStrict(data, v, strictjson.DisallowDuplicateFields)
	if err != nil {
		return fmt.Errorf("not JSON of the expected form: %w", err)
	}
	return errors.Join(strict...)
}
