// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	testregistry "github.com/assay-dev/assay/test/registry"
)

func TestCredentials(t *testing.T) {
	for scheme, option := range map[string]testregistry.Option{
		"basic": testregistry.WithBasicAuth(dev), "token": testregistry.WithTokenAuth(dev),
	} {
		r := testregistry.New(t, option)
		want, _ := push(t, r, "1.8")
		for about, test := range map[string]struct {
			credentials registry.Credentials
			refused     string
		}{
			"the right ones":                 {login(r.Host(), dev.User, dev.Password), ""},
			"the right ones in a URL":        {login("http://"+r.Host()+"/v2/", dev.User, dev.Password), ""},
			"for this path":                  {login(r.Host()+"/shop", dev.User, dev.Password), ""},
			"for this repository":            {login(r.Host()+"/"+repositoryPath, dev.User, dev.Password), ""},
			"the right ones after wrong":     {join(login(r.Host(), dev.User, "wrong"), login(r.Host(), dev.User, dev.Password)), ""},
			"for the path before the host's": {join(login(r.Host(), dev.User, "wrong"), login(r.Host()+"/shop", dev.User, dev.Password)), ""},
			"none":                           {registry.Credentials{}, "wants credentials for shop/checkout: add a pull secret"},
			"wrong ones":                     {login(r.Host(), dev.User, "wrong"), "refused the credentials for shop/checkout: correct the pull secret"},
			"for a path that begins alike":   {login(r.Host()+"/sho", dev.User, dev.Password), "wants credentials"},
			"for another port":               {login("127.0.0.1:1", dev.User, dev.Password), "wants credentials"},
			"for a wildcard":                 {login("*", dev.User, dev.Password), "wants credentials"},
		} {
			t.Run(scheme+", "+about, func(t *testing.T) {
				got, err := readerOf(t, newClient(t, r), test.credentials).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
				if test.refused == "" {
					if err != nil || got.Digest != want.Digest {
						t.Errorf("resolved %s, %v", got.Digest, err)
					}
					return
				}
				wantKind(t, err, registry.KindUnauthorized)
				if !strings.Contains(err.Error(), test.refused) {
					t.Errorf("the message is %q, want %q", err, test.refused)
				}
			})
		}
	}
}

func join(list ...registry.Credentials) registry.Credentials {
	var joined registry.Credentials
	for _, c := range list {
		joined.DockerConfigs = append(joined.DockerConfigs, c.DockerConfigs...)
	}
	return joined
}

