// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	clientfake "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	evidencefake "github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/internal/query/fake"
	"github.com/assay-dev/assay/internal/query/server"
)

const repository = "registry.example.com/shop/checkout"

// reviews stands for the API server: a token is the user's name, and users may list what rights say.
type reviews struct {
	rights map[string][]string // namespaces by user; "" is all; with a slash and a name it is one object that the user may get
	err    error
	// entered and proceed let a test hold reviews back.
	entered chan struct{}
	proceed chan struct{}

	mutex    sync.Mutex
	tokens   int
	reviewed []string // namespaces, in their order
}

func (r *reviews) Create(ctx context.Context, object client.Object, _ ...client.CreateOption) error {
	if r.entered != nil {
		r.entered <- struct{}{}
		select {
		case <-r.proceed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.err != nil {
		return r.err
	}
	switch review := object.(type) {
	case *authenticationv1.TokenReview:
		r.tokens++
		_, known := r.rights[review.Spec.Token]
		review.Status = authenticationv1.TokenReviewStatus{Authenticated: known, User: authenticationv1.UserInfo{
			Username: review.Spec.Token, UID: "1", Groups: []string{"system:authenticated"},
			Extra: map[string]authenticationv1.ExtraValue{"scope": {"a"}},
		}}
	case *authorizationv1.SubjectAccessReview:
		what := review.Spec.ResourceAttributes
		asked, verb := what.Namespace, "list"
		if what.Name != "" {
			asked, verb = what.Namespace+"/"+what.Name, "get"
		}
		if what.Verb != verb || what.Group != "assay.dev" || what.Resource != "trustedimages" || review.Spec.UID != "1" ||
			!slices.Equal(review.Spec.Groups, []string{"system:authenticated"}) || !slices.Equal(review.Spec.Extra["scope"], []string{"a"}) {
			return errors.New("not the question that must be asked")
		}
		r.reviewed = append(r.reviewed, asked)
		review.Status.Allowed = slices.Contains(r.rights[review.Spec.User], asked)
	default:
		return errors.New("not a review")
	}
	return nil
}

// world is a handler and what it stands on.
type world struct {
	handler *server.Handler
	reviews *reviews
	index   *fake.Index
	store   *evidencefake.Store
	clock   *clocktesting.FakeClock
}

func newWorld(t *testing.T, index *fake.Index, images ...*v1alpha1.TrustedImage) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	builder := clientfake.NewClientBuilder().WithScheme(scheme)
	for _, i := range images {
		builder = builder.WithObjects(i)
	}
	if index.Database.State == evidence.NotChecked {
		index.Database = evidence.Checked(evidence.Feed{Version: "sha256:db"})
	}
	w := &world{
		reviews: &reviews{rights: map[string][]string{"ann": {"team-a"}, "bob": {"team-b"}, "root": {""}, "nobody": {}}},
		index:   index,
		store:   &evidencefake.Store{},
		clock:   clocktesting.NewFakeClock(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)),
	}
	w.handler = server.New(server.Options{
		Index: index, Store: w.store, Images: builder.Build(), Reviews: w.reviews, Clock: w.clock, Log: testr.New(t),
	})
	return w
}

// ask asks with the token; parameters are name and value in turn.
func (w *world) ask(t *testing.T, token, path string, parameters ...string) *httptest.ResponseRecorder {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"?"+values.Encode(), nil)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response := httptest.NewRecorder()
	w.handler.ServeHTTP(response, request)
	return response
}

// answer asks for what must be answered.
func (w *world) answer(t *testing.T, token, path string, parameters ...string) query.Answer {
	t.Helper()
	response := w.ask(t, token, path, parameters...)
	var answer query.Answer
	if err := json.Unmarshal(response.Body.Bytes(), &answer); err != nil || response.Code != http.StatusOK {
		t.Fatalf("status %d, %v: %s", response.Code, err, response.Body)
	}
	return answer
}

// named are the matches as namespace/name standing package version.
func named(matches []query.Match) []string {
	var names []string
	for _, m := range matches {
		names = append(names, strings.Join([]string{m.Namespace + "/" + m.Name, string(m.Standing), m.Package, m.Version}, " "))
	}
	return names
}

func digest(content string) image.Digest { return image.DigestOf([]byte(content)) }

func text(content string) v1alpha1.DigestString {
	return v1alpha1.DigestString(digest(content).String())
}

// trusting returns a TrustedImage that trusts the digest of the content, whose findings are known.
func trusting(namespace, name, content string) *v1alpha1.TrustedImage {
	return &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Status: v1alpha1.TrustedImageStatus{Trusted: &v1alpha1.TrustedDigest{
			Digest: text(content), Repository: repository, Findings: &v1alpha1.FindingCounts{},
		}},
	}
}

// log4j is a package with a vulnerability in the image with the content.
func log4j(content string) fleet.Carrier {
	return fleet.Carrier{
		Manifest: digest(content), ID: "CVE-2021-44228", FixedVersion: "2.15.0", Severity: evidence.SeverityCritical,
		Package: evidence.Package{
			Name: "log4j-core", Version: "2.14.1", PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", Path: "app/log4j-core.jar",
		},
	}
}
