// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

func TestReferrers(t *testing.T) {
	for about, options := range map[string][]testregistry.Option{
		"with the API": nil, "with the fallback tag": {testregistry.WithoutReferrers()},
	} {
		t.Run(about, func(t *testing.T) {
			r := testregistry.New(t, options...)
			document, _ := push(t, r, "1.8")
			client := newClient(t, r)
			reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
			reader := readerOf(t, client, registry.Credentials{})
			if got, err := reader.Referrers(t.Context(), reference); err != nil || len(got) != 0 {
				t.Fatalf("before: %v, %v", got, err)
			}
			first := attach(t, client, reference, document, "one")
			second := attach(t, client, reference, document, "two")
			got, err := reader.Referrers(t.Context(), reference)
			must(t, err)
			found := map[image.Digest]bool{}
			for _, d := range got {
				found[d.Digest] = true
			}
			if len(got) != 2 || !found[first] || !found[second] {
				t.Errorf("found %v, want %s and %s", got, first, second)
			}
		})
	}
}

// Whatever is no good answer and no 404 is an error: absence of signatures is only what a registry states.
func TestReferrersFaults(t *testing.T) {
	onAPI := testregistry.Matcher{Kind: testregistry.Referrers}
	onTag := testregistry.Matcher{Kind: testregistry.ManifestByTag}
	for about, test := range map[string]struct {
		row      testregistry.Row
		fallback bool
		want     registry.Kind
	}{
		"401":                                 {row: testregistry.Row{On: onAPI, Fault: testregistry.Unauthorized}, want: registry.KindUnauthorized},
		"403":                                 {row: testregistry.Row{On: onAPI, Fault: testregistry.Forbidden}, want: registry.KindUnauthorized},
		"405":                                 {row: testregistry.Row{On: onAPI, Fault: testregistry.MethodNotAllowed}, want: registry.KindUnavailable},
		"429":                                 {row: testregistry.Row{On: onAPI, Fault: testregistry.TooManyRequests}, want: registry.KindUnavailable},
		"500":                                 {row: testregistry.Row{On: onAPI, Fault: testregistry.InternalError}, want: registry.KindUnavailable},
		"503":                                 {row: testregistry.Row{On: onAPI, Fault: testregistry.Unavailable}, want: registry.KindUnavailable},
		"a broken connection":                 {row: testregistry.Row{On: onAPI, Fault: testregistry.ResetAtByte, Offset: 10}, want: registry.KindUnavailable},
		"nothing is said":                     {row: testregistry.Row{On: onAPI, Fault: testregistry.Hang}, want: registry.KindUnavailable},
		"pages without end (SEC-27)":          {row: testregistry.Row{On: onAPI, Fault: testregistry.EndlessReferrers}, want: registry.KindOverLimit},
		"a page that follows itself (SEC-27)": {row: testregistry.Row{On: onAPI, Fault: testregistry.ReferrersLoop}, want: registry.KindOverLimit},
		"a body without end (SEC-28)":         {row: testregistry.Row{On: onAPI, Fault: testregistry.EndlessManifest}, want: registry.KindOverLimit},
		"another Content-Type":                {row: testregistry.Row{On: onAPI, Fault: testregistry.WrongContentType}, want: registry.KindUnsupported},
		"a body cut short":                    {row: testregistry.Row{On: onAPI, Fault: testregistry.TruncatedBody, Offset: 10}, want: registry.KindUnsupported},
		"the fallback tag answers 401":        {row: testregistry.Row{On: onTag, Fault: testregistry.Unauthorized}, fallback: true, want: registry.KindUnauthorized},
		"the fallback tag answers 405":        {row: testregistry.Row{On: onTag, Fault: testregistry.MethodNotAllowed}, fallback: true, want: registry.KindUnavailable},
		"the fallback tag answers 500":        {row: testregistry.Row{On: onTag, Fault: testregistry.InternalError}, fallback: true, want: registry.KindUnavailable},
		"the fallback tag is ambiguous":       {row: testregistry.Row{On: onTag, Fault: testregistry.AmbiguousDocument}, fallback: true, want: registry.KindUnsupported},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			var options []testregistry.Option
			if test.fallback {
				options = append(options, testregistry.WithoutReferrers())
			}
			r := testregistry.New(t, options...)
			document, _ := push(t, r, "1.8")
			client := newClient(t, r)
			reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
			attach(t, client, reference, document, "one")
			r.Script(test.row)
			r.Forget()
			if test.row.Fault == testregistry.Hang {
				client = newClient(t, r)
				client.options.Timeout = 300 * time.Millisecond
			}
			list, err := readerOf(t, client, registry.Credentials{}).Referrers(t.Context(), reference)
			wantKind(t, err, test.want)
			if len(list) > maxReferrers || len(list) > 0 && test.want != registry.KindOverLimit {
				t.Errorf("%d referrers beside the error", len(list))
			}
			if n := len(r.Requests()); n > maxReferrerPages+1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestAFallbackTagThatIsNoList(t *testing.T) {
	r := testregistry.New(t, testregistry.WithoutReferrers())
	document, _ := push(t, r, "1.8")
	must(t, r.Put(repositoryPath, fallbackTag(document.Digest), types.OCIManifestSchema1, document.Raw))
	client := newClient(t, r)
	reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
	_, err := readerOf(t, client, registry.Credentials{}).Referrers(t.Context(), reference)
	wantKind(t, err, registry.KindUnsupported)
	_, err = attacherOf(t, client, registry.Credentials{}).Attach(t.Context(), reference.Repository, subjectOf(document), artifact("one"))
	wantKind(t, err, registry.KindUnsupported)
}

// paged serves lists of referrers, a page for each value of the query, with the given Link headers.
func paged(t *testing.T, pages map[string]string, links map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/v2/" {
			return
		}
		page := req.URL.Query().Get("page")
		if link, there := links[page]; there {
			w.Header().Set("Link", link)
		}
		w.Header().Set("Content-Type", image.MediaTypeIndex)
		_, _ = fmt.Fprintf(w, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, image.MediaTypeIndex, pages[page])
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func entry(content string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, image.MediaTypeManifest, image.DigestOf([]byte(content)))
}

func TestReferrersAreReadPageByPage(t *testing.T) {
	subject := image.DigestOf([]byte("subject"))
	path := "/v2/" + repositoryPath + "/referrers/" + subject.String()
	for about, test := range map[string]struct {
		link string
		want int // referrers; 0 is an error
	}{
		"no link":                      {"", 1},
		"a link to a path":             {`<` + path + `?page=2>; rel="next"`, 2},
		"a link to a query":            {`<?page=2>; rel=next`, 2},
		"a link elsewhere":             {`<http://169.254.169.254` + path + `?page=2>; rel="next"`, 0},
		"a link to another scheme":     {`<https://HOST` + path + `?page=2>; rel="next"`, 0},
		"a link with a user":           {`<http://a:b@HOST` + path + `?page=2>; rel="next"`, 0},
		"a link to the same host":      {`<http://HOST` + path + `?page=2>; rel="next"`, 2},
		"a link to another repository": {`<` + strings.Replace(path, "shop", "bank", 1) + `?page=2>; rel="next"`, 0},
		"a link out of the API":        {`<../../../token>; rel="next"`, 0},
		"a link that is none":          {`what`, 0},
		"two links":                    {`<?page=2>; rel="next", <?page=3>; rel="next"`, 0},
	} {
		t.Run(about, func(t *testing.T) {
			links := map[string]string{}
			host := paged(t, map[string]string{"": entry("1"), "2": entry("2") + "," + entry("1")}, links)
			if test.link != "" {
				links[""] = strings.ReplaceAll(test.link, "HOST", host)
			}
			client := clientWith(t, Options{AllowedAddresses: allowLoopback, InsecureHosts: []string{host}})
			got, err := readerOf(t, client, registry.Credentials{}).Referrers(t.Context(), image.Reference{Repository: repositoryAt(t, host), Digest: subject})
			if test.want == 0 {
				wantKind(t, err, registry.KindUnsupported)
			} else if err != nil || len(got) != test.want {
				t.Errorf("%d referrers, %v, want %d", len(got), err, test.want)
			}
		})
	}
}

// A list may stand where the registry redirects to, and so may its next page: neither is for the registry's credentials.
func TestCredentialsDoNotFollowPagesToAnotherHost(t *testing.T) {
	seen := make(chan string, 4)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen <- req.Header.Get("Authorization")
		w.Header().Set("Content-Type", image.MediaTypeIndex)
		page := entry("2")
		if req.URL.Query().Get("page") == "" {
			w.Header().Set("Link", `<?page=2>; rel="next"`)
			page = entry("1")
		}
		_, _ = fmt.Fprintf(w, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, image.MediaTypeIndex, page)
	}))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
			w.WriteHeader(http.StatusUnauthorized)
		case req.URL.Path != "/v2/":
			http.Redirect(w, req, elsewhere.URL+req.URL.Path, http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	client := clientWith(t, Options{
		AllowedAddresses: allowLoopback, InsecureHosts: []string{host, strings.TrimPrefix(elsewhere.URL, "http://")},
	})
	reference := image.Reference{Repository: repositoryAt(t, host), Digest: image.DigestOf(nil)}
	got, err := readerOf(t, client, login(host, "dev", "canary")).Referrers(t.Context(), reference)
	if err != nil || len(got) != 2 {
		t.Errorf("%d referrers, %v, want 2", len(got), err)
	}
	for range 2 {
		if authorization := <-seen; authorization != "" {
			t.Errorf("another host was shown %q", authorization)
		}
	}
}

