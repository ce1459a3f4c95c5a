// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
)

const (
	// signedRuns is how often each side verifies; the median counts.
	signedRuns = 7
	// signedPredicate is what is attested beside the signature.
	signedPredicate = "https://example.com/reviewed/v1"
)

// signed is an image with a signature and an attestation, or an attestation alone, and how each side verifies it.
type signed struct {
	name   string
	policy checked
	// commands of cosign that verify the same, without the image.
	commands [][]string
}

// signatures measures how long it takes to verify one signature and one attestation, and who is asked for it.
func signatures(ctx context.Context, b *bench) (results []result, err error) {
	r, err := registry.Start() //nolint:contextcheck // it runs until it is closed
	if err != nil {
		return nil, err
	}
	defer r.Close()
	outside := newOutside()
	defer outside.close()
	dir := filepath.Join(b.dir, "signatures")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cosign, err := newCosign(dir, outside)
	if err != nil {
		return nil, err
	}
	for _, prepare := range []func(context.Context, *cosignCommand, string) (signed, error){signedUnderTags, signedAsBundles, signedInPublic} {
		subject, err := prepare(ctx, cosign, r.Host())
		if errors.Is(err, errNotShared) {
			continue
		}
		if err != nil {
			return nil, err
		}
		more, err := verifySigned(ctx, cosign, r, outside, subject)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", subject.name, err)
		}
		results = append(results, more...)
	}
	return results, nil
}

// verifySigned has both sides verify in turns.
func verifySigned(ctx context.Context, cosign *cosignCommand, r *registry.Registry, outside *outside, subject signed) ([]result, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	policy := filepath.Join(cosign.dir, "checked.json")
	content, err := json.Marshal(subject.policy)
	if err == nil {
		err = os.WriteFile(policy, content, 0o600)
	}
	if err != nil {
		return nil, err
	}
	ours := func() error { return cosign.command(ctx, program, verifySignedInChild, policy).Run() }
	theirs := func() error {
		for _, args := range subject.commands {
			if err := cosign.run(ctx, append(args, subject.policy.Image)...); err != nil {
				return err
			}
		}
		return nil
	}
	var times [2][]time.Duration
	var asked, elsewhere [2]int
	for range signedRuns {
		for side, verify := range []func() error{ours, theirs} {
			before, beforeOutside := len(r.Requests()), outside.asked.Load()
			began := time.Now()
			if err := verify(); err != nil {
				return nil, err
			}
			times[side] = append(times[side], time.Since(began))
			asked[side] = len(r.Requests()) - before
			elsewhere[side] += int(outside.asked.Load() - beforeOutside)
		}
	}
	return []result{
		compare("verifying "+subject.name, "s", median(times[0]).Seconds(), median(times[1]).Seconds()),
		compare("requests to the registry, "+subject.name, "requests", float64(asked[0]), float64(asked[1])),
		// Of all runs, so that none can hide one. Where cosign asks nobody either, one request is what Assay is held against.
		compare("requests to anybody else, "+subject.name, "requests", float64(elsewhere[0]), float64(max(1, elsewhere[1])), 0),
	}, nil
}

// outside is a proxy that stands for everybody but the registry, which is on this host and asked without it. It counts and refuses.
type outside struct {
	server *httptest.Server
	asked  atomic.Int64
}

func newOutside() *outside {
	o := &outside{}
	o.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		o.asked.Add(1)
		http.Error(w, "nobody is to be asked", http.StatusBadGateway)
	}))
	return o
}

func (o *outside) close() { o.server.Close() }

// cosignCommand runs the cosign command in a folder with a key.
type cosignCommand struct {
	program, dir string
	environment  []string
}

func newCosign(dir string, outside *outside) (*cosignCommand, error) {
	program, err := filepath.Abs("bin/clients/cosign")
	if err != nil {
		return nil, err
	}
	proxy := outside.server.URL
	c := &cosignCommand{program: program, dir: dir, environment: []string{
		"HOME=" + dir, "COSIGN_PASSWORD=bench", "COSIGN_YES=true", "HTTP_PROXY=" + proxy, "HTTPS_PROXY=" + proxy,
	}}
	files := map[string]string{
		"root.json": `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`, "predicate.json": `{"reviewed": true}`,
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *cosignCommand) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, args...)
	command.Dir, command.Env = c.dir, c.environment
	return command
}

func (c *cosignCommand) run(ctx context.Context, args ...string) error {
	if output, err := c.command(ctx, c.program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cosign %s: %w\n%s", args[0], err, output)
	}
	return nil
}

