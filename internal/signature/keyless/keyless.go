// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keyless signs with keys that live for minutes. Fulcio certifies each for who Assay is by an identity token, such as the one that
// Kubernetes gives its service account; a timestamp authority says when a signature was made, and Rekor (v2) logs it.
package keyless

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"
	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
)

// payloadType of an in-toto statement in a DSSE envelope.
const payloadType = "application/vnd.in-toto+json"

// timeout bounds the making of one bundle, with all that is asked for it.
const timeout = time.Minute

var (
	// ErrUnreachable says that a service could not be asked; it may be asked again later.
	ErrUnreachable = errors.New("a service of Sigstore could not be reached")
	// ErrRefused says that a service refused, or gave what does not verify; somebody must change something.
	ErrRefused = errors.New("keyless signing was refused")
)

// Options say as whom Assay signs, and with which services.
type Options struct {
	// SigningConfig is a signing_config.json and TrustedRoot a trusted_root.json (sigstore/protobuf-specs). The first names a Fulcio, a
	// Rekor v2 and a timestamp authority, the second has what bundles verify against.
	SigningConfig, TrustedRoot []byte
	// TokenFile has the identity token. It is read for each certificate, since whoever wrote it renews it.
	TokenFile string
	// Subject and Issuer are who the certificates must say that Assay is. What the token says of itself is not asked.
	Subject, Issuer string
	// Clock is the time.
	Clock clock.PassiveClock
}

// Signer implements signature.BundleSigner.
type Signer struct {
	options  Options
	services *root.SigningConfig
	trusted  *root.TrustedRoot
	identity identity
}

var _ signature.BundleSigner = (*Signer)(nil)

// Open reads the files, and asks nobody yet. Errors wrap ErrRefused.
func Open(options Options) (*Signer, error) {
	services, err := root.NewSigningConfigFromJSON(options.SigningConfig)
	if err != nil {
		return nil, fmt.Errorf("%w: the signing configuration is not a signing_config.json", ErrRefused)
	}
	trusted, err := root.NewTrustedRootFromJSON(options.TrustedRoot)
	if err != nil {
		return nil, fmt.Errorf("%w: the trust root is not a trusted_root.json", ErrRefused)
	}
	if options.Subject == "" || options.Issuer == "" {
		return nil, fmt.Errorf("%w: the subject and the issuer of Assay's certificates are not set", ErrRefused)
	}
	s := &Signer{options: options, services: services, trusted: trusted}
	_, err = s.selected()
	return s, err
}

// Anchor implements signature.BundleSigner.
func (s *Signer) Anchor() signature.Anchor {
	return signature.Anchor{Root: s.options.TrustedRoot, Logged: true, Timed: true}
}

// Own implements signature.BundleSigner.
func (s *Signer) Own(signer evidence.Signer) bool {
	return signer.Certificate != nil && signer.Certificate.Subject == s.options.Subject && signer.Certificate.Issuer == s.options.Issuer
}

// Bundle implements signature.BundleSigner. It verifies what it made. Errors wrap ErrUnreachable or ErrRefused.
func (s *Signer) Bundle(ctx context.Context, statement []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	services, err := s.selected()
	if err != nil {
		return nil, err
	}
	transport := guarded(ctx)
	certified, err := s.certified(ctx, services.fulcio, transport)
	if err != nil {
		return nil, explain(err)
	}
	options := sign.BundleOptions{Context: ctx, CertificateProvider: certified, TrustedRoot: s.trusted}
	for _, url := range services.timestamps {
		options.TimestampAuthorities = append(options.TimestampAuthorities,
			sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: url, Transport: transport}))
	}
	for _, url := range services.logs {
		options.TransparencyLogs = append(options.TransparencyLogs,
			sign.NewRekor(&sign.RekorOptions{BaseURL: url, Version: rekorVersion, ClientV2: log{url, transport}}))
	}
	made, err := sign.Bundle(&sign.DSSEData{Data: statement, PayloadType: payloadType}, certified.key, options)
	if err != nil {
		s.identity.forget(certified)
		return nil, explain(err)
	}
	content, err := protojson.Marshal(made)
	if err != nil {
		return nil, explain(err)
	}
	var compact bytes.Buffer // protojson sets white space at random
	if err := json.Compact(&compact, content); err != nil {
		return nil, explain(err)
	}
	return compact.Bytes(), nil
}

// rekorVersion is the API of the logs that are written to.
const rekorVersion = 2

// services are the URLs of those that are valid now.
type services struct {
	fulcio           string
	timestamps, logs []string
}

func (s *Signer) selected() (services, error) {
	now := s.options.Clock.Now()
	var chosen services
	fulcio, err := root.SelectService(s.services.FulcioCertificateAuthorityURLs(), sign.FulcioAPIVersions, now)
	if err != nil {
		return chosen, fmt.Errorf("%w: the signing configuration names no Fulcio of version 1 that is valid now", ErrRefused)
	}
	chosen.fulcio = fulcio.URL
	timestamps, err := root.SelectServices(s.services.TimestampAuthorityURLs(), s.services.TimestampAuthorityURLsConfig(), sign.TimestampAuthorityAPIVersions, now)
	if err != nil {
		return chosen, fmt.Errorf("%w: the signing configuration names no timestamp authority that is valid now", ErrRefused)
	}
	logs, err := root.SelectServices(s.services.RekorLogURLs(), s.services.RekorLogURLsConfig(), []uint32{rekorVersion}, now)
	if err != nil {
		return chosen, fmt.Errorf("%w: the signing configuration names no Rekor of version 2 that is valid now", ErrRefused)
	}
	for _, service := range timestamps {
		chosen.timestamps = append(chosen.timestamps, service.URL)
	}
	for _, service := range logs {
		chosen.logs = append(chosen.logs, service.URL)
	}
	return chosen, nil
}