// What is too much is an error, and what was listed before it is there: a signature among it counts (SEC-27, CVE-2023-46737).
func TestAsManyReferrersAreTakenAsTheLimitSays(t *testing.T) {
	const large = 3 << 20 // bytes
	for about, test := range map[string]struct {
		pages         []int // how many are on each
		padding, want int
		over          bool
	}{
		"as many as are taken":        {pages: []int{400, maxReferrers - 400}, want: maxReferrers},
		"one more":                    {pages: []int{400, maxReferrers - 399}, want: maxReferrers, over: true},
		"100,000 of them on one page": {pages: []int{100_000}, want: 0, over: true},
		"10,000 of them on one page":  {pages: []int{10_000}, want: maxReferrers, over: true},
		"as many pages as are taken":  {pages: slices.Repeat([]int{1}, maxReferrerPages), want: maxReferrerPages},
		"one page more":               {pages: slices.Repeat([]int{1}, maxReferrerPages+1), want: maxReferrerPages, over: true},
		"large pages":                 {pages: []int{1, 1}, padding: large, want: 2},
		"pages too large together":    {pages: []int{1, 1, 1}, padding: large, want: 2, over: true},
	} {
		t.Run(about, func(t *testing.T) {
			pages, links := map[string]string{}, map[string]string{}
			number, query := 0, ""
			for i, size := range test.pages {
				var list []string
				for range size {
					number++
					list = append(list, entry(fmt.Sprint(number)))
				}
				pages[query] = strings.Repeat(" ", test.padding) + strings.Join(list, ",")
				if i < len(test.pages)-1 {
					next := fmt.Sprint(i + 2)
					links[query], query = `<?page=`+next+`>; rel="next"`, next
				}
			}
			host := paged(t, pages, links)
			client := clientWith(t, Options{
				AllowedAddresses: allowLoopback, InsecureHosts: []string{host}, RequestsPerSecond: 10_000, Burst: 1000,
			})
			got, err := readerOf(t, client, registry.Credentials{}).Referrers(t.Context(), image.Reference{Repository: repositoryAt(t, host), Digest: image.DigestOf(nil)})
			if len(got) != test.want {
				t.Errorf("%d of %d are listed, want %d", len(got), number, test.want)
			}
			if !test.over {
				must(t, err)
			} else {
				wantKind(t, err, registry.KindOverLimit)
			}
		})
	}
}

