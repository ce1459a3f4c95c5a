// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

const (
	maxDockerConfig  = 1 << 20
	maxConfigEntries = 256
)

// keychain is what a set of Docker configs says, in the order it is tried.
type keychain []credential

// credential is one login, for a host or for the repositories under a path of it.
type credential struct {
	host, path string
	login      *authn.AuthConfig
}

// newKeychain reads Docker config files. Only auths counts: credential helpers and stores are programs of somebody's machine
// and never run. The error is KindInvalidCredentials and says nothing of the content.
func newKeychain(configs [][]byte) (keychain, error) {
	var chain keychain
	for _, raw := range configs {
		var config struct {
			Auths map[string]*authn.AuthConfig `json:"auths"`
		}
		if len(raw) > maxDockerConfig || json.Unmarshal(raw, &config) != nil || len(config.Auths) > maxConfigEntries {
			return nil, registry.NewError(registry.KindInvalidCredentials, nil,
				"a pull secret is no Docker config of at most %d registries: make it with kubectl create secret docker-registry", maxConfigEntries)
		}
		for _, key := range slices.Sorted(maps.Keys(config.Auths)) {
			if login := config.Auths[key]; login != nil {
				host, path := splitKey(key)
				chain = append(chain, credential{host: host, path: path, login: login})
			}
		}
	}
	slices.SortStableFunc(chain, func(a, b credential) int { return cmp.Compare(len(b.path), len(a.path)) })
	return chain, nil
}

// splitKey reads a key of auths: a host, or a URL as docker login writes it for Docker Hub (https://index.docker.io/v1/),
// or a host with a path, as Kubernetes takes it.
func splitKey(key string) (host, path string) {
	for _, scheme := range []string{"https://", "http://"} {
		key = strings.TrimPrefix(key, scheme)
	}
	host, path, _ = strings.Cut(key, "/")
	path = strings.Trim(path, "/")
	if path == "v1" || path == "v2" {
		path = ""
	}
	switch host = strings.ToLower(host); host {
	case "index.docker.io", dockerHubEndpoint:
		host = image.DockerHub
	}
	return host, path
}

// logins are those for a repository, those for the longest path first; a nil one, for nobody, when there are none. A host
// matches exactly, with its port: there are no wildcards.
func (k keychain) logins(repository image.Repository) []*authn.AuthConfig {
	var result []*authn.AuthConfig
	for _, c := range k {
		if c.host == repository.Host() && (c.path == "" || c.path == repository.Path() || strings.HasPrefix(repository.Path(), c.path+"/")) {
			result = append(result, c.login)
		}
	}
	if result == nil {
		return []*authn.AuthConfig{nil}
	}
	return result
}
