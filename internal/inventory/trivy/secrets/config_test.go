// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsInConfigurations(t *testing.T) {
	const (
		github = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
		aws    = "AWS_SECRET_ACCESS_KEY=aaaaBBBBccccDDDDeeeeFFFFgggg0000/+==1111"
		sas    = "https://x.blob.core.windows.net/c?sv=2024-11-04&ss=b&sig=aaaaBBBBccccDDDDeeeeFFFFgggg0000hhhh1111%3D"
	)
	s := newSearcher(t)
	for name, test := range map[string]struct {
		config string
		want   []string
	}{
		"nothing":     {`{"config":{"Env":["PATH=/usr/bin"]},"history":[{"created_by":"RUN make"}]}`, nil},
		"a variable":  {`{"config":{"Env":["PATH=/usr/bin","TOKEN=` + github + `"]}}`, []string{"github-pat: environment variable TOKEN"}},
		"AWS's form":  {`{"config":{"Env":["` + aws + `","A=b"]}}`, []string{"aws-secret-access-key: environment variable AWS_SECRET_ACCESS_KEY"}},
		"two secrets": {`{"config":{"Env":["A=` + github + `"]},"history":[{},{"created_by":"ARG T=` + github + `"}]}`, []string{"github-pat: environment variable A", "github-pat: history entry 2"}},
		"what JSON writes otherwise": {`{"config":{"Env":["URL=` + sas + `"]}}`, []string{
			"azure-sas-token: environment variable URL"}},
		"a comment in the history": {`{"history":[{"comment":"` + github + `"}]}`, []string{"github-pat: history entry 1"}},
		"a label":                  {`{"config":{"Labels":{"Env":"[","token":"` + github + `"}}}`, []string{"github-pat: configuration"}},
		"a command":                {`{"config":{"Cmd":["x","` + github + `"]}}`, []string{"github-pat: configuration"}},
		"a name that is a secret":  {`{"config":{"Env":["A=b","` + github + `=x"]}}`, []string{"github-pat: environment variable number 2"}},
		"lines that look like others": {`{"config":{"Env":["A=\n\"history\": [\n{","B=` + github + `"]}}`, []string{
			"github-pat: environment variable B"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := s.NewSearch()
			found.Config([]byte(test.config))
			var got []string
			for _, f := range found.Secrets {
				got = append(got, f.Rule+": "+f.Place)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || len(found.Unsearched) > 0 {
				t.Errorf("%s, unsearched %v", diff, found.Unsearched)
			}
		})
	}
}

func TestConfigurationsThatCannotBeSearched(t *testing.T) {
	s := newSearcher(t)
	for name, config := range map[string]string{
		"no configuration": `[]`,
		"too much":         `{"config":{"Cmd":["` + strings.Repeat(`discord facebook bitbucket intercom dropbox mailgun beamer fastly finicity `, 1000) + `"]}}`,
	} {
		found := s.NewSearch()
		found.effort = 1 << 20
		found.Config([]byte(config))
		if len(found.Unsearched) != 1 || !strings.Contains(fmt.Sprint(found.Unsearched), "configuration") {
			t.Errorf("%s: unsearched %v", name, found.Unsearched)
		}
	}
}
