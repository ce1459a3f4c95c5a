// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	runtimeclient "sigs.k8s.io/controller-runtime/pkg/client"
)

// tokenLifetime is longer than a demo is left running.
const tokenLifetime = 30 * 24 * time.Hour

// ServiceAccountConfig returns the configuration of a service account, which
// must exist, with a new token that is good for 30 days.
func (c *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	token, err := c.token(ctx, namespace, name, authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To(int64(tokenLifetime.Seconds()))})
	if err != nil {
		return nil, err
	}
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = token
	return config, nil
}

// Issuer is the URL of the OIDC issuer that names service accounts. Its keys are at its well-known address, for whoever may ask for them.
func (c *ControlPlane) Issuer() string { return c.config.Host }

// Token returns a token of a service account, which must exist, that is meant for an audience. It is good for ten minutes.
func (c *ControlPlane) Token(ctx context.Context, namespace, name, audience string) (string, error) {
	return c.token(ctx, namespace, name, authenticationv1.TokenRequestSpec{Audiences: []string{audience}, ExpirationSeconds: ptr.To(int64(600))})
}

func (c *ControlPlane) token(ctx context.Context, namespace, name string, spec authenticationv1.TokenRequestSpec) (string, error) {
	admin, err := runtimeclient.New(c.config, runtimeclient.Options{})
	if err != nil {
		return "", err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{Spec: spec}
	if err := admin.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("cannot get a token of service account %s/%s: %w", namespace, name, err)
	}
	return request.Status.Token, nil
}

// WriteKubeconfig writes a configuration as a kubeconfig that needs no other
// file. Only its owner can read it.
func WriteKubeconfig(path string, config *rest.Config) error {
	const name = "assay"
	return clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: name,
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		Clusters: map[string]*clientcmdapi.Cluster{name: {
			Server:                   config.Host,
			CertificateAuthorityData: config.CAData,
		}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{name: {
			ClientCertificateData: config.CertData,
			ClientKeyData:         config.KeyData,
			Token:                 config.BearerToken,
		}},
	}, path)
}
