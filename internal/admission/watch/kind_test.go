// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/trust"
)

const poison = `{"apiVersion":"assay.dev/v1alpha1","kind":"TrustedImage","metadata":{"namespace":"dev","name":"poison","resourceVersion":"8"},"status":[5]}`

// TestPoisonDoesNotStopAWatch serves a list and a watch as an API server without streaming lists does, each with an object that
// cannot be decoded before one that can.
func TestPoisonDoesNotStopAWatch(t *testing.T) {
	s := newSeal(t)
	listed, watched := s.trusted(t, "listed"), s.trusted(t, "watched")
	first := checkout(t, v1alpha1.TrustedImageStatus{Trusted: &listed})
	second := checkout(t, v1alpha1.TrustedImageStatus{Trusted: &watched})
	released := make(chan struct{})

	routes := http.NewServeMux()
	routes.HandleFunc("/apis/assay.dev/v1alpha1/trustedimages", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		query := r.URL.Query()
		switch {
		case query.Get("sendInitialEvents") != "":
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"sendInitialEvents is forbidden"}`)
		case query.Get("watch") == "":
			_, _ = fmt.Fprintf(w, `{"kind":"TrustedImageList","apiVersion":"assay.dev/v1alpha1","metadata":{"resourceVersion":"7"},"items":[%s,%s]}`, poison, first)
		default:
			select {
			case <-released:
			case <-r.Context().Done():
				return
			}
			_, _ = fmt.Fprintf(w, `{"type":"MODIFIED","object":%s}`+"\n", poison)
			_, _ = fmt.Fprintf(w, `{"type":"MODIFIED","object":%s}`+"\n", `{"apiVersion":"assay.dev/v1alpha1","kind":"TrustedImage",`+second[1:])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
	server := httptest.NewServer(routes)
	defer server.Close()

	images := trustedImages{index: &trust.Index{}, log: slog.New(slog.DiscardHandler)}
	images.index.SetKeys([]*ecdsa.PublicKey{&s.PublicKey})
	reflector, err := newReflector(&rest.Config{Host: server.URL}, kind{version: v1alpha1.GroupVersion, name: "TrustedImage", resource: "trustedimages"}, images)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { reflector.RunWithContext(ctx); close(done) }()
	defer func() { cancel(); <-done }()

	expectTrusted(t, images, "listed")
	close(released)
	expectTrusted(t, images, "watched")
}

func expectTrusted(t *testing.T, images trustedImages, content string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		return images.explain(content).Standing == trust.Trusted, nil
	})
	if err != nil {
		t.Errorf("what was %s is not trusted: %v", content, err)
	}
}
