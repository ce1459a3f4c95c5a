// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquasecurity/trivy/pkg/fanal/secret"
	xio "github.com/aquasecurity/trivy/pkg/x/io"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

var digests = cmpopts.EquateComparable(image.Digest{})

func newSearcher(t testing.TB) *Searcher {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// search returns what is found in a file.
func search(t testing.TB, s *Searcher, file, content string) *Search {
	t.Helper()
	found := s.NewSearch()
	if err := found.File(file, int64(len(content)), func() (xio.ReadSeekCloserAt, error) {
		return xio.NopCloser(bytes.NewReader([]byte(content))), nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// trivy returns what trivy finds in a file.
func trivy(s *Searcher, file, content string) []inventory.Secret {
	var found []inventory.Secret
	for _, f := range s.scanner.Scan(secret.ScanArgs{FilePath: "/" + file, Content: strings.NewReader(content)}).Findings {
		found = append(found, inventory.Secret{Rule: f.RuleID, Severity: f.Severity, Place: file, Line: f.StartLine})
	}
	return found[:min(len(found), maxFound)]
}

// pathOf is a path at which a rule is tried.
func pathOf(rule secret.Rule) string {
	for _, path := range []string{"srv/app.conf", "root/settings.xml", "root/settings-security.xml"} {
		if rule.MatchPath("/" + path) {
			return path
		}
	}
	return "no such path"
}

func TestEveryRuleFindsWhatTrivyFinds(t *testing.T) {
	s := newSearcher(t)
	random := rand.New(rand.NewPCG(1, 2))
	silent, samples := 0, 0
	for _, rule := range s.scanner.Rules {
		matched := 0
		for range 12 {
			path := pathOf(rule)
			content := noise(random) + "\n" + sample(t, rule, random) + "\n" + noise(random)
			want := trivy(s, path, content)
			if diff := cmp.Diff(want, search(t, s, path, content).Secrets, digests); diff != "" {
				t.Errorf("%s in %q: %s", rule.ID, content, diff)
			}
			samples++
			matched += min(len(want), 1)
		}
		if matched == 0 {
			t.Logf("trivy finds no sample of %s", rule.ID)
			silent++
		}
	}
	t.Logf("%d samples of %d rules are found as trivy finds them", samples, len(s.scanner.Rules)-silent)
	if silent > 0 {
		t.Errorf("%d rules prove nothing", silent)
	}
}

// noise is text with the beginnings of secrets.
func noise(random *rand.Rand) string {
	words := strings.Fields("the key is aws lob linear global SK live_ test_ PRIVATE KEY ----- sv= sig= msg. .ey .eyJ azure pat ghs_ password = : ' \"\" \u017fecret 7f0e <master>")
	var b strings.Builder
	for range random.IntN(200) {
		b.WriteString(words[random.IntN(len(words))])
		b.WriteByte(" \n,"[random.IntN(3)])
	}
	return b.String()
}

func TestSecretsAtTheEdgesOfBlocks(t *testing.T) {
	s := newSearcher(t)
	const token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	for _, at := range []int{0, 1, blockSize - len(token), blockSize - 20, blockSize - 1, blockSize, 2*blockSize - s.suspicion.reach - 10, 2*blockSize - s.suspicion.reach + 10} {
		content := strings.Repeat("\n", at) + token + strings.Repeat("\n", blockSize)
		want := []inventory.Secret{{Rule: "github-pat", Severity: "CRITICAL", Place: "srv/token", Line: at + 1}}
		if diff := cmp.Diff(want, search(t, s, "srv/token", content).Secrets, digests); diff != "" {
			t.Errorf("at %d: %s", at, diff)
		}
	}
}

// FuzzSearch compares with trivy on any text.
func FuzzSearch(f *testing.F) {
	s := newSearcher(f)
	random := rand.New(rand.NewPCG(3, 4))
	for _, rule := range s.scanner.Rules {
		f.Add(pathOf(rule), sample(f, rule, random))
	}
	f.Fuzz(func(t *testing.T, path, content string) {
		if !s.Wants(path, int64(len(content))) || bytecode(path) {
			return
		}
		if diff := cmp.Diff(trivy(s, path, content), search(t, s, path, content).Secrets, digests); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatTrivyPassesOver(t *testing.T) {
	s := newSearcher(t)
	text := []byte("export TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ012345")
	for name, test := range map[string]struct {
		path string
		head []byte
		want bool
	}{
		"a file of a user":              {"root/.netrc", text, true},
		"what a distribution brings":    {"usr/share/doc/git/token", text, false},
		"modules of npm":                {"srv/node_modules/x/.env", text, false},
		"a test":                        {"srv/test/.env", text, false},
		"a picture":                     {"srv/logo.png", text, false},
		"a binary file":                 {"srv/program", append([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0}, text...), false},
		"bytecode, of which parts show": {"srv/app.pyc", append([]byte{0xcb, 0x0d, 0x0d, 0x0a, 0}, text...), true},
		"next to nothing":               {"root/x", []byte("ghp_"), false},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.Wants(test.path, int64(len(test.head)))
			if got {
				var err error
				if got, err = Text(test.path, test.head); err != nil {
					t.Fatal(err)
				}
			}
			if got != test.want {
				t.Errorf("it is searched: %t", got)
			}
			if !test.want {
				return
			}
			if found := search(t, s, test.path, string(test.head)).Secrets; len(found) != 1 || found[0].Rule != "github-pat" {
				t.Errorf("found %v", found)
			}
		})
	}
}

func TestSearchesEnd(t *testing.T) {
	s := newSearcher(t)
	unopened := func() (xio.ReadSeekCloserAt, error) {
		t.Error("the file is opened")
		return nil, nil
	}
	found := s.NewSearch()
	for path, size := range map[string]int64{"srv/large.sql": maxFile + 1, "srv/large.pyc": maxBytecode + 1} {
		if err := found.File(path, size, unopened); err != nil {
			t.Fatal(err)
		}
	}
	if len(found.Unsearched) != 2 || !strings.Contains(fmt.Sprint(found.Unsearched), "more than 256 MiB") {
		t.Errorf("unsearched: %v", found.Unsearched)
	}

	hostile := strings.Repeat("discord facebook bitbucket intercom dropbox mailgun ", 1000)
	found = s.NewSearch()
	found.effort = 1 << 20
	for i := range 20 {
		path := fmt.Sprintf("srv/%02d", i)
		if err := found.File(path, int64(len(hostile)), func() (xio.ReadSeekCloserAt, error) {
			return xio.NopCloser(strings.NewReader(hostile)), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	last := found.Unsearched[len(found.Unsearched)-1]
	if last.Path != "srv/19" || !strings.Contains(last.Message, "too long") {
		t.Errorf("unsearched: %v", found.Unsearched)
	}
}

func TestWhatIsFoundIsBounded(t *testing.T) {
	s := newSearcher(t)
	content := strings.Repeat("ghp_0123456789abcdefghijABCDEFGHIJ012345\n", 2*maxFound)
	if found := search(t, s, "srv/tokens", content).Secrets; len(found) != maxFound {
		t.Errorf("found %d", len(found))
	}
}

// BenchmarkSearch searches the sources of Go's packages; its yardstick is trivy's scanner on the same.
func BenchmarkSearch(b *testing.B) {
	s := newSearcher(b)
	output, err := exec.CommandContext(b.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(output)), "src", "*", "*", "*.go"))
	if err != nil {
		b.Fatal(err)
	}
	var texts []string
	size := int64(0)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		texts, size = append(texts, string(content)), size+int64(len(content))
	}
	for name, search := range map[string]func(text string){
		"assay": func(text string) { search(b, s, "srv/app.go", text) },
		"trivy": func(text string) { trivy(s, "srv/app.go", text) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				for _, text := range texts {
					search(text)
				}
			}
		})
	}
}
