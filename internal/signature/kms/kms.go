// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kms signs with a key in a key management service. The service is spoken to by a program of its own, cmd/assay-kms or any other
// plugin of Sigstore (sigstore/sigstore, pkg/signature/kms/cliplugin): clients of clouds are large, and the program knows no secret
// but its own.
package kms

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"

	"github.com/assay-dev/assay/internal/signature"
)

var (
	// ErrUnreachable says that the service could not be asked; it may be asked again later.
	ErrUnreachable = errors.New("the key management service could not be reached")
	// ErrRefused says that the service, or the program that speaks to it, refused; somebody must change something.
	ErrRefused = errors.New("the key management service refused")
)

// Options say which key signs, and by what it is reached.
type Options struct {
	// Program is the absolute path of a plugin.
	Program string
	// URI of the key, such as awskms:///alias/assay. Its scheme names the service.
	URI string
	// Environment, as "NAME=value", of which the program is given what its service needs.
	Environment []string
}

// Signer implements signature.Signer with a key that never leaves its service.
type Signer struct {
	program program
	key     signature.Key
}

var _ signature.Signer = (*Signer)(nil)

// Open asks the service for the public key. Errors wrap ErrUnreachable or ErrRefused.
func Open(ctx context.Context, options Options) (*Signer, error) {
	p, err := newProgram(options)
	if err != nil {
		return nil, err
	}
	key, err := p.publicKey(ctx)
	if err != nil {
		return nil, err
	}
	if !key.SignsSHA256() {
		return nil, fmt.Errorf("%w: its key is neither ECDSA on P-256 nor RSA", ErrRefused)
	}
	return &Signer{program: p, key: key}, nil
}

// PublicKey returns the public half of a key. Errors wrap ErrUnreachable or ErrRefused.
func PublicKey(ctx context.Context, options Options) (signature.Key, error) {
	p, err := newProgram(options)
	if err != nil {
		return signature.Key{}, err
	}
	return p.publicKey(ctx)
}

// Sign implements signature.Signer, but that most services sign the same message differently each time. The service sees the message's
// hash only. A signature by another key than at the start, as after its rotation, is refused.
func (s *Signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	sum, hash := sha256.Sum256(message), crypto.SHA256
	digest := sum[:]
	answer, err := s.program.call(ctx, &common.MethodArgs{
		MethodName: common.SignMessageMethodName,
		SignMessage: &common.SignMessageArgs{SignOptions: &common.SignOptions{
			MessageOptions: common.MessageOptions{Digest: &digest, HashFunc: &hash},
		}},
	})
	if err != nil {
		return nil, err
	}
	if answer.SignMessage == nil || !s.key.Signed(message, answer.SignMessage.Signature) {
		return nil, fmt.Errorf("%w: it signed with another key than it had at the start: name a version of the key, or restart Assay", ErrRefused)
	}
	return answer.SignMessage.Signature, nil
}

// Key implements signature.Signer.
func (s *Signer) Key() signature.Key { return s.key }
