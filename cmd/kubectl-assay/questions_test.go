// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/internal/query/fake"
)

const log4shell = "CVE-2021-44228"

// hers is what the owner of the image is told.
const hers = `NAMESPACE             NAME      STANDING  IMAGE                                            PACKAGE     VERSION  FIXED   SEVERITY  PATH
kubectl-assay-team-a  checkout  Trusted   registry.example.com/shop/checkout@3f1c9a0b77d2  log4j-core  2.14.1   2.15.0  Critical  app/\x1b[31m.jar
`

// index knows the images that the two teams trust.
func index(t *testing.T) *fake.Index {
	t.Helper()
	known := &fake.Index{Database: evidence.Checked(evidence.Feed{Version: "sha256:db"})}
	for _, text := range []string{older, newer} {
		digest, err := image.ParseDigest(text)
		if err != nil {
			t.Fatal(err)
		}
		known.Known = append(known.Known, digest)
		known.Carriers = append(known.Carriers, fleet.Carrier{
			Manifest: digest, ID: log4shell, FixedVersion: "2.15.0", Severity: evidence.SeverityCritical,
			Package: evidence.Package{
				Name: "log4j-core", Version: "2.14.1", PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", Path: "app/\x1b[31m.jar",
			},
		})
	}
	return known
}

// TestQuestions runs the command as two teams against a real API server and the query server on an index of two images.
func TestQuestions(t *testing.T) {
	w := newQueryWorld(t)
	for name, test := range map[string]func(*testing.T, *queryWorld){
		"two teams ask, on every way to Assay":               twoTeamsAsk,
		"what an answer lacks is said":                       whatAnAnswerLacksIsSaid,
		"an image without a digest is said":                  anImageWithoutADigestIsSaid,
		"who gets no answer is told why":                     whoGetsNoAnswerIsToldWhy,
		"a token goes to nobody but Assay":                   aTokenGoesToNobodyElse,
		"hostile answers are printable":                      hostileAnswersArePrintable,
		"a token is taken from wherever the kubeconfig says": aTokenOfAnExecPlugin,
		"what was signed is summed up":                       evidenceIsSummedUp,
		"what was signed is printed for programs":            evidenceIsPrintedForPrograms,
		"who gets no evidence is told why":                   whoGetsNoEvidenceIsToldWhy,
		"evidence that is not all is said to be":             evidenceThatIsNotAll,
		"hostile evidence is printable":                      hostileEvidenceIsPrintable,
	} {
		t.Run(name, func(t *testing.T) {
			w.answer(t, index(t))
			test(t, w)
		})
	}
}

func twoTeamsAsk(t *testing.T, w *queryWorld) {
	authority := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(authority, []byte(w.published(t).Data[query.AuthorityKey]), 0o600); err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(t *testing.T) []string{
		"a URL and an authority that are given": func(*testing.T) []string {
			return []string{"--assay-server", w.url, "--assay-certificate-authority", authority}
		},
		"a URL that is given and the authority that is published": func(*testing.T) []string { return []string{"--assay-server", w.url} },
		"a URL that is published": func(t *testing.T) []string {
			w.publishURL(t, w.url)
			return nil
		},
		"a forwarded port": func(t *testing.T) []string {
			w.publishURL(t, "")
			return nil
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			flags := way(t)
			code, out, errOut := w.as(t, teamA, append(flags, "affected", log4shell)...)
			if diff := cmp.Diff(hers, out); diff != "" || code != 0 || errOut != "" {
				t.Errorf("affected: exit code %d, error output %q, output (-want +got):\n%s", code, errOut, diff)
			}
			code, out, errOut = w.as(t, teamB, append(flags, "find", "pkg:maven/*/log4j-core@<2.15", "-o", "json")...)
			var answer query.Answer
			if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 || errOut != "" {
				t.Fatalf("find: exit code %d, %v, error output %q", code, err, errOut)
			}
			if len(answer.Matches) != 1 || answer.Matches[0].Namespace != teamB {
				t.Errorf("find: %+v", answer)
			}
		})
	}
}

