// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"encoding/json"
	"fmt"
)

// MaxConfigSize bounds an image's configuration, in bytes.
const MaxConfigSize = 4 << 20

const (
	maxLabels     = 512
	maxUserLength = 256
)

// ParseConfig parses an image's configuration: Docker's or OCI's, which agree in what is read here. It refuses members that
// occur twice or in another case, as ParseDocument does. The error wraps ErrMalformed or ErrOverLimit.
func ParseConfig(raw []byte) (Config, error) {
	if len(raw) > MaxConfigSize {
		return Config{}, fmt.Errorf("%w: the configuration has more than %d bytes", ErrOverLimit, MaxConfigSize)
	}
	config, err := parseConfig(raw)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return config, nil
}

func parseConfig(raw []byte) (Config, error) {
	fields, err := members(raw, "os", "architecture", "variant", "config", "rootfs")
	if err != nil {
		return Config{}, err
	}
	var c Config
	if c.Platform, err = platformOf(fields); err != nil {
		return Config{}, err
	}
	if c.User, c.Labels, err = parseExecution(fields["config"]); err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	if c.DiffIDs, err = parseRootFS(fields["rootfs"]); err != nil {
		return Config{}, fmt.Errorf("rootfs: %w", err)
	}
	return c, nil
}

// parseExecution reads how the image runs.
func parseExecution(raw json.RawMessage) (user string, labels map[string]string, err error) {
	if isNull(raw) {
		return "", nil, nil
	}
	fields, err := members(raw, "User", "Labels")
	if err != nil {
		return "", nil, err
	}
	if user, err = text(fields["User"]); err != nil {
		return "", nil, fmt.Errorf("the member User: %w", err)
	}
	if len(user) > maxUserLength {
		return "", nil, fmt.Errorf("%w: User is longer than %d characters", ErrOverLimit, maxUserLength)
	}
	if labels, err = texts(fields["Labels"], maxLabels); err != nil {
		return "", nil, fmt.Errorf("the member Labels: %w", err)
	}
	return user, labels, nil
}

func parseRootFS(raw json.RawMessage) ([]Digest, error) {
	if isNull(raw) {
		return nil, nil
	}
	fields, err := members(raw, "type", "diff_ids")
	if err != nil {
		return nil, err
	}
	list, err := elements(fields["diff_ids"], MaxLayers)
	if err != nil {
		return nil, fmt.Errorf("diff_ids: %w", err)
	}
	var digests []Digest
	for _, element := range list {
		s, err := text(element)
		if err != nil {
			return nil, fmt.Errorf("diff_ids: %w", err)
		}
		digest, err := ParseDigest(s)
		if err != nil {
			return nil, fmt.Errorf("diff_ids: %w", err)
		}
		digests = append(digests, digest)
	}
	return digests, nil
}
