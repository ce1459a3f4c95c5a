// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	digestHeader = "Docker-Content-Digest"
	typeHeader   = "Content-Type"
)

func (x exchange) lyingDigest() {
	x.tamper(func(a *answer) { a.body = x.target().body })
}

func (x exchange) lyingHeader() {
	x.tamper(func(a *answer) { a.header.Set(digestHeader, x.row.Target) })
}

func (x exchange) movedTag() {
	x.tamper(func(a *answer) { *a = *x.target() })
}

// target is the manifest that the row points at.
func (x exchange) target() *answer {
	return x.registry.ask(http.MethodGet, manifestPath(x.about.Repository, x.row.Target), "", nil)
}

func (x exchange) flip() {
	x.tamper(func(a *answer) {
		if i := x.row.Offset; i < int64(len(a.body)) {
			a.body[i] ^= 0xff
		}
	})
}

func (x exchange) truncate() {
	x.tamper(func(a *answer) { a.body = a.body[:min(x.row.Offset, int64(len(a.body)))] })
}

func (x exchange) wrongLength() {
	a := x.truth()
	a.header.Set("Content-Length", strconv.FormatInt(int64(len(a.body))+x.row.Offset, 10))
	a.writeHead(x.w)
	_, _ = x.w.Write(a.body) // the server ends the connection when the lengths differ
}

func (x exchange) wrongType() {
	x.tamper(func(a *answer) {
		other := types.OCIImageIndex
		if types.MediaType(a.header.Get(typeHeader)).IsIndex() {
			other = types.OCIManifestSchema1
		}
		a.header.Set(typeHeader, string(other))
	})
}

func (x exchange) schema1() {
	body := fmt.Appendf(nil, `{"schemaVersion":1,"name":%q,"tag":"latest","architecture":"amd64",`+
		`"fsLayers":[{"blobSum":"sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"}],"history":[],"signatures":[]}`,
		x.about.Repository)
	x.tamper(func(a *answer) { x.substitute(a, body, types.DockerManifestSchema1Signed) })
}

func (x exchange) ambiguous() {
	x.tamper(func(a *answer) {
		mediaType := types.MediaType(a.header.Get(typeHeader))
		self := map[string]any{"mediaType": mediaType, "digest": digestOf(a.body), "size": len(a.body)}
		var doc map[string]any
		if json.Unmarshal(a.body, &doc) != nil {
			return // no manifest: what is stored there is odd enough as it is
		}
		if mediaType.IsIndex() {
			doc["config"], doc["layers"] = self, []any{self}
		} else {
			doc["manifests"] = []any{self}
		}
		body, _ := json.Marshal(doc) // it came from JSON
		x.substitute(a, body, mediaType)
	})
}

// substitute answers with another document, which by tag has its own digest and is found under it afterwards.
func (x exchange) substitute(a *answer, body []byte, mediaType types.MediaType) {
	digest := x.about.Reference
	if x.about.Kind != ManifestByDigest {
		digest = digestOf(body)
		_ = x.registry.Put(x.about.Repository, digest, mediaType, body) // a store in memory takes everything but broken indexes
	}
	a.body = body
	a.header.Set(typeHeader, string(mediaType))
	a.header.Set(digestHeader, digest)
}

func (x exchange) endlessManifest() {
	x.w.Header().Set(typeHeader, string(types.OCIManifestSchema1))
	filler := make([]byte, 64<<10)
	for i := range filler {
		filler[i] = 'a'
	}
	_, err := fmt.Fprintf(x.w, `{"schemaVersion":2,"mediaType":%q,"annotations":{"filler":"`, types.OCIManifestSchema1)
	for err == nil && x.req.Method != http.MethodHead {
		_, err = x.w.Write(filler)
	}
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}
