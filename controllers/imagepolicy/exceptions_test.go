// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	fakeclient "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/controllers/imagepolicy"
	"github.com/assay-dev/assay/internal/alarm"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/roster"
)

// world is a reconciler of ImagePolicies over an API server in memory.
type world struct {
	t          *testing.T
	api        client.Client
	clock      *clocktesting.FakeClock
	alarm      *alarm.Alarm
	roster     *roster.Roster
	recorder   *events.FakeRecorder
	feeds      map[string]v1alpha1.FeedStatus
	reconciler *imagepolicy.Reconciler[*v1alpha1.ImagePolicy]
	rung       int
}

var subject = types.NamespacedName{Namespace: "prod", Name: "base"}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	kinds := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(kinds); err != nil {
		t.Fatal(err)
	}
	clock := clocktesting.NewFakeClock(noon)
	w := &world{
		t: t, clock: clock, alarm: alarm.New(clock), roster: roster.New(), recorder: events.NewFakeRecorder(16), feeds: map[string]v1alpha1.FeedStatus{},
		api: fakeclient.NewClientBuilder().WithScheme(kinds).WithObjects(objects...).WithStatusSubresource(objects...).Build(),
	}
	surroundings := imagepolicy.Surroundings{
		Keys: &keys.Resolver{}, Roster: w.roster, Alarm: w.alarm, Recorder: w.recorder, Clock: w.clock,
		Feeds: func(name string) v1alpha1.FeedStatus {
			status := w.feeds[name]
			status.Name = name
			return status
		},
	}
	w.reconciler = imagepolicy.ForImagePolicies(w.api, surroundings, func(context.Context, types.NamespacedName) { w.rung++ })
	return w
}

// look reconciles the policy and returns it.
func (w *world) look() *v1alpha1.ImagePolicy {
	w.t.Helper()
	if _, err := w.reconciler.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: subject}); err != nil {
		w.t.Fatal(err)
	}
	var policy v1alpha1.ImagePolicy
	if err := w.api.Get(w.t.Context(), subject, &policy); err != nil {
		w.t.Fatal(err)
	}
	return &policy
}

// told are the events that were sent since.
func (w *world) told() []string {
	var told []string
	for len(w.recorder.Events) > 0 {
		told = append(told, <-w.recorder.Events)
	}
	return told
}

func withExceptions(exceptions ...v1alpha1.VulnerabilityException) *v1alpha1.ImagePolicy {
	return &v1alpha1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: subject.Namespace, Name: subject.Name, Generation: 1},
		Spec:       v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{Exceptions: exceptions}},
	}
}

func exception(number int, expires time.Time) v1alpha1.VulnerabilityException {
	return v1alpha1.VulnerabilityException{
		ID: fmt.Sprintf("CVE-2026-%04d", number), Package: "pkg:deb/debian/openssl", Reason: "not reachable", Owner: "team",
		ExpiresAt: v1alpha1.NewTimestamp(expires),
	}
}

func expiring(p *v1alpha1.ImagePolicy) string {
	condition := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ExceptionsExpiringCondition)
	if condition == nil {
		return ""
	}
	return string(condition.Status) + " " + condition.Reason + ": " + condition.Message
}

func TestAnExceptionIsSaidToExpireFourteenDaysAheadAndToHaveExpiredAtItsMoment(t *testing.T) {
	end := noon.Add(30 * 24 * time.Hour)
	w := newWorld(t, withExceptions(exception(1, end), exception(2, end.Add(1000*time.Hour))))
	if got := expiring(w.look()); got != "" {
		t.Fatalf("30 days ahead: %s", got)
	}
	w.clock.SetTime(end.Add(-14*24*time.Hour - time.Second))
	if w.alarm.Ring(t.Context()); w.rung != 0 {
		t.Error("woken before the moment")
	}
	for _, step := range []struct {
		at   time.Time
		want string
	}{
		{end.Add(-14 * 24 * time.Hour), "True ExceptionsExpiring: CVE-2026-0001 expires at 2026-12-01T12:00:00Z, in pkg:deb/debian/openssl (team); renew them, or remove what is not needed any more"},
		{end, "True ExceptionsExpiring: CVE-2026-0001 expired at 2026-12-01T12:00:00Z, in pkg:deb/debian/openssl (team); renew them, or remove what is not needed any more"},
	} {
		w.clock.SetTime(step.at)
		w.rung = 0
		if w.alarm.Ring(t.Context()); w.rung != 1 {
			t.Fatalf("woken %d times at %s", w.rung, step.at)
		}
		if diff := cmp.Diff(step.want, expiring(w.look())); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", step.at, diff)
		}
		if told := w.told(); len(told) != 1 || !strings.Contains(told[0], "Warning ExceptionsExpiring CVE-2026-0001") {
			t.Errorf("events at %s: %q", step.at, told)
		}
		before := w.look().ResourceVersion
		w.clock.Step(time.Hour)
		if w.look().ResourceVersion != before || len(w.told()) != 0 {
			t.Error("it is said again and again")
		}
	}
}

func TestManyExceptionsThatExpireFitIntoACondition(t *testing.T) {
	var many []v1alpha1.VulnerabilityException
	for i := range 256 {
		e := exception(i, noon.Add(-time.Hour))
		if i == 200 {
			e.ExpiresAt = v1alpha1.NewTimestamp(noon.Add(time.Hour))
		}
		e.Package = "pkg:deb/debian/" + strings.Repeat("x", 240)
		many = append(many, e)
	}
	got := expiring(newWorld(t, withExceptions(many...)).look())
	if len(got) > 1024 || !strings.Contains(got, "CVE-2026-0200 expires at") || !strings.Contains(got, "and 248 more") {
		t.Errorf("%d characters: %s", len(got), got)
	}
}

