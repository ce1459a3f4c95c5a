// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build pkcs11

package pkcs11

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/miekg/pkcs11"

	"github.com/assay-dev/assay/internal/signature"
)

const (
	// maxSlots bounds the tokens that are looked at.
	maxSlots = 256
	// maxPIN bounds a PIN's file, in bytes.
	maxPIN = 1024
)

// token is a session with a token. One goroutine at a time uses it.
type token struct {
	at      locator
	library *pkcs11.Ctx
	session pkcs11.SessionHandle
	private pkcs11.ObjectHandle
	// refused is that the token did not take the PIN, which is not tried a second time: tokens lock after a few wrong ones.
	refused error
}

// open opens a session, logs in and finds the key. The library is loaded once.
func (t *token) open() error {
	if t.refused != nil {
		return t.refused
	}
	if t.library == nil {
		library := pkcs11.New(t.at.module)
		if library == nil {
			return fmt.Errorf("%w: its library %.80q cannot be loaded", ErrRefused, t.at.module)
		}
		if err := library.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
			library.Destroy()
			return explain(err)
		}
		t.library = library
	}
	slot, flags, err := t.slot()
	if err != nil {
		return err
	}
	if t.session, err = t.library.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION); err != nil {
		return explain(err)
	}
	if err := t.logIn(flags); err != nil {
		return err
	}
	t.private, err = t.find(pkcs11.CKO_PRIVATE_KEY)
	return err
}

// slot returns where the token is, and its flags.
func (t *token) slot() (slot, flags uint, err error) {
	slots, err := t.library.GetSlotList(true)
	if err != nil {
		return 0, 0, explain(err)
	}
	if len(slots) > maxSlots {
		return 0, 0, fmt.Errorf("%w: its library has more than %d slots", ErrRefused, maxSlots)
	}
	for _, slot := range slots {
		info, err := t.library.GetTokenInfo(slot)
		if err == nil && (t.at.token == "" || info.Label == t.at.token) && (t.at.serial == "" || info.SerialNumber == t.at.serial) {
			return slot, info.Flags, nil
		}
	}
	return 0, 0, fmt.Errorf("%w: its library has no such token", ErrUnreachable)
}

// mayTry says why the PIN is not tried with a token that has these flags.
func mayTry(flags uint) error {
	switch {
	case flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return fmt.Errorf("%w: its PIN is locked", ErrRefused)
	case flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return fmt.Errorf("%w: another wrong PIN would lock it: log in once by other means", ErrRefused)
	}
	return nil
}

// logIn shows the PIN, which is read afresh, so that it is nowhere in the process meanwhile.
func (t *token) logIn(flags uint) error {
	if err := mayTry(flags); err != nil {
		return err
	}
	file, err := os.Open(t.at.pinFile)
	if err != nil {
		return fmt.Errorf("%w: the file with its PIN cannot be read", ErrRefused)
	}
	defer func() { _ = file.Close() }()
	pin, err := io.ReadAll(io.LimitReader(file, maxPIN))
	if err != nil {
		return fmt.Errorf("%w: the file with its PIN cannot be read", ErrRefused)
	}
	err = t.library.Login(t.session, pkcs11.CKU_USER, string(bytes.TrimSpace(pin)))
	switch {
	case err == nil || errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)):
		return nil
	case isLost(err):
		return explain(err)
	}
	var code pkcs11.Error
	_ = errors.As(err, &code)
	t.refused = fmt.Errorf("%w the PIN (%s), which is not tried again until Assay is restarted", ErrRefused, name(code))
	return t.refused
}

// find returns the one object of the class that the URI names.
func (t *token) find(class uint) (pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if t.at.object != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, t.at.object))
	}
	if t.at.id != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, t.at.id))
	}
	if err := t.library.FindObjectsInit(t.session, template); err != nil {
		return 0, explain(err)
	}
	found, _, err := t.library.FindObjects(t.session, 2)
	if ended := t.library.FindObjectsFinal(t.session); err == nil {
		err = ended
	}
	switch {
	case err != nil:
		return 0, explain(err)
	case len(found) == 0:
		return 0, fmt.Errorf("%w: it has no such key pair", ErrRefused)
	case len(found) > 1:
		return 0, fmt.Errorf("%w: it has several such keys: name one by its id", ErrRefused)
	}
	return found[0], nil
}

// sign signs what is given; errors are the library's own.
func (t *token) sign(mechanism uint, input []byte) ([]byte, error) {
	if err := t.library.SignInit(t.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, t.private); err != nil {
		return nil, err
	}
	return t.library.Sign(t.session, input)
}

// publicKey reads the public half.
func (t *token) publicKey() (signature.Key, error) {
	object, err := t.find(pkcs11.CKO_PUBLIC_KEY)
	if err != nil {
		return signature.Key{}, err
	}
	read := func(kind uint) []byte {
		attributes, err := t.library.GetAttributeValue(t.session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
		if err != nil || len(attributes) != 1 {
			return nil // keys of other kinds do not have it
		}
		return attributes[0].Value
	}
	public, err := publicKeyOf(read(pkcs11.CKA_EC_PARAMS), read(pkcs11.CKA_EC_POINT), read(pkcs11.CKA_MODULUS), read(pkcs11.CKA_PUBLIC_EXPONENT))
	if err != nil {
		return signature.Key{}, err
	}
	key, err := signature.NewKey(public)
	if err != nil {
		return signature.Key{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return key, nil
}
