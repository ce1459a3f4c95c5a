// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// checkEvery is how often the objects are looked at, retryAfter how soon after a failure.
const (
	checkEvery = 2 * time.Minute
	retryAfter = 5 * time.Second
)

// maxAuthorities is how many authorities callers believe: the new one, and the one before while the server still has the
// certificate that it signed.
const maxAuthorities = 2

// Keeper keeps the certificate.
type Keeper struct {
	// Client reads uncached and writes.
	Client client.Client
	// Secret holds the certificate for the server.
	Secret types.NamespacedName
	// Publish tells callers which authorities to believe.
	Publish Publish
	// Names that the certificate is for: DNS names or addresses.
	Names []string
	Clock clock.Clock

	serving atomic.Pointer[tls.Certificate]
}

// Start keeps the certificate until ctx is done. It makes Keeper a manager.Runnable of the leader.
func (k *Keeper) Start(ctx context.Context) error {
	log := ctrl.LoggerFrom(ctx).WithName("certificate")
	for {
		wait := checkEvery
		if err := k.Ensure(ctx); err != nil {
			log.Error(err, "Keep a certificate; whoever calls its server is refused or does not believe it until this succeeds", "secret", k.Secret.String())
			wait = retryAfter
		}
		timer := k.Clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
	}
}

// Ensure makes or renews the certificate when it must, and sees to it that callers believe it.
func (k *Keeper) Ensure(ctx context.Context) error {
	var secret corev1.Secret
	err := k.Client.Get(ctx, k.Secret, &secret)
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return fmt.Errorf("read Secret %s: %w", k.Secret, err)
	}
	if usable(&secret, k.Names, k.Clock.Now()) == nil {
		return errors.Join(k.serve(&secret), k.Publish(ctx, secret.Data[authorityKey]))
	}
	made, err := issue(k.Names, k.Clock.Now())
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	authorities := newest(append(made.authority, secret.Data[authorityKey]...))
	// Callers believe the new authority before the server has its certificate.
	if err := k.Publish(ctx, authorities); err != nil {
		return err
	}
	secret.Type = corev1.SecretTypeTLS
	secret.Data = map[string][]byte{corev1.TLSCertKey: made.certificate, corev1.TLSPrivateKeyKey: made.key, authorityKey: authorities}
	if missing {
		secret.Namespace, secret.Name = k.Secret.Namespace, k.Secret.Name
		err = k.Client.Create(ctx, &secret)
	} else {
		err = k.Client.Update(ctx, &secret)
	}
	if err != nil {
		return fmt.Errorf("write Secret %s: %w", k.Secret, err)
	}
	return k.serve(&secret)
}

// serve reads the certificate back that Certificate gives from now on.
func (k *Keeper) serve(secret *corev1.Secret) error {
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return err
	}
	k.serving.Store(&pair)
	return nil
}

// Certificate is the certificate as it was last kept, for a server in the same process ([tls.Config].GetCertificate).
func (k *Keeper) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if serving := k.serving.Load(); serving != nil {
		return serving, nil
	}
	return nil, errors.New("there is no certificate yet")
}

// newest cuts a PEM bundle, newest first, to the authorities that are believed.
func newest(bundle []byte) []byte {
	var kept []byte
	for range maxAuthorities {
		block, rest := pem.Decode(bundle)
		if block == nil {
			break
		}
		kept = append(kept, pem.EncodeToMemory(block)...)
		bundle = rest
	}
	return kept
}