// image is a TrustedImage in the namespace of the policy.
func image(name string) *v1alpha1.TrustedImage {
	return &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: subject.Namespace, Name: name},
		Spec:       v1alpha1.TrustedImageSpec{Source: v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{Repository: "registry.example.com/" + name, Tag: "1"}}},
	}
}

func TestUnusedExceptionsAreListedWhenEveryImageWasJudged(t *testing.T) {
	first, second := exception(1, noon.Add(1000*time.Hour)), exception(2, noon.Add(1000*time.Hour))
	policy := withExceptions(first, second)
	policy.Spec.Images = []v1alpha1.ImagePattern{"registry.example.com/*"}
	elsewhere := image("elsewhere")
	elsewhere.Spec.Source.Registry.Repository = "other.example.com/elsewhere"
	w := newWorld(t, policy, image("a"), image("b"), elsewhere)
	use := func(generation int64, exceptions ...v1alpha1.VulnerabilityException) []roster.Use {
		made := roster.Use{Policy: "prod/base", Generation: generation}
		for _, e := range exceptions {
			made.Exceptions = append(made.Exceptions, v1alpha1.ExceptionReference{ID: e.ID, Package: e.Package})
		}
		return []roster.Use{made}
	}
	judged := func(name string, uses []roster.Use) {
		w.roster.Judged(types.NamespacedName{Namespace: "prod", Name: name}, false, uses)
	}
	unused := func() string {
		var ids []string
		for _, e := range w.look().Status.UnusedExceptions {
			ids = append(ids, e.ID)
		}
		return strings.Join(ids, " ")
	}
	for _, step := range []struct {
		about string
		do    func()
		want  string
	}{
		{"nothing was judged", func() {}, ""},
		{"one image was judged", func() { judged("a", use(1, first)) }, ""},
		{"all were judged", func() { judged("b", use(1)) }, second.ID},
		{"another image uses the other one", func() { judged("b", use(1, second)) }, ""},
		{"nobody uses any more", func() { judged("a", use(1)); judged("b", use(1)) }, first.ID + " " + second.ID},
		{"the policy changed and nothing was judged under it", func() {
			changed := w.look()
			changed.Generation, changed.Spec.Vulnerabilities.Exceptions = 2, changed.Spec.Vulnerabilities.Exceptions[:1]
			if err := w.api.Update(t.Context(), changed); err != nil {
				t.Fatal(err)
			}
			judged("a", use(2, first))
		}, first.ID + " " + second.ID},
		{"all were judged under the policy as it is now", func() { judged("b", use(2)) }, ""},
	} {
		step.do()
		if got := unused(); got != step.want {
			t.Errorf("%s: unused are %q, want %q", step.about, got, step.want)
		}
	}
}

func TestFeedsThatRulesReadAreInTheStatus(t *testing.T) {
	policy := withExceptions()
	policy.Spec.Vulnerabilities.Block = []v1alpha1.BlockRule{{Name: "kev", Exploited: v1alpha1.ExploitedKnown}}
	w := newWorld(t, policy)
	updated := v1alpha1.NewTimestamp(noon)
	w.feeds["vulnerability-database"] = v1alpha1.FeedStatus{Version: "sha256:1", UpdatedAt: &updated}
	for _, step := range []struct {
		kev  v1alpha1.FeedStatus
		want string
	}{
		{v1alpha1.FeedStatus{}, "False FeedUnavailable: kev: it is not loaded yet"},
		{v1alpha1.FeedStatus{Message: "it cannot be reached"}, "False FeedUnavailable: kev: it cannot be reached"},
		{v1alpha1.FeedStatus{Version: "2026.11.01"}, "True Succeeded: every feed that the policy's rules read is loaded"},
		{v1alpha1.FeedStatus{Version: "2026.11.01", Message: "it is older than before"}, "False FeedOutdated: kev: it is older than before; version 2026.11.01 stays in use"},
		{v1alpha1.FeedStatus{Version: "2026.11.02"}, "True Succeeded: every feed that the policy's rules read is loaded"},
	} {
		w.feeds["kev"] = step.kev
		got := w.look()
		step.kev.Name = "kev"
		want := []v1alpha1.FeedStatus{step.kev, {Name: "vulnerability-database", Version: "sha256:1", UpdatedAt: &updated}}
		if diff := cmp.Diff(want, got.Status.Feeds); diff != "" {
			t.Errorf("feeds (-want +got):\n%s", diff)
		}
		condition := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.FeedsCurrentCondition)
		if text := fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message); text != step.want {
			t.Errorf("condition %q, want %q", text, step.want)
		}
		if w.look().ResourceVersion != got.ResourceVersion {
			t.Error("it was written twice")
		}
	}
}

func TestExceptionsAreCountedByTheirState(t *testing.T) {
	w := newWorld(t, withExceptions(
		exception(1, noon.Add(-time.Hour)), exception(2, noon.Add(13*24*time.Hour)), exception(3, noon.Add(15*24*time.Hour)), exception(4, noon.Add(14*24*time.Hour)),
	), &v1alpha1.ClusterImagePolicy{ObjectMeta: metav1.ObjectMeta{Name: "base"}})
	want := `
# HELP assay_policy_exceptions Exceptions of all policies by their state: active, expiring (within 14 days), expired.
# TYPE assay_policy_exceptions gauge
assay_policy_exceptions{state="active"} 1
assay_policy_exceptions{state="expired"} 1
assay_policy_exceptions{state="expiring"} 2
`
	if err := testutil.CollectAndCompare(imagepolicy.Metrics(w.api, w.clock), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
