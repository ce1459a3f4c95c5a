// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/internal/query/fake"
)

const log4shell = "CVE-2021-44228"

// twoTeams have an image each that carries the same vulnerability.
func twoTeams(t *testing.T) *world {
	return newWorld(t,
		&fake.Index{Known: []image.Digest{digest("a"), digest("b")}, Carriers: []fleet.Carrier{log4j("a"), log4j("b")}},
		trusting("team-a", "checkout", "a"), trusting("team-b", "payment", "b"),
	)
}

func TestEachSeesHerNamespacesOnly(t *testing.T) {
	for name, test := range map[string]struct {
		who        string
		parameters []string
		want       []string
	}{
		"one team":                               {"ann", nil, []string{"team-a/checkout Trusted log4j-core 2.14.1"}},
		"the other":                              {"bob", nil, []string{"team-b/payment Trusted log4j-core 2.14.1"}},
		"who may list everywhere":                {"root", nil, []string{"team-a/checkout Trusted log4j-core 2.14.1", "team-b/payment Trusted log4j-core 2.14.1"}},
		"who may list nowhere":                   {"nobody", nil, nil},
		"a namespace of hers":                    {"ann", []string{query.NamespaceParameter, "team-a"}, []string{"team-a/checkout Trusted log4j-core 2.14.1"}},
		"one namespace of many":                  {"root", []string{query.NamespaceParameter, "team-b"}, []string{"team-b/payment Trusted log4j-core 2.14.1"}},
		"a namespace that is not there, as root": {"root", []string{query.NamespaceParameter, "nowhere"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := twoTeams(t)
			affected := w.answer(t, test.who, query.AffectedPath, append(test.parameters, query.VulnerabilityParameter, log4shell)...)
			if diff := cmp.Diff(test.want, named(affected.Matches)); diff != "" {
				t.Errorf("affected (-want +got):\n%s", diff)
			}
			found := w.answer(t, test.who, query.FindPath, append(test.parameters, query.PackageParameter, "pkg:maven/*/log4j-core@<2.15.0")...)
			if diff := cmp.Diff(test.want, named(found.Matches)); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			if !affected.Complete() || !found.Complete() {
				t.Errorf("not complete: %+v, %+v", affected, found)
			}
		})
	}
}

// TestNothingShowsWhatOthersHave holds that answer and reviews are the same whether or not another team is affected, too.
func TestNothingShowsWhatOthersHave(t *testing.T) {
	with, without := twoTeams(t), twoTeams(t)
	without.index.Carriers = without.index.Carriers[:1]
	var bodies []string
	var reviewed [][]string
	for _, w := range []*world{with, without} {
		bodies = append(bodies, w.ask(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell).Body.String())
		slices.Sort(w.reviews.reviewed)
		reviewed = append(reviewed, w.reviews.reviewed)
	}
	if bodies[0] != bodies[1] || strings.Contains(bodies[0], "team-b") {
		t.Errorf("the answers differ, or tell of another team:\n%s\n%s", bodies[0], bodies[1])
	}
	if diff := cmp.Diff(reviewed[0], reviewed[1]); diff != "" {
		t.Errorf("the reviews differ:\n%s", diff)
	}
	forbidden := with.ask(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell, query.NamespaceParameter, "team-b")
	absent := with.ask(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell, query.NamespaceParameter, "nowhere")
	if forbidden.Code != http.StatusForbidden || forbidden.Body.String() != absent.Body.String() || absent.Code != forbidden.Code {
		t.Errorf("a namespace of others: %d %s; one that is not there: %d %s", forbidden.Code, forbidden.Body, absent.Code, absent.Body)
	}
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", query.MaxQuestion+1)
	for name, test := range map[string]struct {
		token, path string
		parameters  []string
		change      func(*world)
		status      int
		message     string
	}{
		"no token":            {"", query.AffectedPath, []string{query.VulnerabilityParameter, log4shell}, nil, 401, "give a bearer token that the API server accepts"},
		"a token of nobody":   {"eve", query.AffectedPath, []string{query.VulnerabilityParameter, log4shell}, nil, 401, "the API server does not accept the token; it may have expired"},
		"no vulnerability":    {"ann", query.AffectedPath, nil, nil, 400, "give what is looked for as vulnerability, of 512 characters at most"},
		"a long question":     {"ann", query.FindPath, []string{query.PackageParameter, long}, nil, 400, "give what is looked for as package, of 512 characters at most"},
		"no identifier":       {"ann", query.AffectedPath, []string{query.VulnerabilityParameter, "CVE-\x1b[31m"}, nil, 400, "that is no identifier of a vulnerability, such as CVE-2021-44228"},
		"no pattern":          {"ann", query.FindPath, []string{query.PackageParameter, "log4j\x1b"}, nil, 400, ""},
		"no namespace":        {"ann", query.AffectedPath, []string{query.VulnerabilityParameter, log4shell, query.NamespaceParameter, strings.Repeat("a", 64)}, nil, 400, "that is no name of a namespace"},
		"no such path":        {"ann", "/", nil, nil, 404, ""},
		"nobody asks nothing": {"", query.FindPath, nil, nil, 401, "give a bearer token that the API server accepts"},
		"the API server is down": {"ann", query.AffectedPath, []string{query.VulnerabilityParameter, log4shell},
			func(w *world) { w.reviews.err = errors.New("dial tcp 10.0.0.1:443: connection refused") },
			503, "the question could not be answered now; try again"},
		"no database yet": {"ann", query.AffectedPath, []string{query.VulnerabilityParameter, log4shell},
			func(w *world) {
				w.index.Database = evidence.Unchecked[evidence.Feed](v1alpha1.ReasonDatabaseUnavailable, "no vulnerability database is loaded")
			}, 503, "nothing is known of vulnerabilities yet: no vulnerability database is loaded"},
	} {
		t.Run(name, func(t *testing.T) {
			w := twoTeams(t)
			if test.change != nil {
				test.change(w)
			}
			response := w.ask(t, test.token, test.path, test.parameters...)
			if response.Code != test.status {
				t.Errorf("status %d, want %d", response.Code, test.status)
			}
			if test.message != "" {
				var refusal query.Refusal
				if err := json.Unmarshal(response.Body.Bytes(), &refusal); err != nil || refusal.Error != test.message {
					t.Errorf("%v: %s", err, response.Body)
				}
			}
			if strings.ContainsRune(response.Body.String(), '\x1b') {
				t.Errorf("a control character comes back: %q", response.Body)
			}
		})
	}
}

