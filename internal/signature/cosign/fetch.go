// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"context"
	"errors"
	"fmt"
	"io"

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