func TestTokensAreShared(t *testing.T) {
	r := testregistry.New(t, testregistry.WithTokenAuth(dev))
	push(t, r, "1.8")
	client := newClient(t, r)
	var wait sync.WaitGroup
	for range 8 {
		reader := readerOf(t, client, login(r.Host(), dev.User, dev.Password))
		wait.Go(func() {
			if _, err := reader.Resolve(t.Context(), tagAt(t, r.Host(), "1.8")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for kind, times := range map[testregistry.Kind]int{testregistry.Ping: 1, testregistry.Token: 1, testregistry.ManifestByTag: 8} {
		if n := r.Count(testregistry.Matcher{Kind: kind}); n != times {
			t.Errorf("%d requests of kind %s, want %d", n, kind, times)
		}
	}
}

func TestATokenIsRenewedBeforeItExpires(t *testing.T) {
	r := testregistry.New(t, testregistry.WithTokenAuth(dev))
	push(t, r, "1.8")
	var elapsed atomic.Int64
	client := newClient(t, r)
	start := time.Now()
	client.options.Now = func() time.Time { return start.Add(time.Duration(elapsed.Load())) }
	reader := readerOf(t, client, login(r.Host(), dev.User, dev.Password))
	for _, passed := range []time.Duration{0, time.Minute, 6 * time.Minute} { // tokens are good for five
		elapsed.Store(int64(passed))
		if _, err := reader.Resolve(t.Context(), tagAt(t, r.Host(), "1.8")); err != nil {
			t.Fatal(err)
		}
	}
	if tokens, tags := r.Count(testregistry.Matcher{Kind: testregistry.Token}), r.Count(testregistry.Matcher{Kind: testregistry.ManifestByTag}); tokens != 2 || tags != 3 {
		t.Errorf("%d tokens for %d requests, want 2 for 3", tokens, tags)
	}
}

func TestATokenThatIsRefusedIsRenewedOnce(t *testing.T) {
	r := testregistry.New(t, testregistry.WithTokenAuth(dev))
	want, _ := push(t, r, "1.8")
	reader := readerOf(t, newClient(t, r), login(r.Host(), dev.User, dev.Password))
	on := testregistry.Matcher{Kind: testregistry.ManifestByTag}
	r.Script(testregistry.Row{On: on, From: 2, Times: 1, Fault: testregistry.Unauthorized})
	for range 2 {
		got, err := reader.Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
		if err != nil || got.Digest != want.Digest {
			t.Fatalf("resolved %s, %v", got.Digest, err)
		}
	}
	r.Script(testregistry.Row{On: on, Fault: testregistry.Unauthorized})
	r.Forget()
	_, err := reader.Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
	wantKind(t, err, registry.KindUnauthorized)
	if n := r.Count(on); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestCredentialsThatCannotBeParsed(t *testing.T) {
	for about, credentials := range map[string]registry.Credentials{
		"no JSON":                       {DockerConfigs: [][]byte{[]byte("secret-canary")}},
		"auths that are text":           {DockerConfigs: [][]byte{[]byte(`{"auths":"secret-canary"}`)}},
		"auth that is no base64":        {DockerConfigs: [][]byte{[]byte(`{"auths":{"x.example.com":{"auth":"secret-canary!"}}}`)}},
		"too large":                     {DockerConfigs: [][]byte{[]byte(`{"auths":{}}` + strings.Repeat(" ", maxDockerConfig))}},
		"too many entries":              {DockerConfigs: [][]byte{fmt.Appendf(nil, `{"auths":{%s}}`, entries(maxConfigEntries+1))}},
		"no certificates":               {CertificateAuthorities: []byte("secret-canary")},
		"ten megabytes of PEM (SEC-34)": {CertificateAuthorities: []byte(strings.Repeat("-----BEGIN CERTIFICATE-----\n", 400_000))},
	} {
		t.Run(about, func(t *testing.T) {
			_, err := newClient(t).Reader(credentials)
			wantKind(t, err, registry.KindInvalidCredentials)
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the secret is in the message: %q", err)
			}
		})
	}
}

func entries(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"%d.example.com":{"auth":"YTpi"}`, i))
	}
	return strings.Join(list, ",")
}

func TestDockerConfigs(t *testing.T) {
	hub, err := image.ParseRepository("nginx")
	must(t, err)
	other, err := image.ParseRepository("registry.example.com/shop/checkout")
	must(t, err)
	for about, test := range map[string]struct {
		config     string
		repository image.Repository
		want       []string // the users, in the order they are tried
	}{
		"Docker Hub as docker login writes it": {`{"auths":{"https://index.docker.io/v1/":{"username":"a","password":"b"}}}`, hub, []string{"a"}},
		"Docker Hub by its name":               {`{"auths":{"docker.io":{"auth":"YTpi"}}}`, hub, []string{"a"}},
		"Docker Hub by its endpoint":           {`{"auths":{"registry-1.docker.io":{"auth":"YTpi"}}}`, hub, []string{"a"}},
		"Docker Hub's for another registry":    {`{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}`, other, nil},
		"a host in capitals":                   {`{"auths":{"Registry.Example.COM":{"auth":"YTpi"}}}`, other, []string{"a"}},
		"a look-alike host":                    {`{"auths":{"registry.example.com.evil.com":{"auth":"YTpi"}}}`, other, nil},
		"a wildcard":                           {`{"auths":{"*.example.com":{"auth":"YTpi"}}}`, other, nil},
		"the longest path first":               {`{"auths":{"registry.example.com":{"auth":"YTpi"},"registry.example.com/shop":{"auth":"Yzpk"}}}`, other, []string{"c", "a"}},
		"helpers and stores, which never run":  {`{"auths":{},"credsStore":"/bin/false","credHelpers":{"registry.example.com":"evil"}}`, other, nil},
		"an entry that is null":                {`{"auths":{"registry.example.com":null}}`, other, nil},
		"an empty config":                      {`{}`, other, nil},
	} {
		t.Run(about, func(t *testing.T) {
			chain, err := newKeychain([][]byte{[]byte(test.config)})
			must(t, err)
			var got []string
			for _, l := range chain.logins(test.repository) {
				if l != nil {
					got = append(got, l.Username)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("tries %q, want %q", got, test.want)
			}
		})
	}
}

// canary is a host that must not see credentials. It remembers all that it is sent.
type canary struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newCanary(t *testing.T, answer http.HandlerFunc) *canary {
	t.Helper()
	c := &canary{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c.mu.Lock()
		c.seen = append(c.seen, fmt.Sprintf("%s %s %v", req.Method, req.URL, req.Header))
		c.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *canary) host() string { return strings.TrimPrefix(c.URL, "http://") }

func (c *canary) check(t *testing.T, wantRequests bool) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if (len(c.seen) > 0) != wantRequests {
		t.Errorf("the other host saw %d requests", len(c.seen))
	}
	for _, line := range c.seen {
		if strings.Contains(line, "Authorization") || strings.Contains(line, "canary-of-dev") || strings.Contains(line, "Referer") {
			t.Errorf("the other host saw %s", line)
		}
	}
}

// SEC-43: a registry's credentials are seen by that registry only, wherever it sends Assay.
func TestCredentialsStayWithTheirHost(t *testing.T) {
	for about, test := range map[string]struct {
		on       testregistry.Kind
		fault    testregistry.Fault
		reached  bool // the other host is asked, without credentials
		insecure bool // the other host may be spoken to at all
		answer   int
		want     registry.Kind
	}{
		"a token service elsewhere":                                   {testregistry.Ping, testregistry.ForeignRealm, false, true, 200, registry.KindUnauthorized},
		"a redirect of the handshake":                                 {testregistry.Ping, testregistry.Redirect, false, true, 401, registry.KindUnavailable},
		"a redirect of the token service":                             {testregistry.Token, testregistry.Redirect, false, true, 200, registry.KindUnavailable},
		"a redirect of the manifest":                                  {testregistry.ManifestByTag, testregistry.Redirect, true, true, 404, registry.KindNotFound},
		"a redirect of the manifest to one that asks for credentials": {testregistry.ManifestByTag, testregistry.Redirect, true, true, 401, registry.KindUnauthorized},
		"a redirect to plain HTTP that is not allowed":                {testregistry.ManifestByTag, testregistry.Redirect, false, false, 200, registry.KindUnavailable},
	} {
		t.Run(about, func(t *testing.T) {
			other := newCanary(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Basic realm="give"`)
				w.WriteHeader(test.answer)
			})
			r := testregistry.New(t, testregistry.WithTokenAuth(dev))
			push(t, r, "1.8")
			r.Script(testregistry.Row{On: testregistry.Matcher{Kind: test.on}, Fault: test.fault, Target: other.URL})
			client := newClient(t, r)
			if test.insecure {
				client.options.InsecureHosts = append(client.options.InsecureHosts, other.host())
			}
			_, err := readerOf(t, client, login(r.Host(), dev.User, dev.Password)).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
			wantKind(t, err, test.want)
			other.check(t, test.reached)
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), other.host()) {
				t.Errorf("the message holds what the registry sent: %q", err)
			}
		})
	}
}

