// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// TestWhatCouldNotBeLookedAt: nobody knows whether the key signed, which is not the same as that it did not.
func TestWhatCouldNotBeLookedAt(t *testing.T) {
	k, stranger := p256(t), p256(t)
	failing := func(request string, err error) func(*world) {
		return func(w *world) {
			w.fail = func(asked string) error {
				if asked == request {
					return err
				}
				return nil
			}
		}
	}
	both := func(arrangements ...func(*world)) func(*world) {
		return func(w *world) {
			for _, arrange := range arrangements {
				arrange(w)
			}
		}
	}
	strangers := func(w *world) {
		w.tag(stranger.payload(w.reference), stranger.sign(stranger.payload(w.reference)))
		w.bundle(stranger.bundle(signStatement(w.reference)), signPredicate)
	}
	unavailable := registry.NewError(registry.KindUnavailable, nil, "the registry answered 500")
	cases := map[string]struct {
		arrange       func(*world)
		reason, words string
	}{
		"the tag: 500":                 {failing("tag", unavailable), v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"the tag: 401":                 {failing("tag", registry.NewError(registry.KindUnauthorized, nil, "wants credentials")), v1alpha1.ReasonUnauthorized, "credentials"},
		"the tag: a forbidden address": {failing("tag", registry.NewError(registry.KindForbiddenAddress, nil, "link-local")), v1alpha1.ReasonAddressForbidden, "link-local"},
		"the tag: schema 1":            {failing("tag", registry.NewError(registry.KindUnsupported, nil, "schema 1")), v1alpha1.ReasonUnsupportedManifest, "schema 1"},
		"a payload: 500":               {both(strangers, failing("blob", unavailable)), v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"a payload that lies":          {both(strangers, failing("blob", registry.NewError(registry.KindDigestMismatch, nil, "another digest"))), v1alpha1.ReasonDigestMismatch, "another digest"},
		"the referrers: 500":           {both(strangers, failing("referrers", unavailable)), v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"SEC-27 CVE-2023-46737: more referrers than the reader takes": {
			failing("referrers", registry.NewError(registry.KindOverLimit, nil, "more than 10000 referrers")), v1alpha1.ReasonOverLimit, "10000",
		},
		"a referrer: 500":         {both(strangers, failing("document", unavailable)), v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"credentials of no use":   {failing("tag", registry.NewError(registry.KindInvalidCredentials, nil, "not a Docker config")), v1alpha1.ReasonInvalidSecret, "Docker"},
		"a deadline":              {failing("tag", fmt.Errorf("get: %w", context.DeadlineExceeded)), v1alpha1.ReasonDeadlineExceeded, "deadline"},
		"an error from elsewhere": {failing("tag", errors.New("odd\nnews "+strings.Repeat("x", 500))), v1alpha1.ReasonSignatureUnchecked, "odd?news"},
		"SEC-27 CVE-2024-29902: 65 signatures under the tag": {func(w *world) {
			for range 65 {
				strangers(w)
			}
			w.referrers = nil
		}, v1alpha1.ReasonOverLimit, "more than 64 signatures"},
		"SEC-27 CVE-2024-29902: a good signature that is the 65th": {func(w *world) {
			for range 64 {
				strangers(w)
			}
			w.referrers = nil
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
		}, v1alpha1.ReasonOverLimit, "more than 64 signatures"},
		"two obstacles: the first one is told": {func(w *world) {
			w.fail = func(request string) error {
				return registry.NewError(registry.KindUnavailable, nil, "no answer to %s", request)
			}
		}, v1alpha1.ReasonRegistryUnavailable, "no answer to tag"},
		"SEC-27 CVE-2023-46737: 65 referrers": {func(w *world) {
			for range 65 {
				strangers(w)
			}
			w.layers = nil
		}, v1alpha1.ReasonOverLimit, "more than 64 referrers that may be signatures"},
		"SEC-27: one referrer with 65 bundles": {func(w *world) {
			strangers(w)
			manifest := w.documents[w.referrers[0].Digest].Manifest
			for i := range 64 {
				manifest.Layers = append(manifest.Layers, w.put(bundleV03, fmt.Append(nil, i), nil))
			}
		}, v1alpha1.ReasonOverLimit, "more than 64 bundles"},
		"SEC-28 CVE-2024-29902: a payload that says it is huge": {func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
			w.layers[0].Size = 64<<10 + 1
		}, v1alpha1.ReasonOverLimit, "more than 65536 bytes"},
		"SEC-28 CVE-2024-29902: a bundle that says it is huge": {func(w *world) {
			w.refer(image.Descriptor{MediaType: bundleV03, Size: 2 << 30}, nil)
		}, v1alpha1.ReasonOverLimit, "more than 8388608 bytes"},
		"SEC-28: bundles that are huge together": {func(w *world) {
			for i := range 9 {
				w.refer(w.put(bundleV03, []byte{byte(i)}, nil), nil)
				w.documents[w.referrers[i].Digest].Manifest.Layers[0].Size = 8 << 20
			}
		}, v1alpha1.ReasonOverLimit, "together"},
		"SEC-35: a panic while the tag is read":      {func(w *world) { w.fail = panicOn("tag") }, v1alpha1.ReasonSignatureUnchecked, "failed on it"},
		"SEC-35: a panic while a payload is read":    {both(strangers, func(w *world) { w.fail = panicOn("blob") }), v1alpha1.ReasonSignatureUnchecked, "failed on it"},
		"SEC-35: a panic while referrers are read":   {func(w *world) { w.fail = panicOn("referrers") }, v1alpha1.ReasonSignatureUnchecked, "failed on it"},
		"SEC-35: a panic while one referrer is read": {both(strangers, func(w *world) { w.fail = panicOn("document") }), v1alpha1.ReasonSignatureUnchecked, "failed on it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.arrange(w)
			got := w.verify(k)
			fact := got.Rest
			if len(got.Signed) > 0 {
				t.Errorf("%d signatures", len(got.Signed))
			}
			if fact.State != evidence.CouldNotCheck || fact.Reason != c.reason || !strings.Contains(fact.Message, c.words) {
				t.Errorf("got %+v, want CouldNotCheck, %s, %q", fact, c.reason, c.words)
			}
			if len(fact.Message) > 256 || strings.ContainsAny(fact.Message, "\n\x00") {
				t.Errorf("the message is not fit for a status: %q", fact.Message)
			}
		})
	}
}

func panicOn(request string) func(string) error {
	return func(asked string) error {
		if asked == request {
			panic("a parser fell over")
		}
		return nil
	}
}
