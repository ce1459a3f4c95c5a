// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/assay-dev/assay/internal/trust"
)

// configMap is the data of a ConfigMap.
type configMap struct {
	Data map[string]string `json:"data"`
}

// secret is the data of a Secret.
type secret struct {
	Data map[string][]byte `json:"data"`
}

// sealKeys feeds the public halves of the seal key to the index, and of those that it replaced. Keys that were known stay when they are gone or malformed:
// could not look is no reason to take trust away.
type sealKeys struct {
	index *trust.Index
	log   *slog.Logger
}

func (k sealKeys) set(o *object[configMap]) {
	keys, err := trust.ParseKeys([]byte(o.content.Data[sealKeyName]))
	if retired := o.content.Data[retiredKeysName]; err == nil && retired != "" {
		var more []*ecdsa.PublicKey
		more, err = trust.ParseKeys([]byte(retired))
		keys = append(keys, more...)
	}
	if err = errors.Join(o.err, err); err != nil {
		k.log.Error("the seal keys cannot be used; those known before stay", "configMap", o.key(), "keys", sealKeyName+", "+retiredKeysName, "error", err)
		return
	}
	k.index.SetKeys(keys)
	k.log.Info("the seal keys are known", "configMap", o.key(), "keys", len(keys))
}

func (k sealKeys) remove(o *object[configMap]) {
	k.log.Error("the seal keys are gone; those known before stay", "configMap", o.key())
}

func (k sealKeys) replace(all []*object[configMap]) {
	if len(all) == 0 {
		k.log.Warn("there are no seal keys yet; assay-controller writes them", "configMap", SealKeyConfigMap)
	}
	for _, o := range all {
		k.set(o)
	}
}

// certificate holds the webhook's own certificate. The last usable one stays.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
	log     *slog.Logger
}

// errNoCertificate says that the certificate is not known yet.
var errNoCertificate = errors.New("no certificate yet; assay-controller writes it to Secret " + CertificateSecret)

func (c *certificate) get() (*tls.Certificate, error) {
	if current := c.current.Load(); current != nil {
		return current, nil
	}
	return nil, errNoCertificate
}

func (c *certificate) set(o *object[secret]) {
	pair, err := tls.X509KeyPair(o.content.Data[certificateName], o.content.Data[certificateKeyName])
	if err = errors.Join(o.err, err); err != nil {
		c.log.Error("the certificate cannot be used; the one before stays", "secret", o.key(), "error", err)
		return
	}
	c.current.Store(&pair)
	c.log.Info("the certificate is known", "secret", o.key(), "notAfter", pair.Leaf.NotAfter)
}

func (c *certificate) remove(o *object[secret]) {
	c.log.Error("the certificate is gone; the one before stays", "secret", o.key())
}

func (c *certificate) replace(all []*object[secret]) {
	if len(all) == 0 {
		c.log.Warn(errNoCertificate.Error())
	}
	for _, o := range all {
		c.set(o)
	}
}
