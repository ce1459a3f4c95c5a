// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func (x exchange) referrersLoop() {
	x.tamper(func(a *answer) { a.header.Set("Link", nextLink(x.req.URL.RequestURI())) })
}

const referrersPerPage = 100

func (x exchange) endlessReferrers() {
	page, _ := strconv.Atoi(x.req.URL.Query().Get("page")) // the first page has no number
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for i := range referrersPerPage {
		made := fmt.Sprintf("%s, page %d, number %d", x.about.Reference, page, i)
		digest, err := v1.NewHash(digestOf([]byte(made)))
		if err != nil {
			return
		}
		list.Manifests = append(list.Manifests, v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Digest: digest, Size: 512,
			ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
		})
	}
	a := newAnswer()
	a.body, _ = json.Marshal(list) // nothing in it can fail
	a.header.Set(typeHeader, string(types.OCIImageIndex))
	a.header.Set("Link", nextLink(fmt.Sprintf("%s?page=%d", x.req.URL.Path, page+1)))
	a.write(x.w)
}

func nextLink(uri string) string { return fmt.Sprintf("<%s>; rel=%q", uri, "next") }
