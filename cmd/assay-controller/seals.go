// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/controllers/trustedimage"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/chronicle"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// sealsOf makes what makes an entry trust, and what keeps first-seen times: Assay's key, the store, and what writes to registries
// with Assay's own credentials.
func sealsOf(ctx context.Context, uncached client.Client, parts *assembly.Parts, o options) (*trustedimage.Seals, times, error) {
	signer, retired, err := sealKey(ctx, uncached, o.namespace)
	if err != nil {
		return nil, times{}, err
	}
	debug.FreeOSMemory() // The key's encryption (scrypt) takes 64 MiB on purpose, more than all else does at rest.
	credentials, err := readRegistryConfig(o.registryConfig)
	if err != nil {
		return nil, times{}, err
	}
	writer, err := parts.Registries.Writer(credentials)
	if err != nil {
		return nil, times{}, fmt.Errorf("--registry-config: %w", err)
	}
	seals := &trustedimage.Seals{Signer: signer, Retired: retired, Store: parts.Store, Ledger: parts.Store, Attacher: writer, Version: version}
	if seals.Bundles, seals.Believed, err = o.signing.open(ctx, uncached, o.namespace, signer); err != nil {
		return nil, times{}, err
	}
	if o.attach == attachTags {
		if err := attachInTags(seals, writer); err != nil {
			return nil, times{}, err
		}
	}
	kept := times{copies: &chronicle.Copies{Chronicle: parts.Chronicle, Signer: signer, Retired: retired}, putter: writer}
	if o.evidenceRepository == "" {
		return seals, kept, nil
	}
	repository, err := image.ParseRepository(o.evidenceRepository)
	if err != nil {
		return nil, times{}, fmt.Errorf("--evidence-repository: %w", err)
	}
	reader, err := parts.Registries.Reader(credentials)
	if err != nil {
		return nil, times{}, fmt.Errorf("--registry-config: %w", err)
	}
	seals.Attacher, seals.Repository, seals.Reader = registry.AttachIn(repository, writer), repository, reader
	kept.copies.Repository, kept.reader = repository, reader
	return seals, kept, nil
}

// attachInTags has everything attached in tag-based form, which takes a signer with a key of its own.
func attachInTags(seals *trustedimage.Seals, lists registry.Appender) error {
	if seals.Bundles != nil {
		if _, hasKey := attestation.KeyOf(seals.Bundles); !hasKey {
			return fmt.Errorf("--attach=%s takes a signer with a key: what a keyless one signs is attached as bundles only", attachTags)
		}
	}
	seals.Lists = lists
	return nil
}

// readRegistryConfig reads the credentials that Assay pushes with; without any it pushes anonymously.
func readRegistryConfig(path string) (registry.Credentials, error) {
	if path == "" {
		return registry.Credentials{}, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return registry.Credentials{}, fmt.Errorf("--registry-config: %w", err)
	}
	return registry.Credentials{DockerConfigs: [][]byte{content}}, nil
}