// What one referrer's author wrote does not hide what others attached.
func TestAReferrerThatCannotBeReadHidesNoOther(t *testing.T) {
	for about, bad := range map[string]string{
		"a digest of another algorithm": strings.Replace(entry("bad"), "sha256:", "sha1:", 1),
		"a digest that would kill":      strings.Replace(entry("bad"), `"size"`, `"annotations":{"io.containerd.manifest.subject":"what"},"size"`, 1),
		"no object":                     `"what"`,
	} {
		t.Run(about, func(t *testing.T) {
			host := paged(t, map[string]string{"": entry("1") + "," + bad + "," + entry("2")}, nil)
			client := clientWith(t, Options{AllowedAddresses: allowLoopback, InsecureHosts: []string{host}})
			got, err := readerOf(t, client, registry.Credentials{}).Referrers(t.Context(), image.Reference{Repository: repositoryAt(t, host), Digest: image.DigestOf(nil)})
			wantKind(t, err, registry.KindUnsupported)
			if len(got) != 2 {
				t.Errorf("%d are listed, want 2", len(got))
			}
		})
	}
}

// A fallback tag may list as many as the API, which is more than an index of platforms may have.
func TestAFallbackTagWithManyReferrers(t *testing.T) {
	r := testregistry.New(t, testregistry.WithoutReferrers())
	document, _ := push(t, r, "1.8")
	var list []string
	for i := range maxReferrers {
		list = append(list, strings.Replace(entry(fmt.Sprint(i)), image.MediaTypeManifest, "a/b", 1))
	}
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, image.MediaTypeIndex, strings.Join(list, ","))
	must(t, r.Put(repositoryPath, fallbackTag(document.Digest), types.OCIImageIndex, []byte(index)))
	reference := image.Reference{Repository: repositoryAt(t, r.Host()), Digest: document.Digest}
	got, err := readerOf(t, newClient(t, r), registry.Credentials{}).Referrers(t.Context(), reference)
	if err != nil || len(got) != maxReferrers {
		t.Errorf("%d are listed, %v", len(got), err)
	}
}
