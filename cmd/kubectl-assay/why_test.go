// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/manifests"
)

// Namespaces of these tests.
const (
	prod  = "kubectl-assay-prod"
	empty = "kubectl-assay-empty"
)

const (
	repository = "registry.example.com/shop/checkout"
	newer      = "sha256:91ab03ffe2100000000000000000000000000000000000000000000000000000"
	older      = "sha256:3f1c9a0b77d20000000000000000000000000000000000000000000000000000"
)

// newAPI returns a client of the API server that writes statuses as Assay's controller does.
func newAPI(t *testing.T, plane *controlplane.ControlPlane) client.Client {
	t.Helper()
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(types); err != nil {
			t.Fatal(err)
		}
	}
	config := plane.Config()
	config.QPS = -1 // as fast as it answers
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:assay-system:assay-controller", Groups: []string{"system:masters"},
	}
	api, err := client.New(config, client.Options{Scheme: types})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func install(t *testing.T, api client.Client) {
	t.Helper()
	objects, err := manifests.Render("crd")
	if err != nil {
		t.Fatal(err)
	}
	if err := manifests.Apply(t.Context(), api, objects); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{prod, empty} {
		err := api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, api client.Client, name string, change func(*v1alpha1.TrustedImage)) {
	t.Helper()
	object := &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: prod, Name: name},
		Spec:       v1alpha1.TrustedImageSpec{Source: v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{Repository: repository, Tag: "1.8"}}},
	}
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Delete(t.Context(), object) })
	if change == nil {
		return
	}
	object.Status.ObservedGeneration = object.Generation
	change(object)
	if err := api.Status().Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func trust(digest v1alpha1.DigestString) *v1alpha1.TrustedDigest {
	return &v1alpha1.TrustedDigest{
		Digest: digest, Repository: repository, TrustedAt: "2026-11-01T12:00:00Z", Signature: "c2lnbmF0dXJl",
		Rules: []v1alpha1.RuleResult{{Policy: "production", Rule: "signatures[built-by-ci]", Result: v1alpha1.ResultPass}},
	}
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.Now(),
	}
}