func TestOnlyGETIsAnswered(t *testing.T) {
	w := twoTeams(t)
	for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodOptions} {
		response := httptest.NewRecorder()
		w.handler.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), method, query.AffectedPath, nil))
		if response.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d", method, response.Code)
		}
	}
}

// TestWhatTheAPIServerSaidCountsForAWhile holds that a question costs no review that was made a moment ago, and that a right
// that was taken away ends.
func TestWhatTheAPIServerSaidCountsForAWhile(t *testing.T) {
	w := twoTeams(t)
	ask := func() int {
		return len(w.answer(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell).Matches)
	}
	for range 2 {
		if ask() != 1 {
			t.Fatal("ann does not see hers")
		}
	}
	if slices.Sort(w.reviews.reviewed); w.reviews.tokens != 1 || !slices.Equal(w.reviews.reviewed, []string{"", "team-a", "team-b"}) {
		t.Errorf("%d reviews of the token, and %q", w.reviews.tokens, w.reviews.reviewed)
	}
	w.reviews.rights["ann"] = nil
	w.clock.Step(31 * time.Second)
	if ask() != 0 {
		t.Error("a right that was taken away still counts after half a minute")
	}
	delete(w.reviews.rights, "ann")
	w.clock.Step(31 * time.Second)
	if response := w.ask(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell); response.Code != http.StatusUnauthorized {
		t.Errorf("a token that was taken back still counts after half a minute: status %d", response.Code)
	}
}

// TestOneCallerDoesNotTakeEveryPlace holds that a third question of a caller at the same time is refused, and that of another
// is answered.
func TestOneCallerDoesNotTakeEveryPlace(t *testing.T) {
	w := twoTeams(t)
	for _, who := range []string{"ann", "bob"} { // From now on their tokens are known.
		w.answer(t, who, query.AffectedPath, query.VulnerabilityParameter, log4shell)
	}
	w.clock.Step(10 * time.Second)
	w.reviews.entered, w.reviews.proceed = make(chan struct{}), make(chan struct{})
	w.reviews.rights["ann"] = []string{"team-a", "new-1", "new-2"}
	done := make(chan int)
	for _, namespace := range []string{"new-1", "new-2"} {
		go func() {
			done <- w.ask(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell, query.NamespaceParameter, namespace).Code
		}()
		<-w.reviews.entered
	}
	if code := w.ask(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell).Code; code != http.StatusTooManyRequests {
		t.Errorf("a third question: status %d", code)
	}
	if code := w.ask(t, "bob", query.AffectedPath, query.VulnerabilityParameter, log4shell).Code; code != http.StatusOK {
		t.Errorf("a question of somebody else: status %d", code)
	}
	close(w.reviews.proceed)
	for range 2 {
		if code := <-done; code != http.StatusOK {
			t.Errorf("a question that waited: status %d", code)
		}
	}
	w.reviews.entered = nil
	if code := w.ask(t, "ann", query.AffectedPath, query.VulnerabilityParameter, log4shell).Code; code != http.StatusOK {
		t.Errorf("a question after that: status %d", code)
	}
}
