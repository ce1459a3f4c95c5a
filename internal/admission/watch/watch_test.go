// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/scope"
	"github.com/assay-dev/assay/internal/trust"
)

const repository = "registry.example.com/shop/checkout"

func digest(content string) image.Digest { return image.DigestOf([]byte(content)) }

// decoded returns the view of an object that the API server sends.
func decoded[T any](t *testing.T, raw string) *object[T] {
	t.Helper()
	var o object[T]
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		t.Fatal(err)
	}
	return &o
}

// seal is the key by which the controller signs.
type seal struct{ *ecdsa.PrivateKey }

func newSeal(t *testing.T) seal {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return seal{key}
}

func (s seal) publicPEM(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&s.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// trusted returns an entry of dev/checkout's status with a platform, signed.
func (s seal) trusted(t *testing.T, content string) v1alpha1.TrustedDigest {
	t.Helper()
	parsed, err := image.ParseRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	platform := digest(content + " amd64")
	sum := sha256.Sum256(trust.Entry{
		Namespace: "dev", Name: "checkout", Repository: parsed, Digest: digest(content), Platforms: []image.Digest{platform}, PoliciesHash: digest("policies"),
	}.Message())
	signature, err := ecdsa.SignASN1(rand.Reader, s.PrivateKey, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return v1alpha1.TrustedDigest{
		Digest: v1alpha1.DigestString(digest(content).String()), Repository: repository, TrustedAt: "2026-11-21T00:00:00Z",
		Platforms:    []v1alpha1.PlatformDigest{{Platform: "linux/amd64", Digest: v1alpha1.DigestString(platform.String())}},
		PoliciesHash: v1alpha1.DigestString(digest("policies").String()), Signature: base64.StdEncoding.EncodeToString(signature),
	}
}

// checkout returns the TrustedImage dev/checkout with the status, as the API server sends it.
func checkout(t *testing.T, status v1alpha1.TrustedImageStatus) string {
	t.Helper()
	o := v1alpha1.TrustedImage{Status: status}
	o.Namespace, o.Name, o.ResourceVersion = "dev", "checkout", "7"
	o.Spec.Source.Registry = &v1alpha1.RegistrySource{Repository: repository, Tag: "1.8"}
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func newIndex(t *testing.T, s seal) trustedImages {
	t.Helper()
	images := trustedImages{index: &trust.Index{}, log: slog.New(slog.DiscardHandler)}
	images.index.SetKeys([]*ecdsa.PublicKey{&s.PublicKey})
	return images
}

func (t trustedImages) explain(content string) trust.Explanation {
	parsed, _ := image.ParseRepository(repository)
	return t.index.Explain("dev", image.Reference{Repository: parsed, Digest: digest(content)})
}

// TestTrustedImages holds that the view reads what the controller writes.
func TestTrustedImages(t *testing.T) {
	s := newSeal(t)
	current, former := s.trusted(t, "current"), s.trusted(t, "former")
	rejected := v1alpha1.CandidateDigest{
		Digest: v1alpha1.DigestString(digest("candidate").String()), Repository: repository, Verdict: v1alpha1.VerdictRejected,
		Rules: []v1alpha1.RuleResult{
			{Result: v1alpha1.ResultPass}, {Result: v1alpha1.ResultUnknown, Reason: "NotCovered"},
			{Result: v1alpha1.ResultFail, Reason: "Vulnerable", Message: "CVE-1"},
		},
	}
	with := func(verdict v1alpha1.Verdict) v1alpha1.TrustedImageStatus {
		c := rejected
		c.Verdict = verdict
		return v1alpha1.TrustedImageStatus{Candidate: &c, Summary: v1alpha1.ImageSummary{Reason: "SourceNotAllowed"}}
	}
	cases := map[string]struct {
		status  v1alpha1.TrustedImageStatus
		content string
		want    trust.Explanation
	}{
		"the current digest": {v1alpha1.TrustedImageStatus{Trusted: &current}, "current",
			trust.Explanation{Standing: trust.Trusted, Passport: "checkout", Trusted: digest("current")}},
		"its platform": {v1alpha1.TrustedImageStatus{Trusted: &current}, "current amd64",
			trust.Explanation{Standing: trust.Trusted, Passport: "checkout", Trusted: digest("current")}},
		"a former digest": {v1alpha1.TrustedImageStatus{Trusted: &current, History: []v1alpha1.TrustedDigest{former}}, "former",
			trust.Explanation{Standing: trust.Trusted, Passport: "checkout", Trusted: digest("current")}},
		"nothing yet": {v1alpha1.TrustedImageStatus{}, "current", trust.Explanation{Standing: trust.OtherDigest, Passport: "checkout"}},
		"a rejected candidate": {with(v1alpha1.VerdictRejected), "candidate",
			trust.Explanation{Standing: trust.Refused, Passport: "checkout", Reason: "Vulnerable", Message: "CVE-1"}},
		"a candidate that could not be judged": {with(v1alpha1.VerdictUndetermined), "candidate",
			trust.Explanation{Standing: trust.Undetermined, Passport: "checkout", Reason: "NotCovered"}},
		"a candidate that passes and waits": {with(v1alpha1.VerdictTrusted), "candidate",
			trust.Explanation{Standing: trust.Waiting, Passport: "checkout", Reason: "SourceNotAllowed"}},
		"a candidate without a verdict": {with(""), "candidate", trust.Explanation{Standing: trust.NotJudged, Passport: "checkout"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			images := newIndex(t, s)
			images.set(decoded[trustedImage](t, checkout(t, c.status)))
			if diff := cmp.Diff(c.want, images.explain(c.content), cmp.AllowUnexported(image.Digest{})); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

// TestPoisonHarmsOnlyItself holds that whatever stands in one object, the others are trusted and it is not.
func TestPoisonHarmsOnlyItself(t *testing.T) {
	s := newSeal(t)
	current := s.trusted(t, "current")
	good := checkout(t, v1alpha1.TrustedImageStatus{Trusted: &current})
	for name, poison := range map[string]string{
		"a status that is a list":           `"status":[]`,
		"a digest that is a number":         `"status":{"trusted":{"digest":5}}`,
		"a digest that is none":             `"status":{"trusted":{"digest":"sha256:zz","repository":"` + repository + `","signature":""}}`,
		"a repository with a tag":           `"status":{"trusted":{"digest":"` + digest("x").String() + `","repository":"a:1"}}`,
		"a platform that is none":           `"status":{"trusted":{"digest":"` + digest("x").String() + `","repository":"a","platforms":[{"digest":"x"}]}}`,
		"a hash of policies that is none":   `"status":{"trusted":{"digest":"` + digest("x").String() + `","repository":"a","policiesHash":"x"}}`,
		"a candidate that is a string":      `"status":{"candidate":"x"}`,
		"a time that Go cannot decode":      `"status":{"conditions":[{"lastTransitionTime":"2027-01-31t00:00:00z"}]}`,
		"a spec that is a string":           `"spec":"x"`,
		"a repository that is no string":    `"spec":{"source":{"registry":{"repository":{}}}}`,
		"a number that no integer can hold": `"status":{"observedGeneration":1e400}`,
	} {
		t.Run(name, func(t *testing.T) {
			list := fmt.Sprintf(`{"kind":"TrustedImageList","metadata":{"resourceVersion":"9"},"items":[{"metadata":{"namespace":"dev","name":"poison"},%s},%s]}`, poison, good)
			var all objectList[trustedImage]
			if err := json.Unmarshal([]byte(list), &all); err != nil {
				t.Fatal(err)
			}
			images := newIndex(t, s)
			images.replace([]*object[trustedImage]{&all.Items[0], &all.Items[1]})
			if got := images.explain("current").Standing; got != trust.Trusted {
				t.Errorf("beside the poison the trusted digest stands as %v", got)
			}
			images.set(&all.Items[0])
			if got := images.explain("x").Standing; got == trust.Trusted {
				t.Error("the poison is trusted")
			}
		})
	}
}

func TestATrustedImageThatIsBeingDeletedGivesNoTrust(t *testing.T) {
	s := newSeal(t)
	current := s.trusted(t, "current")
	raw := checkout(t, v1alpha1.TrustedImageStatus{Trusted: &current})
	deleting := strings.Replace(raw, `"resourceVersion":"7"`, `"resourceVersion":"8","deletionTimestamp":"2026-11-21T00:00:00Z"`, 1)
	images := newIndex(t, s)
	images.set(decoded[trustedImage](t, raw))
	if got := images.explain("current").Standing; got != trust.Trusted {
		t.Fatalf("before: %v", got)
	}
	images.set(decoded[trustedImage](t, deleting))
	if got := images.explain("current").Standing; got != trust.NoPassport {
		t.Errorf("while it is being deleted: %v, want NoPassport", got)
	}
	images.replace([]*object[trustedImage]{decoded[trustedImage](t, deleting)})
	if got := images.explain("current").Standing; got != trust.NoPassport {
		t.Errorf("after a list: %v, want NoPassport", got)
	}
}

func TestPolicies(t *testing.T) {
	p := &policies{log: slog.New(slog.DiscardHandler)}
	inNamespace, everywhereElse := policiesOf{p, namespaced}, policiesOf{p, clusterWide}
	parsed, err := image.ParseRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(step, namespace string, want ...string) {
		t.Helper()
		var got []string
		for _, m := range scope.Matching(p.snapshot(), namespace, parsed) {
			got = append(got, m.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: policies in %s: want -, got +:\n%s", step, namespace, diff)
		}
	}
	if inNamespace.replace(nil); p.loaded() {
		t.Error("loaded before the cluster-wide policies are known")
	}
	audit := `{"metadata":{"name":"audit"},"spec":{"namespaces":["d*"],"images":["registry.example.com/**"],"admission":{"mode":"Audit"}}}`
	everywhereElse.replace([]*object[imagePolicy]{decoded[imagePolicy](t, audit)})
	if !p.loaded() {
		t.Error("not loaded when both are known")
	}
	expect("a cluster-wide policy", "dev", "audit")
	expect("a cluster-wide policy", "prod")
	if got := scope.Mode(p.snapshot()); got != v1alpha1.AdmissionAudit {
		t.Errorf("mode %s, want Audit", got)
	}
	other := decoded[imagePolicy](t, `{"metadata":{"namespace":"dev","name":"other"},"spec":{"images":["other.example.com/**"]}}`)
	inNamespace.set(other)
	expect("a policy of other images", "dev", "audit")
	inNamespace.set(decoded[imagePolicy](t, `{"metadata":{"namespace":"dev","name":"other"},"spec":{"images":5}}`))
	expect("a policy that cannot be decoded", "dev", "audit", "dev/other")
	expect("a policy that cannot be decoded", "prod")
	if got := scope.Mode(scope.Matching(p.snapshot(), "dev", parsed)); got != v1alpha1.AdmissionEnforce {
		t.Errorf("mode %s with a policy that cannot be decoded, want Enforce", got)
	}
	everywhereElse.set(decoded[imagePolicy](t, `{"metadata":{"name":"broken"},"spec":[]}`))
	expect("a cluster-wide policy that cannot be decoded", "prod", "broken")
	everywhereElse.replace(nil)
	expect("without cluster-wide policies", "dev", "dev/other")
	inNamespace.remove(other)
	expect("without policies", "dev")
}

// TestARetiredKeyIsBelievedWhileItIsPublished holds what rotation rests on: what the old key signed is admitted beside what the new one signed,
// until the old one is taken away.
func TestARetiredKeyIsBelievedWhileItIsPublished(t *testing.T) {
	old, next := newSeal(t), newSeal(t)
	before, after := old.trusted(t, "before"), next.trusted(t, "after")
	images := trustedImages{index: &trust.Index{}, log: slog.New(slog.DiscardHandler)}
	status := v1alpha1.TrustedImageStatus{Trusted: &after, History: []v1alpha1.TrustedDigest{before}}
	images.replace([]*object[trustedImage]{decoded[trustedImage](t, checkout(t, status))})
	keys := sealKeys(images)
	publish := func(current, retired string) {
		keys.set(&object[configMap]{content: configMap{Data: map[string]string{"cosign.pub": current, "retired.pub": retired}}})
	}
	for _, step := range []struct {
		name                      string
		current, retired          string
		standsBefore, standsAfter bool
	}{
		{"before the rotation", old.publicPEM(t), "", true, false},
		{"rotated", next.publicPEM(t), old.publicPEM(t), true, true},
		{"what cannot be read takes nothing away", next.publicPEM(t), "damaged", true, true},
		{"the old key is dropped", next.publicPEM(t), "", false, true},
	} {
		publish(step.current, step.retired)
		if got := images.explain("before").Standing == trust.Trusted; got != step.standsBefore {
			t.Errorf("%s: what the old key signed is admitted: %t", step.name, got)
		}
		if got := images.explain("after").Standing == trust.Trusted; got != step.standsAfter {
			t.Errorf("%s: what the new key signed is admitted: %t", step.name, got)
		}
	}
}

// TestKeysAndCertificateStay holds that what was known stays when its object is gone or damaged.
func TestKeysAndCertificateStay(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	s := newSeal(t)
	current := s.trusted(t, "current")
	images := trustedImages{index: &trust.Index{}, log: log}
	images.replace([]*object[trustedImage]{decoded[trustedImage](t, checkout(t, v1alpha1.TrustedImageStatus{Trusted: &current}))})

	keys := sealKeys{images.index, log}
	if keys.replace(nil); images.index.Loaded() {
		t.Error("loaded without keys")
	}
	good := &object[configMap]{content: configMap{Data: map[string]string{"cosign.pub": s.publicPEM(t)}}}
	for step, change := range map[string]func(){
		"emptied": func() { keys.set(&object[configMap]{}) },
		"damaged": func() {
			keys.set(&object[configMap]{content: configMap{Data: map[string]string{"cosign.pub": "damaged"}}})
		},
		"deleted":  func() { keys.remove(good) },
		"unlisted": func() { keys.replace(nil) },
	} {
		keys.set(good)
		change()
		if got := images.explain("current").Standing; got != trust.Trusted || !images.index.Loaded() {
			t.Errorf("keys %s: the trusted digest stands as %v, loaded is %t", step, got, images.index.Loaded())
		}
	}

	held := &certificate{log: log}
	if _, err := held.get(); err == nil {
		t.Error("a certificate before there is one")
	}
	first, second := newCertificate(t, 1), newCertificate(t, 2)
	held.replace([]*object[secret]{first})
	held.set(&object[secret]{content: secret{Data: map[string][]byte{"tls.crt": second.content.Data["tls.crt"], "tls.key": first.content.Data["tls.key"]}}})
	held.remove(first)
	held.replace(nil)
	expectSerial(t, held, 1)
	held.set(second)
	expectSerial(t, held, 2)
	if strings.Contains(logged.String(), "PRIVATE KEY") || strings.Contains(logged.String(), base64.StdEncoding.EncodeToString(first.content.Data["tls.key"])[:40]) {
		t.Error("a private key is in the log")
	}
}

func expectSerial(t *testing.T, held *certificate, want int64) {
	t.Helper()
	got, err := held.get()
	if err != nil {
		t.Fatal(err)
	}
	if serial := got.Leaf.SerialNumber.Int64(); serial != want {
		t.Errorf("certificate %d is served, want %d", serial, want)
	}
}

// newCertificate returns a Secret with a certificate.
func newCertificate(t *testing.T, serial int64) *object[secret] {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &object[secret]{content: secret{Data: map[string][]byte{
		"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}}}
}

func TestWatcherKnowsNothingBeforeItRuns(t *testing.T) {
	w, err := New(&rest.Config{Host: "https://127.0.0.1:1"}, "assay-system", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if w.Synced() || len(w.Policies()) > 0 {
		t.Error("it knows something")
	}
	if _, err := w.Certificate(&tls.ClientHelloInfo{}); err == nil {
		t.Error("it has a certificate")
	}
}