// sign pushes an image, signs it with a key and attests to it.
func (c *cosignCommand) sign(ctx context.Context, repository, name string, flags ...string) (signed, error) {
	if _, err := os.Stat(filepath.Join(c.dir, "cosign.key")); err != nil {
		if err := c.run(ctx, "generate-key-pair"); err != nil {
			return signed{}, err
		}
	}
	patched, err := images.PatchedDebian()
	if err != nil {
		return signed{}, err
	}
	digest, err := images.Push(ctx, repository+":1", patched)
	if err != nil {
		return signed{}, err
	}
	image := repository + "@" + digest
	key, err := os.ReadFile(filepath.Join(c.dir, "cosign.pub"))
	if err != nil {
		return signed{}, err
	}
	for _, args := range [][]string{
		{"sign", "--key=cosign.key", "--tlog-upload=false"},
		{"attest", "--key=cosign.key", "--tlog-upload=false", "--type=" + signedPredicate, "--predicate=predicate.json"},
	} {
		if err := c.run(ctx, append(append(args, flags...), image)...); err != nil {
			return signed{}, err
		}
	}
	verify := []string{"--key=cosign.pub", "--insecure-ignore-tlog=true", "--trusted-root=root.json"}
	return signed{
		name:   name,
		policy: checked{Image: image, Key: string(key), PredicateType: signedPredicate, Signature: true},
		commands: [][]string{
			append(append([]string{"verify"}, verify...), flags...),
			append(append([]string{"verify-attestation", "--type=" + signedPredicate}, verify...), flags...),
		},
	}, nil
}

func signedUnderTags(ctx context.Context, c *cosignCommand, host string) (signed, error) {
	return c.sign(ctx, host+"/shop/tags", "a signature and an attestation under tags, by a key", "--new-bundle-format="+strconv.FormatBool(false))
}

func signedAsBundles(ctx context.Context, c *cosignCommand, host string) (signed, error) {
	return c.sign(ctx, host+"/shop/bundles", "a signature and an attestation as bundles, by a key", "--new-bundle-format="+strconv.FormatBool(true))
}

var errNotShared = errors.New("shared/data is not beside the project")

// signedInPublic takes a real image with provenance in the public log.
func signedInPublic(ctx context.Context, c *cosignCommand, host string) (signed, error) {
	if shared() == "" {
		return signed{}, errNotShared
	}
	folder := filepath.Join(sharedFolder, "slsa", "v2.0.0", "container_workflow_dispatch")
	digest, err := images.PushSaved(ctx, host+"/shop/public:1", folder)
	if err != nil {
		return signed{}, err
	}
	if err := c.believe(filepath.Join(sharedFolder, "sigstore-public", "trusted_root.json")); err != nil {
		return signed{}, err
	}
	const (
		issuer   = "https://token.actions.githubusercontent.com"
		workflow = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.0.0"
	)
	return signed{
		name:   "a provenance in the public log, keyless",
		policy: checked{Image: host + "/shop/public@" + digest, Issuer: issuer, Subject: workflow, PredicateType: "https://slsa.dev/provenance/v0.2"},
		commands: [][]string{{
			"verify-attestation", "--type=slsaprovenance", "--offline=true", "--new-bundle-format=false",
			"--certificate-identity=" + workflow, "--certificate-oidc-issuer=" + issuer,
		}},
	}, nil
}

// believe gives cosign the public trust root in the form that it takes for what stands under tags: a file for each kind of key.
func (c *cosignCommand) believe(trustedRoot string) error {
	content, err := os.ReadFile(trustedRoot)
	if err != nil {
		return err
	}
	type key struct {
		PublicKey struct {
			RawBytes []byte `json:"rawBytes"`
		} `json:"publicKey"`
	}
	var root struct {
		Logs         []key `json:"tlogs"`
		Certificates []key `json:"ctlogs"`
		Authorities  []struct {
			Chain struct {
				Certificates []struct {
					RawBytes []byte `json:"rawBytes"`
				} `json:"certificates"`
			} `json:"certChain"`
		} `json:"certificateAuthorities"`
	}
	if err := json.Unmarshal(content, &root); err != nil {
		return err
	}
	var chain []byte
	for _, authority := range root.Authorities {
		for _, certificate := range authority.Chain.Certificates {
			chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.RawBytes})...)
		}
	}
	newest := func(keys []key) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: keys[len(keys)-1].PublicKey.RawBytes})
	}
	files := map[string][]byte{
		"SIGSTORE_ROOT_FILE": chain, "SIGSTORE_REKOR_PUBLIC_KEY": newest(root.Logs[:1]), "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": newest(root.Certificates),
	}
	for variable, content := range files {
		path := filepath.Join(c.dir, variable+".pem")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		c.environment = append(c.environment, variable+"="+path)
	}
	return nil
}
