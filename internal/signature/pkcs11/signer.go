// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build pkcs11

package pkcs11

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/assay-dev/assay/internal/signature"
)

// Signer implements signature.Signer with a key that never leaves its token.
type Signer struct {
	token *token
	key   signature.Key
	// turn is held by the one who speaks to the token.
	turn chan struct{}
}

var _ signature.Signer = (*Signer)(nil)

// Open logs in to the token and finds the key that the URI names. Errors wrap ErrUnreachable or ErrRefused.
func Open(ctx context.Context, uri string) (signature.Signer, error) {
	at, err := parse(uri)
	if err != nil {
		return nil, err
	}
	s := &Signer{token: &token{at: at}, turn: make(chan struct{}, 1)}
	err = s.inTurn(ctx, func() error {
		if err := s.token.open(); err != nil {
			return err
		}
		s.key, err = s.token.publicKey()
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Key implements signature.Signer.
func (s *Signer) Key() signature.Key { return s.key }

// Sign implements signature.Signer, but that tokens sign the same message differently each time with ECDSA. The token sees the message's
// hash only. A session that was lost is opened again once.
func (s *Signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	var sig []byte
	err := s.inTurn(ctx, func() (err error) {
		sig, err = s.signOnce(digest[:])
		if !isLost(err) {
			return err
		}
		if err := s.token.open(); err != nil {
			return err
		}
		sig, err = s.signOnce(digest[:])
		return err
	})
	if err != nil {
		return nil, explain(err)
	}
	if !s.key.Signed(message, sig) {
		return nil, fmt.Errorf("%w: it signed with another key than it had at the start: restart Assay", ErrRefused)
	}
	return sig, nil
}

// digestInfo precedes a SHA-256 in a signature of RSA PKCS #1 v1.5 (RFC 8017, section 9.2, note 1).
var digestInfo = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

func (s *Signer) signOnce(digest []byte) ([]byte, error) {
	if _, isRSA := s.key.Public.(*rsa.PublicKey); isRSA {
		return s.token.sign(pkcs11.CKM_RSA_PKCS, slices.Concat(digestInfo, digest))
	}
	raw, err := s.token.sign(pkcs11.CKM_ECDSA, digest)
	if err != nil {
		return nil, err
	}
	half := len(raw) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
}

// inTurn calls the token's library while nobody else does. A library that hangs cannot be ended; then nobody waits for it beyond the context.
func (s *Signer) inTurn(ctx context.Context, call func() error) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: it does not answer", ErrUnreachable)
	}
	done := make(chan error, 1)
	go func() {
		err := call()
		<-s.turn
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: it does not answer", ErrUnreachable)
	}
}

// explain puts the library's error into words.
func explain(err error) error {
	var code pkcs11.Error
	switch {
	case !errors.As(err, &code):
		return err
	case isLost(err):
		return fmt.Errorf("%w: %s", ErrUnreachable, name(code))
	}
	return fmt.Errorf("%w: %s", ErrRefused, name(code))
}

// name is the name of the code in the standard, such as CKR_PIN_LOCKED.
func name(code pkcs11.Error) string {
	text := []byte(code.Error())
	if i := bytes.LastIndex(text, []byte("CKR_")); i >= 0 {
		text = text[i:]
	}
	return string(text)
}

// isLost says that the session, or the way to the token, is no more, and may come back.
func isLost(err error) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && slices.Contains([]uint{
		pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_KEY_HANDLE_INVALID,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
		pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_GENERAL_ERROR,
	}, uint(code))
}
