// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package watch feeds admission: it watches TrustedImages, policies, the seal's public keys and the webhook's certificate.
// It decodes only what is needed of each, which keeps the memory of a webhook small and makes it indifferent to objects that the
// API server stores and Go cannot decode.
package watch

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy/scope"
	"github.com/assay-dev/assay/internal/trust"
)

// Names of what assay-controller writes into Assay's namespace for the webhook.
const (
	// SealKeyConfigMap holds the public halves of the seal key.
	SealKeyConfigMap = "assay-seal-public-key"
	// CertificateSecret holds the webhook's certificate.
	CertificateSecret = "assay-webhook-certificate"

	sealKeyName        = "cosign.pub"
	retiredKeysName    = "retired.pub"
	certificateName    = "tls.crt"
	certificateKeyName = "tls.key"
)

// Watcher keeps what admission answers from.
type Watcher struct {
	index       *trust.Index
	policies    *policies
	certificate *certificate
	reflectors  []*cache.Reflector
}

// New returns a Watcher that reads the keys and the certificate in Assay's namespace. It watches nothing before Run.
func New(config *rest.Config, namespace string, log *slog.Logger) (*Watcher, error) {
	w := &Watcher{index: &trust.Index{}, policies: &policies{log: log}, certificate: &certificate{log: log}}
	assay, core := v1alpha1.GroupVersion, schema.GroupVersion{Version: "v1"}
	err := errors.Join(
		add(w, config, kind{version: core, name: "Secret", resource: "secrets", namespace: namespace, only: CertificateSecret}, w.certificate),
		add(w, config, kind{version: core, name: "ConfigMap", resource: "configmaps", namespace: namespace, only: SealKeyConfigMap}, sealKeys{w.index, log}),
		add(w, config, kind{version: assay, name: "ImagePolicy", resource: "imagepolicies"}, policiesOf{w.policies, namespaced}),
		add(w, config, kind{version: assay, name: "ClusterImagePolicy", resource: "clusterimagepolicies"}, policiesOf{w.policies, clusterWide}),
		add(w, config, kind{version: assay, name: "TrustedImage", resource: "trustedimages"}, trustedImages{w.index, log}),
	)
	return w, err
}

func add[T any](w *Watcher, config *rest.Config, k kind, s sink[T]) error {
	reflector, err := newReflector(config, k, s)
	if err != nil {
		return err
	}
	w.reflectors = append(w.reflectors, reflector)
	return nil
}

// Run watches until ctx is done.
func (w *Watcher) Run(ctx context.Context) {
	var watching sync.WaitGroup
	for _, r := range w.reflectors {
		watching.Go(func() { r.RunWithContext(ctx) })
	}
	watching.Wait()
}

// Index is the trust index.
func (w *Watcher) Index() *trust.Index { return w.index }

// Policies returns all policies as they are known now. Nobody may change what it returns.
func (w *Watcher) Policies() []scope.Scope { return w.policies.snapshot() }

// Synced says that the TrustedImages, the policies and the keys are known.
func (w *Watcher) Synced() bool { return w.index.Loaded() && w.policies.loaded() }

// Certificate returns the webhook's certificate as it is known now.
func (w *Watcher) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return w.certificate.get()
}
