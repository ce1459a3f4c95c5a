// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature/fake"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// noTrustRoot is a trust root without any log or authority: with a key, and without a log, cosign needs none, but asks for one.
const noTrustRoot = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`

// pushedImage puts an image into a registry.
func pushedImage(t *testing.T, host string) (image.Reference, image.Descriptor) {
	t.Helper()
	made, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := made.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	mediaType, err := made.MediaType()
	if err != nil {
		t.Fatal(err)
	}
	subject := image.Descriptor{MediaType: string(mediaType), Digest: image.DigestOf(raw), Size: int64(len(raw))}
	digest, err := name.NewDigest(host + "/shop/checkout@" + subject.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(digest, made, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	about, err := image.ParseReference(digest.String())
	if err != nil {
		t.Fatal(err)
	}
	return about, subject
}

// attacherFor writes to one registry on this host.
func attacherFor(t *testing.T, host string) registry.Attacher {
	t.Helper()
	client, err := oci.New(oci.Options{AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, InsecureHosts: []string{host}})
	if err != nil {
		t.Fatal(err)
	}
	attacher, err := client.Writer(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	return attacher
}

// cosign is the real command with a folder of its own and no way out but to registries on this host.
type cosign struct{ path, folder string }

func newCosign(t *testing.T) cosign {
	t.Helper()
	path, err := filepath.Abs("../../bin/clients/cosign")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: bin/clients/cosign is not built; make test builds it")
	}
	c := cosign{path: path, folder: t.TempDir()}
	c.write(t, "trusted-root.json", []byte(noTrustRoot))
	return c
}

func (c cosign) write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.folder, file), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c cosign) writeKey(t *testing.T, file string, signer *fake.Signer) {
	t.Helper()
	pkix, err := x509.MarshalPKIXPublicKey(signer.Key().Public)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}))
}

// verifyAttestation runs the command as docs/ describe it.
func (c cosign) verifyAttestation(t *testing.T, key, predicateType string, about image.Reference) (output []byte, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), c.path, "verify-attestation", "--key="+key, "--type="+predicateType,
		"--insecure-ignore-tlog=true", "--trusted-root=trusted-root.json", about.String())
	command.Dir = c.folder
	command.Env = []string{"HOME=" + c.folder, "HTTPS_PROXY=http://127.0.0.1:1"}
	return command.Output()
}

func TestTheCosignCommandVerifiesWhatIsAttested(t *testing.T) {
	c := newCosign(t)
	signer := fake.NewSigner("seal")
	c.writeKey(t, "cosign.pub", signer)
	c.writeKey(t, "another.pub", fake.NewSigner("another"))
	for registryName, r := range map[string]*testregistry.Registry{
		"with the referrers API":    testregistry.New(t),
		"without the referrers API": testregistry.New(t, testregistry.WithoutReferrers()),
	} {
		t.Run(registryName, func(t *testing.T) {
			about, subject := pushedImage(t, r.Host())
			attacher := attacherFor(t, r.Host())
			seal := sealOf(t)
			seal.Image = about
			bundles := map[string][]byte{attestation.PredicateSeal: signSeal(t, signer, seal)}
			found, describer := scan()
			for predicateType, predicate := range map[string][]byte{
				attestation.PredicateSPDX: []byte(sbom), attestation.PredicateCycloneDX: []byte(sbom),
				attestation.PredicateVulnerabilities: report(t, found, describer),
			} {
				bundle, err := attestation.Attest(t.Context(), attestation.ByKey(signer), about, predicateType, predicate)
				if err != nil {
					t.Fatal(err)
				}
				bundles[predicateType] = bundle
			}
			for predicateType, bundle := range bundles {
				if _, err := attacher.Attach(t.Context(), about.Repository, subject, attestation.Artifact(bundle, predicateType)); err != nil {
					t.Fatal(err)
				}
			}
			for flag, predicateType := range map[string]string{
				"spdxjson":                     attestation.PredicateSPDX,
				"cyclonedx":                    attestation.PredicateCycloneDX,
				"vuln":                         attestation.PredicateVulnerabilities,
				attestation.PredicateSPDX:      attestation.PredicateSPDX,
				attestation.PredicateSeal:      attestation.PredicateSeal,
				attestation.PredicateCycloneDX: attestation.PredicateCycloneDX,
			} {
				output, err := c.verifyAttestation(t, "cosign.pub", flag, about)
				if err != nil {
					t.Errorf("--type %s: %v", flag, err)
					continue
				}
				if diff := cmp.Diff(string(payload(t, bundles[predicateType])), shownStatement(t, output)); diff != "" {
					t.Errorf("--type %s shows another statement (-want +got):\n%s", flag, diff)
				}
			}
			if _, err := c.verifyAttestation(t, "another.pub", attestation.PredicateSeal, about); err == nil {
				t.Error("another key verified the seal")
			}
			if _, err := c.verifyAttestation(t, "cosign.pub", "slsaprovenance", about); err == nil {
				t.Error("a predicate that nobody attested was verified")
			}
		})
	}
}

// shownStatement is the statement in the envelope that the command prints.
func shownStatement(t *testing.T, output []byte) string {
	t.Helper()
	var envelope struct {
		Payload string `json:"payload"`
	}
	if err := json.Unmarshal([]byte(strings.TrimSpace(string(output))), &envelope); err != nil {
		t.Fatalf("%v in %s", err, output)
	}
	text, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
