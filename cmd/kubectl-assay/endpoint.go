// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/query"
)

const (
	// askTimeout bounds a question. Assay itself gives up earlier.
	askTimeout = 30 * time.Second
	// maxAnswer bounds an answer in bytes. Those of Assay are smaller.
	maxAnswer = 8 << 20
	// maxMessage bounds what is shown of a refusal, in characters.
	maxMessage = 512
)

// endpoint is Assay's query server and the way to it. Its certificate is always verified: it gets the user's token.
type endpoint struct {
	url   *url.URL
	token string
	// authorities of its certificate, and the name in it; the system's and that of the URL when they are not set.
	authorities *x509.CertPool
	name        string
	// unread is why Assay's own authorities are not known, if they are not.
	unread error
	// dial connects to it when the URL's host is not to be dialled.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// reach finds the user's token, and the way to the server: at a URL that the flags or the ConfigMap give, or through the API server.
func (a asking) reach(ctx context.Context) (*endpoint, error) {
	config, err := a.kube.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	var e endpoint
	if e.token, err = ownToken(ctx, config); err != nil {
		return nil, err
	}
	if e.authorities, err = a.authorities(); err != nil {
		return nil, err
	}
	address := a.server
	if address == "" || e.authorities == nil {
		if address, err = a.discover(ctx, config, &e); err != nil {
			return nil, err
		}
	}
	if address == "" {
		if e.authorities == nil {
			return nil, fmt.Errorf("ConfigMap %s/%s has no certificate authority; is assay-controller running?", a.namespace, query.ConfigMapName)
		}
		e.name = query.ServerName(a.namespace)
		e.url = &url.URL{Scheme: "https", Host: e.name}
		e.dial = tunnel{config: config, namespace: a.namespace}.dial
		return &e, nil
	}
	e.url, err = parseServer(address)
	return &e, err
}

// discover asks the ConfigMap for what the flags do not give: the authorities, and the URL, which is empty when there is none.
func (a asking) discover(ctx context.Context, config *rest.Config, e *endpoint) (address string, err error) {
	published, err := a.published(ctx, config)
	switch {
	case apierrors.IsUnauthorized(err):
		return "", err
	case err != nil && a.server == "":
		return "", fmt.Errorf("%w; give --assay-server", err)
	case err != nil: // The system's authorities count.
		e.unread = err
		return a.server, nil //nolint:nilerr // The error is told when the certificate is not believed.
	}
	if e.authorities == nil && published[query.AuthorityKey] != "" {
		e.authorities = withSystem([]byte(published[query.AuthorityKey]))
	}
	if a.server != "" {
		return a.server, nil
	}
	return published[query.ServerKey], nil
}

func parseServer(address string) (*url.URL, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" {
		return nil, errors.New("the URL of Assay's query server must be like https://assay.example.com: your token is sent there")
	}
	return parsed, nil
}

// authorities are those that the flags give; nil when they give none.
func (a asking) authorities() (*x509.CertPool, error) {
	if a.authority == "" {
		return nil, nil //nolint:nilnil // That there are none is a choice.
	}
	content, err := os.ReadFile(a.authority)
	if err != nil {
		return nil, fmt.Errorf("--assay-certificate-authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("--assay-certificate-authority: %s holds no certificate in PEM form", a.authority)
	}
	return pool, nil
}

// withSystem adds Assay's own authorities to those of the system.
func withSystem(pem []byte) *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(pem)
	return pool
}

// published is what the ConfigMap says.
func (a asking) published(ctx context.Context, config *rest.Config) (map[string]string, error) {
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	object, err := core.ConfigMaps(a.namespace).Get(ctx, query.ConfigMapName, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s/%s, which says how to reach Assay, cannot be read: %w", a.namespace, query.ConfigMapName, err)
	}
	return object.Data, nil
}

// ask asks the server as the owner of the token. An empty namespace means all of hers.
func (e *endpoint) ask(ctx context.Context, q question, subject, namespace string) (*query.Answer, error) {
	values := url.Values{q.parameter: {subject}}
	if namespace != "" {
		values.Set(query.NamespaceParameter, namespace)
	}
	var answer query.Answer
	return &answer, e.get(ctx, q.path, values, func(body io.Reader) error {
		content, err := io.ReadAll(io.LimitReader(body, maxAnswer))
		if err != nil {
			return e.unanswered(err)
		}
		if err := json.Unmarshal(content, &answer); err != nil {
			return fmt.Errorf("%s does not answer as Assay does: %w", e.url.Host, err)
		}
		return nil
	})
}

// get asks at the path, and has the answer read.
func (e *endpoint) get(ctx context.Context, path string, values url.Values, read func(body io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked := e.url.JoinPath(path)
	asked.RawQuery = values.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, asked.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+e.token)
	response, err := e.client().Do(request)
	if err != nil {
		return e.unanswered(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return e.refusal(response)
	}
	return read(response.Body)
}

// unanswered says why there is no answer, without repeating the question.
func (e *endpoint) unanswered(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) && e.unread != nil {
		err = fmt.Errorf("%w; %w", err, e.unread)
	}
	return fmt.Errorf("ask Assay at %s: %w", e.url.Host, err)
}

// refusal is what an answer that is none says.
func (e *endpoint) refusal(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return e.unanswered(err)
	}
	var refusal query.Refusal
	if err := json.Unmarshal(body, &refusal); err != nil || refusal.Error == "" {
		return fmt.Errorf("%s does not answer as Assay does: %s", e.url.Host, response.Status)
	}
	return fmt.Errorf("Assay refuses: %s", evidence.Printable(refusal.Error, maxMessage)) //nolint:staticcheck // A name.
}

// client sends the token nowhere but to the server.
func (e *endpoint) client() *http.Client {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: e.authorities, ServerName: e.name, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
		DialContext:       e.dial,
	}
	if e.dial == nil {
		transport.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