func whatAnAnswerLacksIsSaid(t *testing.T, w *queryWorld) {
	known := index(t)
	known.Known = nil
	w.answer(t, known)
	code, out, errOut := w.as(t, teamA, "affected", log4shell, "--assay-server", w.url)
	want := `the answer is not complete; what is in these images is not wholly known (kubectl assay why tells more):
  kubectl-assay-team-a/checkout  Trusted  registry.example.com/shop/checkout@3f1c9a0b77d2
`
	if diff := cmp.Diff(want, errOut); diff != "" || code != exitUndetermined || out != hers {
		t.Errorf("exit code %d, output %q, error output (-want +got):\n%s", code, out, diff)
	}
	code, out, errOut = w.as(t, teamA, "find", "pkg:npm/left-pad", "--assay-server", w.url)
	want = "no image that you may see is known to contain a match\n" + want
	if diff := cmp.Diff(want, errOut); diff != "" || code != exitUndetermined || out != "" {
		t.Errorf("exit code %d, output %q, error output (-want +got):\n%s", code, out, diff)
	}
}

// anImageWithoutADigestIsSaid asks while a new image is still being indexed: it may have what is asked for.
func anImageWithoutADigestIsSaid(t *testing.T, w *queryWorld) {
	create(t, w.api, &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: teamA, Name: "new"},
		Spec:       v1alpha1.TrustedImageSpec{Source: v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{Repository: repository, Tag: "2"}}},
	})
	code, out, errOut := w.as(t, teamA, "affected", log4shell, "--assay-server", w.url)
	want := `the answer is not complete; what is in these images is not wholly known (kubectl assay why tells more):
  kubectl-assay-team-a/new  has no digest yet
`
	if diff := cmp.Diff(want, errOut); diff != "" || code != exitUndetermined || out != hers {
		t.Errorf("exit code %d, output %q, error output (-want +got):\n%s", code, out, diff)
	}
	code, out, _ = w.as(t, teamA, "affected", log4shell, "--assay-server", w.url, "-o", "json")
	var answer query.Answer
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != exitUndetermined {
		t.Fatalf("exit code %d, %v", code, err)
	}
	if diff := cmp.Diff([]query.Image{{Namespace: teamA, Name: "new"}}, answer.Unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}

func whoGetsNoAnswerIsToldWhy(t *testing.T, w *queryWorld) {
	for name, test := range map[string]struct {
		arguments []string
		want      string
	}{
		"a token of nobody":        {[]string{"affected", log4shell, "--token", "x", "--assay-server", w.url}, "error: ConfigMap kubectl-assay-system/assay-query, which says how to reach Assay, cannot be read: Unauthorized\n"},
		"a namespace of others":    {[]string{"affected", log4shell, "--namespace", teamB, "--assay-server", w.url}, "error: Assay refuses: you may not list TrustedImages in that namespace\n"},
		"no identifier":            {[]string{"affected", "log 4 shell", "--assay-server", w.url}, "error: Assay refuses: that is no identifier of a vulnerability, such as CVE-2021-44228\n"},
		"an unknown output":        {[]string{"affected", log4shell, "-o", "yaml"}, "error: --output \"yaml\": want table or json\n"},
		"a URL without TLS":        {[]string{"affected", log4shell, "--assay-server", strings.Replace(w.url, "https", "http", 1)}, "error: the URL of Assay's query server must be like https://assay.example.com: your token is sent there\n"},
		"somebody else":            {[]string{"affected", log4shell, "--as", "root"}, "error: Assay answers to you and not to whom you impersonate: leave out --as, --as-group and --as-uid\n"},
		"a namespace without it":   {[]string{"affected", log4shell, "--assay-namespace", teamB}, "error: ConfigMap kubectl-assay-team-b/assay-query, which says how to reach Assay, cannot be read: configmaps \"assay-query\" is forbidden: User \"system:serviceaccount:kubectl-assay-team-a:user\" cannot get resource \"configmaps\" in API group \"\" in the namespace \"kubectl-assay-team-b\"; give --assay-server\n"},
		"a file with no authority": {[]string{"affected", log4shell, "--assay-certificate-authority", "main.go"}, "error: --assay-certificate-authority: main.go holds no certificate in PEM form\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := w.as(t, teamA, test.arguments...)
			if diff := cmp.Diff(test.want, errOut); diff != "" || code != exitUndetermined || out != "" {
				t.Errorf("exit code %d, output %q, error output (-want +got):\n%s", code, out, diff)
			}
		})
	}
	t.Run("a client certificate", func(t *testing.T) {
		code, _, errOut := kubectlAssay(t, w.plane, "affected", log4shell, "--assay-server", w.url)
		if code != exitUndetermined || errOut != "error: "+errNoToken.Error()+"\n" {
			t.Errorf("exit code %d, error output %q", code, errOut)
		}
	})
}

