// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// DockerHub is the canonical name of the registry that a reference without a host means.
const DockerHub = "docker.io"

// legacyDockerHub is another name of it, which container runtimes rewrite.
const legacyDockerHub = "index.docker.io"

const (
	maxHostLength = 253 // RFC 1035, written out
	maxPathLength = 255 // as the registries' own reference grammar has it
)

var (
	hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	// repositoryPath is the grammar of the OCI distribution specification 1.1, "pulling manifests".
	repositoryPath = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
)

// Repository is the canonical name of a repository: the host in lower case, docker.io and its library folder written out.
// The zero value is no repository.
type Repository struct{ host, path string }

// ParseRepository parses and canonicalises a repository without tag and digest, as container runtimes do: the part before
// the first slash is a host when it has a dot or a colon in it or is localhost. The default port is left out, so that
// host:443/x and host/x are one repository, of which the same policies speak. Everything outside the grammar is refused, such as user names, percent
// escapes, trailing dots and other alphabets. The error wraps ErrMalformed.
func ParseRepository(s string) (Repository, error) {
	if len(s) > maxReferenceLength {
		return Repository{}, fmt.Errorf("%w repository: longer than %d characters", ErrMalformed, maxReferenceLength)
	}
	host, path, found := strings.Cut(s, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = DockerHub, s
	}
	host, ok := canonicalHost(host)
	if !ok {
		return Repository{}, fmt.Errorf("%w repository %.80q: want a host name, with a port if need be, before the first slash", ErrMalformed, s)
	}
	host = WithoutDefaultPort(host)
	if host == DockerHub && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	if len(path) > maxPathLength || !repositoryPath.MatchString(path) {
		return Repository{}, fmt.Errorf("%w repository %.80q: want host/path in lower case, without tag and digest", ErrMalformed, s)
	}
	return Repository{host: host, path: path}, nil
}

// defaultPort is that of HTTPS.
const defaultPort = ":443"

// WithoutDefaultPort returns the host without a default port, when it is still a host without it. Docker Hub's name with a port is
// another registry to container runtimes.
func WithoutDefaultPort(host string) string {
	name := strings.TrimSuffix(host, defaultPort)
	if name == DockerHub || !strings.Contains(name, ".") && name != "localhost" {
		return host
	}
	return name
}

// Host returns the registry's host, with its port if it has one.
func (r Repository) Host() string { return r.host }

// Path returns the repository's path within its registry.
func (r Repository) Path() string { return r.path }

// String returns host/path, and "" for the zero value.
func (r Repository) String() string {
	if r.IsZero() {
		return ""
	}
	return r.host + "/" + r.path
}

// IsZero says that r is no repository.
func (r Repository) IsZero() bool { return r == Repository{} }

// MarshalText writes the repository as String does.
func (r Repository) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (r *Repository) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = Repository{}
		return nil
	}
	parsed, err := ParseRepository(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// canonicalHost checks a host with or without port. Only ASCII is lowered: other alphabets have letters that become ASCII.
func canonicalHost(s string) (string, bool) {
	if strings.ContainsFunc(s, func(c rune) bool { return c > unicode.MaxASCII }) {
		return "", false
	}
	name, port := strings.ToLower(s), ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, ']') {
		name, port = name[:i], name[i:]
		if n, err := strconv.ParseUint(port[1:], 10, 16); err != nil || port != ":"+strconv.FormatUint(n, 10) || n == 0 {
			return "", false
		}
	}
	if literal, found := strings.CutPrefix(name, "["); found {
		address, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		if err != nil || !strings.HasSuffix(literal, "]") || !address.Is6() || address.Zone() != "" {
			return "", false
		}
		return "[" + address.String() + "]" + port, true
	}
	if len(name) > maxHostLength || !hostName.MatchString(name) {
		return "", false
	}
	if name+port == legacyDockerHub {
		return DockerHub, true
	}
	return name + port, true
}
