// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
	"github.com/assay-dev/assay/internal/signature/publicgood"
	"github.com/assay-dev/assay/test/shareddata"
)

// Who signed where a case does not say otherwise (sigstore-conformance, assets/bundle-verify/README.md).
const (
	conformanceIdentity = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
	conformanceIssuer   = "https://token.actions.githubusercontent.com"
)

// conformanceCases is how many cases there are: 21 that verify, and 49 that must not.
const conformanceCases, conformanceVerified = 70, 21

// TestSigstoreConformance runs every case of sigstore-conformance. It fails when any is missing or skipped. SEC-25: among the cases are
// those of CVE-2026-54787, timestamps outside of what their signer's window allows, and CVE-2026-49834, entries that several claim.
func TestSigstoreConformance(t *testing.T) {
	folder := shareddata.Require(t, "sigstore-conformance/assets/bundle-verify")
	cases, err := filepath.Glob(filepath.Join(folder, "*", "bundle.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	var passed, failed, verified int
	for _, bundle := range cases {
		dir := filepath.Dir(bundle)
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			err := checkConformanceCase(t, dir)
			t.Logf("answer: %v", err)
			if err == nil {
				verified++
			}
			if wantError := strings.HasSuffix(name, "_fail"); wantError != (err != nil) || errors.Is(err, entity.ErrPanicked) {
				failed++
				t.Errorf("want an error: %v, got: %v", wantError, err)
				return
			}
			passed++
		})
	}
	t.Logf("sigstore-conformance: %d passed, %d failed, %d skipped", passed, failed, conformanceCases-passed-failed)
	if passed != conformanceCases || verified != conformanceVerified {
		t.Errorf("want all of %d cases to pass, and %d to verify; %d did", conformanceCases, conformanceVerified, verified)
	}
}

// checkConformanceCase verifies a case as the verify-bundle command of the protocol does: an entry in the log is demanded.
func checkConformanceCase(t *testing.T, dir string) error {
	t.Helper()
	trusted := caseFile(t, dir, "trusted_root.json")
	if trusted == nil {
		trusted = publicgood.Root()
	}
	anchor := signature.Anchor{Root: trusted, Logged: true}
	keyText := caseFile(t, dir, "key.pub")
	if keyText != nil {
		key, err := signature.ParseKey(keyText)
		if err != nil {
			return err
		}
		anchor.Key = &key
	}
	checker, err := entity.NewChecker(anchor)
	if err != nil {
		return err
	}
	signed, err := entity.FromBundle(caseFile(t, dir, "bundle.sigstore.json"))
	if err != nil {
		return err
	}
	artifact := caseFile(t, dir, "artifact")
	if artifact == nil {
		artifact = caseFile(t, filepath.Dir(dir), "a.txt")
	}
	signers, err := checker.CheckArtifact(signed, artifact)
	if err != nil {
		return err
	}
	return isConformanceSigner(t, dir, signers, keyText != nil)
}

func isConformanceSigner(t *testing.T, dir string, signers []evidence.Signer, byKey bool) error {
	t.Helper()
	if len(signers) != 1 {
		t.Fatalf("%d signers", len(signers))
	}
	if signer := signers[0]; byKey {
		if signer.Key == "" || signer.Certificate != nil {
			return errors.New("not signed by a key")
		}
		return nil
	}
	identity, issuer := conformanceIdentity, conformanceIssuer
	if other := caseFile(t, dir, "identity"); other != nil {
		identity = strings.TrimSpace(string(other))
	}
	if other := caseFile(t, dir, "issuer"); other != nil {
		issuer = strings.TrimSpace(string(other))
	}
	if says := signers[0].Certificate; says == nil || says.Subject != identity || says.Issuer != issuer {
		return errors.New("signed by another identity")
	}
	return nil
}

// caseFile reads a file of a case; nil for none.
func caseFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return content
}
