// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package equality_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/test/images"
)

// planted are secrets of several kinds; none of them was ever valid.
var planted = map[string]string{
	"github-pat":            "ghp_0123456789abcdefghijABCDEFGHIJ012345",
	"gitlab-pat":            "glpat-0123456789abcdefghij",
	"slack-access-token":    "xoxb-0123456789-abcdefghij",
	"stripe-secret-token":   "sk_live_0123456789abcdefghij",
	"npm-access-token":      `"npm_0123456789abcdefghijABCDEFGHIJ012345"`,
	"aws-access-key-id":     "AKIAQWERTYUIOPASDFGH",
	"aws-secret-access-key": "aws_secret_access_key = aaaaBBBBccccDDDDeeeeFFFFgggg0000/+==1111",
	"jwt-token":             "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkEifQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJVadQssw5c",
	"private-key":           "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh\nMIIEpAIBAAKCAQEA0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh\n-----END RSA PRIVATE KEY-----",
	"hugging-face":          "hf_0123456789abcdefghijABCDEFGHIJ012345",
	"google":                `{"type": "service_account"}`,
	"sendgrid":              "SG.0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ01234",
	"facebook":              `facebook_secret = "0123456789abcdef0123456789abcdef"`,
	"age":                   "AGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE6",
	"maven":                 "<password>correct horse battery</password>",
}

// TestSecrets compares rules, files and lines with those of `trivy image --scanners secret`.
func TestSecrets(t *testing.T) {
	w := newWorld(t, ownDatabase(t))
	filler := strings.Repeat("nothing to see here, global and linear\n", 3000)
	var files []images.File
	for name, secret := range planted {
		for _, path := range []string{"srv/%s.conf", "home/a/%s", "usr/share/doc/%s", "srv/test/%s", "srv/node_modules/x/%s.js", "srv/%s.md", "etc/%s/settings.xml"} {
			files = append(files, images.File{Path: fmt.Sprintf(path, name), Body: []byte("first\n" + secret + "\nlast\n")})
		}
		files = append(files, images.File{Path: "srv/large/" + name, Body: []byte(filler + secret + "\n" + filler + "x " + secret + " x\n")},
			images.File{Path: "srv/binary/" + name, Body: []byte("\x7fELF\x02\x01\x01\x00" + secret)},
			images.File{Path: "srv/" + name + ".pyc", Body: []byte("\xcb\x0d\x0d\x0a\x00\x00\x00\x00" + secret + "\x00\x01")})
	}
	slices.SortFunc(files, func(a, b images.File) int { return strings.Compare(a.Path, b.Path) })
	// In two images, since Assay lists a hundred and trivy all.
	for i, part := range [][]images.File{files[:len(files)/2], files[len(files)/2:]} {
		t.Run(fmt.Sprintf("part %d", i+1), func(t *testing.T) {
			w.compareSecrets(t, fmt.Sprintf("secrets-%d", i+1), images.Build(t, func() (v1.Image, error) { return withSecrets(part) }))
		})
	}
}

// withSecrets makes an image of files with secrets in its configuration as well.
func withSecrets(files []images.File) (v1.Image, error) {
	layer, err := images.Layer(files...)
	if err != nil {
		return nil, err
	}
	img, err := images.New(images.Spec{Layers: []v1.Layer{layer}})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Config.Env = []string{"PATH=/bin", "TOKEN=" + planted["github-pat"], "AWS_SECRET_ACCESS_KEY=aaaaBBBBccccDDDDeeeeFFFFgggg0000/+==1111"}
	config.Config.Labels = map[string]string{"key": planted["private-key"]}
	config.History = append(config.History, v1.History{CreatedBy: "ARG TOKEN=" + planted["gitlab-pat"], EmptyLayer: true})
	return mutate.ConfigFile(img, config)
}

func (w *world) compareSecrets(t *testing.T, name string, img v1.Image) {
	t.Helper()
	reference := w.push(t, name, img)
	parsed, err := image.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	gathered, err := w.assay.gatherer.Gather(t.Context(), gather.Request{Reference: parsed, Reader: w.assay.reader, Secrets: true})
	if err != nil {
		t.Fatal(err)
	}
	platform := gathered.Platforms[0]
	if platform.Secrets.State != evidence.Known {
		t.Fatalf("secrets are %+v", platform.Secrets)
	}
	var ours []string
	for _, s := range platform.Secrets.Value {
		place := fmt.Sprintf("/%s:%d", s.Place, s.Line)
		if s.Layer.IsZero() {
			place = "configuration"
		}
		ours = append(ours, fmt.Sprintf("%s %s %s", s.Rule, severityNames[s.Severity], place))
	}
	var report struct {
		Results []struct {
			Target  string
			Class   string
			Secrets []struct {
				RuleID, Severity string
				StartLine        int
				Layer            struct{ DiffID string }
			}
		}
	}
	w.report(t, reference, platform.Platform, &report, "--scanners", "secret")
	var theirs []string
	for _, result := range report.Results {
		for _, s := range result.Secrets {
			place := fmt.Sprintf("%s:%d", result.Target, s.StartLine)
			if s.Layer.DiffID == "" {
				place = "configuration"
			}
			theirs = append(theirs, fmt.Sprintf("%s %s %s", s.RuleID, s.Severity, place))
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if diff := cmp.Diff(slices.Compact(theirs), slices.Compact(ours)); diff != "" {
		t.Errorf("- trivy, + Assay:\n%s", diff)
	}
	if len(theirs) < 20 {
		t.Errorf("only %d secrets are compared", len(theirs))
	}
	t.Logf("%d secrets of trivy, %d of Assay", len(theirs), len(ours))
}
