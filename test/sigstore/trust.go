// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sigstore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
)

// validFrom is since when the services are said to have been there.
const validFrom = "start-time=2026-01-01T00:00:00Z"

// maxChain bounds a chain of certificates, in bytes.
const maxChain = 1 << 20

// writeTrustedRoot asks the services for their certificates and writes down what verifiers believe.
func (s *starter) writeTrustedRoot(ctx context.Context) error {
	for file, url := range map[string]string{"fulcio.pem": s.Fulcio + "/api/v1/rootCert", "tsa.pem": s.TimestampAuthority + "/certchain"} {
		chain, err := download(ctx, url)
		if err != nil {
			return err
		}
		if err := s.write(file, chain); err != nil {
			return err
		}
	}
	s.TrustedRoot = filepath.Join(s.dir, trustedRoot)
	return s.cosign(ctx, "trusted-root", "create", "--out="+trustedRoot,
		"--fulcio=url="+s.Fulcio+",certificate-chain=fulcio.pem,"+validFrom,
		"--rekor=url="+s.Rekor+",public-key="+rekorPublic+",origin="+localhost+","+validFrom,
		"--tsa=url="+s.TimestampAuthority+",certificate-chain=tsa.pem,"+validFrom)
}

// writeSigningConfig writes down which services signers use.
func (s *starter) writeSigningConfig(ctx context.Context) error {
	s.SigningConfig = filepath.Join(s.dir, signingConfig)
	const ours = ",operator=assay," + validFrom
	return s.cosign(ctx, "signing-config", "create", "--out="+signingConfig,
		"--fulcio=api-version=1,url="+s.Fulcio+ours,
		"--rekor=api-version=2,url="+s.Rekor+ours, "--rekor-config=ANY",
		"--tsa=api-version=1,url="+s.TimestampAuthority+ours, "--tsa-config=ANY",
		"--oidc-provider=api-version=1,url="+s.cluster.Issuer()+ours)
}

func (s *starter) cosign(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, filepath.Join(s.binaries, "clients", "cosign"), args...)
	command.Dir, command.Env = s.dir, []string{"HOME=" + s.dir}
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("cosign %s: %w: %s", strings.Join(args[:2], " "), err, output)
	}
	return nil
}

func download(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxChain))
}