// An anonymous look may ask for its token anywhere: there is nothing to steal.
func TestAnonymousTokensMayComeFromElsewhere(t *testing.T) {
	other := newCanary(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"access_token":"anonymous"}`)) })
	_, port, err := net.SplitHostPort(other.host())
	must(t, err)
	elsewhere := "tokens.example.com:" + port
	r := testregistry.New(t)
	want, _ := push(t, r, "1.8")
	r.Script(testregistry.Row{On: testregistry.Matcher{Kind: testregistry.Ping}, Fault: testregistry.ForeignRealm, Target: "http://" + elsewhere})
	client := clientWith(t, Options{AllowedAddresses: allowLoopback, InsecureHosts: []string{r.Host(), elsewhere}})
	client.resolver = resolver(t, netip.MustParseAddr("127.0.0.1"))
	got, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
	if err != nil || got.Digest != want.Digest {
		t.Errorf("resolved %s, %v", got.Digest, err)
	}
	other.check(t, true)
}

func TestWhoMaySeeCredentials(t *testing.T) {
	e := endpoint{host: "registry.example.com", session: &session{options: Options{TokenHosts: []string{"tokens.example.org:8443"}}}}
	for about, test := range map[string]struct {
		host, realm string
		want        bool
	}{
		"the registry itself":                     {"registry.example.com", "https://registry.example.com/token", true},
		"the registry itself with its port":       {"127.0.0.1:5000", "http://127.0.0.1:5000/token", true},
		"the same owner's domain":                 {"registry.example.com", "https://auth.example.com/token", true},
		"Docker Hub":                              {dockerHubEndpoint, "https://auth.docker.io/token", true},
		"GitLab":                                  {"registry.gitlab.com", "https://gitlab.com/jwt/auth", true},
		"the same owner's domain over plain HTTP": {"registry.example.com", "http://auth.example.com/token", false},
		"another owner":                           {"registry.example.com", "https://auth.example.net/token", false},
		"another owner under a shared suffix":     {"shop.github.io", "https://evil.github.io/token", false},
		"a domain that ends alike":                {"registry.example.com", "https://evil-example.com/token", false},
		"another port of an address":              {"127.0.0.1:5000", "https://127.0.0.1:5001/token", false},
		"another address":                         {"10.0.0.1", "https://10.0.0.2/token", false},
		"an IPv6 address":                         {"[::1]:5000", "https://[::1]:5001/token", false},
		"names without a dot":                     {"registry", "https://tokens/token", false},
		"a host that the installation trusts":     {"registry.example.com", "https://tokens.example.org:8443/token", true},
		"another port of that host":               {"registry.example.com", "https://tokens.example.org/token", false},
	} {
		t.Run(about, func(t *testing.T) {
			e.host = test.host
			realm, err := url.Parse(test.realm)
			must(t, err)
			if got := e.mayShowTo(realm); got != test.want {
				t.Errorf("mayShowTo(%s) of %s = %v", test.realm, test.host, got)
			}
		})
	}
}

func TestCertificateAuthorities(t *testing.T) {
	r := testregistry.New(t, testregistry.WithTLS())
	want, _ := push(t, r, "1.8")
	client := newClient(t)
	_, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
	wantKind(t, err, registry.KindUnavailable)
	if !strings.Contains(err.Error(), "spec.source.registry.certSecretRef") {
		t.Errorf("the message is %q", err)
	}
	reader := readerOf(t, client, registry.Credentials{CertificateAuthorities: r.CA()})
	if got, err := reader.Resolve(t.Context(), tagAt(t, r.Host(), "1.8")); err != nil || got.Digest != want.Digest {
		t.Errorf("with the authority: %s, %v", got.Digest, err)
	}
}

func TestPlainHTTPIsForListedHostsOnly(t *testing.T) {
	r := testregistry.New(t)
	push(t, r, "1.8")
	for about, insecure := range map[string][]string{
		"no host": nil, "another port": {"127.0.0.1:1"}, "the host without its port": {"127.0.0.1"},
	} {
		client := clientWith(t, Options{AllowedAddresses: allowLoopback, InsecureHosts: insecure})
		_, err := readerOf(t, client, registry.Credentials{}).Resolve(t.Context(), tagAt(t, r.Host(), "1.8"))
		wantKind(t, err, registry.KindUnavailable)
		if !strings.Contains(err.Error(), "plain HTTP") || len(r.Requests()) > 0 {
			t.Errorf("%s: %d requests, %q", about, len(r.Requests()), err)
		}
	}
}

// A blob may take long, and a refusal whose body never comes may not: the next login has its turn.
func TestARefusalWithoutAnEndDoesNotHoldUpABlob(t *testing.T) {
	content := []byte("a blob")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch user, _, _ := req.BasicAuth(); {
		case req.URL.Path == "/v2/":
			w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
			w.WriteHeader(http.StatusUnauthorized)
		case user == "one":
			w.WriteHeader(http.StatusForbidden)
			_ = http.NewResponseController(w).Flush()
			<-req.Context().Done()
		default:
			_, _ = w.Write(content)
		}
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	one, two := login(host, "one", "canary"), login(host, "two", "canary")
	reader := readerOf(t, clientWith(t, Options{AllowedAddresses: allowLoopback, InsecureHosts: []string{host}}),
		registry.Credentials{DockerConfigs: append(one.DockerConfigs, two.DockerConfigs...)})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	body, err := reader.Blob(ctx, repositoryAt(t, host), image.Descriptor{Digest: image.DigestOf(content), Size: int64(len(content))})
	must(t, err)
	defer func() { _ = body.Close() }()
	if got, err := io.ReadAll(body); err != nil || string(got) != string(content) {
		t.Errorf("read %q, %v", got, err)
	}
}