func aTokenGoesToNobodyElse(t *testing.T, w *queryWorld) {
	var seen atomic.Int32
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	defer stranger.Close()
	code, _, errOut := w.as(t, teamA, "affected", log4shell, "--assay-server", stranger.URL)
	if code != exitUndetermined || !strings.Contains(errOut, "certificate signed by unknown authority") {
		t.Errorf("a stranger: exit code %d, error output %q", code, errOut)
	}
	w.serve(http.RedirectHandler(stranger.URL, http.StatusTemporaryRedirect))
	code, _, errOut = w.as(t, teamA, "affected", log4shell, "--assay-server", w.url)
	if code != exitUndetermined || !strings.Contains(errOut, "does not answer as Assay does: 307") {
		t.Errorf("a redirect: exit code %d, error output %q", code, errOut)
	}
	if seen.Load() != 0 {
		t.Error("a stranger was asked")
	}
}

func hostileAnswersArePrintable(t *testing.T, w *queryWorld) {
	hostile := "\x1b]0;owned\a" + strings.Repeat("y", 1000)
	for _, status := range []int{http.StatusOK, http.StatusForbidden} {
		w.serve(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			out.WriteHeader(status)
			_ = json.NewEncoder(out).Encode(map[string]any{
				"error":   hostile,
				"matches": []query.Match{{Image: query.Image{Namespace: hostile, Name: hostile, Reference: hostile}, Package: hostile}},
				"unknown": []query.Image{{Namespace: hostile, Reference: hostile}},
			})
		}))
		_, out, errOut := w.as(t, teamA, "affected", log4shell, "--assay-server", w.url)
		for _, line := range strings.Split(out+errOut, "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) || len(line) > 1000 {
				t.Errorf("status %d: %d characters: %.60q", status, len(line), line)
			}
		}
	}
}

func aTokenOfAnExecPlugin(t *testing.T, w *queryWorld) {
	config := w.tenants[teamA]
	plugin := filepath.Join(t.TempDir(), "plugin")
	script := `#!/bin/sh
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"` + config.BearerToken + `"}}'`
	if err := os.WriteFile(plugin, []byte(script), 0o700); err != nil { //nolint:gosec // A program.
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	content := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "x",
		"contexts": []any{map[string]any{"name": "x", "context": map[string]any{"cluster": "x", "user": "x"}}},
		"clusters": []any{map[string]any{"name": "x", "cluster": map[string]any{"server": config.Host, "certificate-authority-data": config.CAData}}},
		"users": []any{map[string]any{"name": "x", "user": map[string]any{"exec": map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "interactiveMode": "Never",
		}}}},
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kubeconfig, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := assay(t, "affected", log4shell, "--kubeconfig", kubeconfig, "--assay-namespace", querySystem, "--assay-server", w.url)
	if code != 0 || out != hers {
		t.Errorf("exit code %d, output %q, error output %q", code, out, errOut)
	}
}