func TestWhy(t *testing.T) {
	plane := controlplane.ForTest(t)
	api := newAPI(t, plane)
	install(t, api)
	for name, test := range map[string]struct {
		object func(*v1alpha1.TrustedImage)
		code   int
		want   string
	}{
		"an object that Assay never looked at": {
			code: exitUndetermined,
			want: `TrustedImage kubectl-assay-prod/checkout: Undetermined, no reason given

Assay did not look at it yet; is assay-controller running?
`,
		},
		"a digest that is trusted and the newest": {
			object: func(o *v1alpha1.TrustedImage) {
				o.Status.Summary = v1alpha1.ImageSummary{Verdict: v1alpha1.VerdictTrusted, Reason: v1alpha1.ReasonPolicyPassed}
				o.Status.Policies = []string{"kubectl-assay-prod/strict", "production"}
				o.Status.Conditions = []metav1.Condition{condition(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonPolicyPassed, "trusted")}
				o.Status.Trusted = trust(older)
			},
			code: exitTrusted,
			want: `TrustedImage kubectl-assay-prod/checkout: Trusted, PolicyPassed
  policy kubectl-assay-prod/strict
  policy production

Conditions:
  Ready  True  PolicyPassed
         trusted

TRUSTED NOW
Image:    registry.example.com/shop/checkout@` + older + `
Verdict:  Trusted

Rules:
  Pass  production  signatures[built-by-ci]
`,
		},
		"who signed what is trusted, and the candidate": {
			object: func(o *v1alpha1.TrustedImage) {
				o.Status.Summary = v1alpha1.ImageSummary{Verdict: v1alpha1.VerdictTrusted, Reason: v1alpha1.ReasonPolicyPassed}
				o.Status.Trusted = trust(older)
				o.Status.Trusted.Signers = []v1alpha1.SignerReference{{
					Authority: "ci", PredicateType: "https://slsa.dev/provenance/v1", Identity: "https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main",
					Issuer: "https://token.actions.githubusercontent.com", SignedAt: ptr.To(v1alpha1.Timestamp("2026-11-20T08:00:00Z")), SignedAtBy: "timestamp authority",
					LogEntry: "https://rekor.sigstore.dev 123456789", Builder: "https://github.com/actions/runner/github-hosted",
					Source: "git+https://github.com/shop/checkout@refs/heads/main", Commit: "2f6a9c1d0b3e4f5a6b7c8d9e0f1a2b3c4d5e6f70",
				}}
				o.Status.Candidate = &v1alpha1.CandidateDigest{Digest: newer, Repository: repository, Verdict: v1alpha1.VerdictUndetermined}
				o.Status.Candidate.Signers = []v1alpha1.SignerReference{{
					Authority: "release-team", Identity: "4c2f8a90b1d2" + strings.Repeat("0", 52), NotAfter: ptr.To(v1alpha1.Timestamp("2026-12-01T00:00:00Z")),
				}}
			},
			code: exitUndetermined,
			want: `TrustedImage kubectl-assay-prod/checkout: Trusted, PolicyPassed

TRUSTED NOW
Image:    registry.example.com/shop/checkout@` + older + `
Verdict:  Trusted

Rules:
  Pass  production  signatures[built-by-ci]

Signers:
  ci  https://slsa.dev/provenance/v1
    identity   https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main
    issuer     https://token.actions.githubusercontent.com
    signed     2026-11-20T08:00:00Z, by a timestamp authority
    log entry  https://rekor.sigstore.dev 123456789
    builder    https://github.com/actions/runner/github-hosted
    source     git+https://github.com/shop/checkout@refs/heads/main
    commit     2f6a9c1d0b3e4f5a6b7c8d9e0f1a2b3c4d5e6f70

CANDIDATE
Image:    registry.example.com/shop/checkout@` + newer + `
Verdict:  Undetermined

Signers:
  release-team  signature
    key        4c2f8a90b1d2
    key until  2026-12-01T00:00:00Z
`,
		},
		"a candidate that is refused beside a digest that stays trusted": {
			object: func(o *v1alpha1.TrustedImage) {
				o.Status.Summary = v1alpha1.ImageSummary{Verdict: v1alpha1.VerdictTrusted, Reason: v1alpha1.ReasonVulnerable}
				o.Status.Conditions = []metav1.Condition{
					condition(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonPolicyPassed, "trusted"),
					condition(v1alpha1.PolicyPassedCondition, metav1.ConditionFalse, v1alpha1.ReasonVulnerable, "1 finding: update"),
				}
				o.Status.Trusted = trust(older)
				o.Status.Candidate = &v1alpha1.CandidateDigest{
					Digest: newer, Repository: repository, Verdict: v1alpha1.VerdictRejected,
					Rules: []v1alpha1.RuleResult{
						{Policy: "production", Rule: "signatures[built-by-ci]", Result: v1alpha1.ResultPass},
						{Policy: "production", Rule: "vulnerabilities.block[fixable]", Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonVulnerable, Message: "1 finding: update"},
					},
					Worst: []v1alpha1.FindingReference{{ID: "CVE-2024-1", Package: "openssl", Version: "3.0.1", FixedVersion: "3.0.2", Severity: v1alpha1.SeverityCritical}},
					Excused: []v1alpha1.ExcusedFinding{
						{ID: "CVE-2024-2", Package: "zlib1g", By: "production vulnerabilities.exceptions", Owner: "team-shop", Until: ptr.To(v1alpha1.Timestamp("2026-12-01T00:00:00Z"))},
						{ID: "CVE-2024-3", Package: "curl", By: "production vulnerabilities.vex[vendor]"},
					},
				}
			},
			code: exitRejected,
			want: `TrustedImage kubectl-assay-prod/checkout: Trusted, Vulnerable

Conditions:
  Ready         True   PolicyPassed
                trusted
  PolicyPassed  False  Vulnerable
                1 finding: update

TRUSTED NOW
Image:    registry.example.com/shop/checkout@` + older + `
Verdict:  Trusted

Rules:
  Pass  production  signatures[built-by-ci]

CANDIDATE
Image:    registry.example.com/shop/checkout@` + newer + `
Verdict:  Rejected

Rules:
  Fail  production  vulnerabilities.block[fixable]  Vulnerable
        1 finding: update
  Pass  production  signatures[built-by-ci]

Worst findings:
  CVE-2024-1  openssl 3.0.1  Critical  fixed in 3.0.2

Excused:
  CVE-2024-2  zlib1g  production vulnerabilities.exceptions   team-shop  until 2026-12-01T00:00:00Z
  CVE-2024-3  curl    production vulnerabilities.vex[vendor]
`,
		},
		"a digest in grace": {
			object: func(o *v1alpha1.TrustedImage) {
				o.Status.Summary = v1alpha1.ImageSummary{Verdict: v1alpha1.VerdictRejected, Reason: v1alpha1.ReasonInGrace}
				o.Status.Conditions = []metav1.Condition{condition(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonInGrace, "grace")}
				since := v1alpha1.Timestamp("2026-11-02T12:00:00Z")
				o.Status.Trusted = trust(older)
				o.Status.Trusted.NotPassingSince = &since
				o.Status.Trusted.Rules = nil
			},
			code: exitRejected,
			want: `TrustedImage kubectl-assay-prod/checkout: Rejected, InGrace

Conditions:
  Ready  True  InGrace
         grace

TRUSTED NOW
Image:    registry.example.com/shop/checkout@` + older + `
Verdict:  Rejected
`,
		},
		"an upstream that offers nothing": {
			object: func(o *v1alpha1.TrustedImage) {
				o.Status.Summary = v1alpha1.ImageSummary{Verdict: v1alpha1.VerdictTrusted, Reason: v1alpha1.ReasonUpstreamHasNoTrust}
				o.Status.Conditions = []metav1.Condition{
					condition(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonPolicyPassed, ""),
					condition(v1alpha1.PromotedCondition, metav1.ConditionFalse, v1alpha1.ReasonUpstreamHasNoTrust, ""),
				}
				o.Status.Trusted = trust(older)
				o.Status.Trusted.Rules = nil
			},
			code: exitUndetermined,
			want: `TrustedImage kubectl-assay-prod/checkout: Trusted, UpstreamHasNoTrust

Conditions:
  Ready     True   PolicyPassed
  Promoted  False  UpstreamHasNoTrust

TRUSTED NOW
Image:    registry.example.com/shop/checkout@` + older + `
Verdict:  Trusted
`,
		},
		"a change that Assay did not look at yet": {
			object: func(o *v1alpha1.TrustedImage) {
				o.Status.ObservedGeneration = 0
				o.Status.Summary = v1alpha1.ImageSummary{Verdict: v1alpha1.VerdictTrusted, Reason: v1alpha1.ReasonPolicyPassed}
				o.Status.Conditions = []metav1.Condition{condition(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonPolicyPassed, "")}
				o.Status.Trusted = trust(older)
				o.Status.Trusted.Rules = nil
			},
			code: exitUndetermined,
			want: `TrustedImage kubectl-assay-prod/checkout: Trusted, PolicyPassed

Assay did not look at the latest change of its spec yet; what follows is older.

Conditions:
  Ready  True  PolicyPassed

TRUSTED NOW
Image:    registry.example.com/shop/checkout@` + older + `
Verdict:  Trusted
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, api, "checkout", test.object)
			code, out, errOut := kubectlAssay(t, plane, "why", "checkout", "--namespace", prod)
			if diff := cmp.Diff(test.want, out); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if errOut != "" || code != test.code {
				t.Errorf("exit code %d, want %d; error output %q", code, test.code, errOut)
			}
			if err := api.Delete(t.Context(), &v1alpha1.TrustedImage{ObjectMeta: metav1.ObjectMeta{Namespace: prod, Name: "checkout"}}); err != nil {
				t.Fatal(err)
			}
		})
	}
	put(t, api, "payment", nil)
	for name, test := range map[string]struct {
		arguments []string
		want      string
	}{
		"a name that does not exist among others": {
			[]string{"why", "checkout", "-n", prod},
			"error: there is no TrustedImage \"checkout\" in namespace kubectl-assay-prod; there is payment\n",
		},
		"a namespace without any": {
			[]string{"why", "checkout", "-n", empty},
			"error: there is no TrustedImage \"checkout\" in namespace kubectl-assay-empty; kubectl get trustedimages --all-namespaces lists all, and --namespace chooses another namespace\n",
		},
		"no name": {[]string{"why"}, "error: accepts 1 arg(s), received 0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := kubectlAssay(t, plane, test.arguments...)
			if code != exitUndetermined || out != "" || errOut != test.want {
				t.Errorf("exit code %d, output %q, error output %q", code, out, errOut)
			}
		})
	}
}

func kubectlAssay(t *testing.T, plane *controlplane.ControlPlane, arguments ...string) (code int, out, errOut string) {
	t.Helper()
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	code = run(t.Context(), streams, append(arguments, "--kubeconfig", plane.Kubeconfig()))
	return code, stdout.String(), stderr.String()
}

func TestAClusterWithoutAssay(t *testing.T) {
	t.Setenv(controlplane.SharedEnv, "") // In the shared one somebody may have installed it.
	code, out, errOut := kubectlAssay(t, controlplane.ForTest(t), "why", "checkout")
	if code != exitUndetermined || out != "" || errOut != "error: this cluster knows no TrustedImages; is Assay installed?\n" {
		t.Errorf("exit code %d, output %q, error output %q", code, out, errOut)
	}
}
