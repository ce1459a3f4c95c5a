// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/assay-dev/assay/internal/chronicle"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// times keeps copies of first-seen times with Assay's own credentials, and reads those of images with the credentials of whoever
// asks. It implements gather.Times and trustedimage.Times.
type times struct {
	copies *chronicle.Copies
	putter registry.Putter
	// reader of the one repository that has all copies, nil when each image's own has its.
	reader registry.TaggedReader
}

// Restore implements gather.Times.
func (t times) Restore(ctx context.Context, reader registry.TaggedReader, about image.Reference) (earlier map[string]struct{}, err error) {
	if t.reader != nil {
		reader = t.reader
	}
	earlier, err = t.copies.Restore(ctx, reader, about)
	if registry.IsKind(err, registry.KindUnauthorized) {
		err = t.unreadable(about, err)
	}
	return earlier, err
}

// maxNamedRepository bounds the name of a repository in a message, in characters.
const maxNamedRepository = 64

// unreadable says that a copy may not be read, which is another thing than that there is none.
func (t times) unreadable(about image.Reference, err error) error {
	if t.reader != nil {
		return registry.NewError(registry.KindUnauthorized, err,
			"the copy of first-seen times in the evidence repository %s could not be read: give the controller credentials with --registry-config that may read and push there",
			evidence.Printable(t.copies.Repository.String(), maxNamedRepository))
	}
	return registry.NewError(registry.KindUnauthorized, err,
		"the copy of first-seen times in %s could not be read: give credentials in spec.imagePullSecrets that may read its tags, or the controller a repository for copies with --evidence-repository",
		evidence.Printable(about.Repository.String(), maxNamedRepository))
}

// Publish implements trustedimage.Times.
func (t times) Publish(ctx context.Context, about image.Reference, findings []evidence.Finding) error {
	_, err := t.copies.Publish(ctx, t.putter, about, findings)
	return err
}
