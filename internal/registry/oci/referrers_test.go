// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
			if len(list) != 0 {
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

func TestSixtyFourReferrersAreTaken(t *testing.T) {
	for n, want := range map[int]int{64: 64, 65: 0} {
		pages, links := map[string]string{}, map[string]string{}
		var list []string
		for i := range n {
			list = append(list, entry(fmt.Sprint(i)))
		}
		pages[""], links[""] = strings.Join(list[:40], ","), `<?page=2>; rel="next"`
		pages["2"] = strings.Join(list[40:], ",")
		host := paged(t, pages, links)
		client := clientWith(t, Options{AllowedAddresses: allowLoopback, InsecureHosts: []string{host}})
		got, err := readerOf(t, client, registry.Credentials{}).Referrers(t.Context(), image.Reference{Repository: repositoryAt(t, host), Digest: image.DigestOf(nil)})
		if len(got) != want {
			t.Errorf("%d of %d are listed, want %d", len(got), n, want)
		}
		if want == 0 {
			wantKind(t, err, registry.KindOverLimit)
		}
	}
}
