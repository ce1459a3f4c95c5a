// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command vault serves a HashiCorp Vault with its transit secrets engine from memory, unsealed, as `vault server -dev` does: its core, its
// HTTP API and the engine are the real ones; the dozens of other engines, which `vault` links, are not there. For tests only.
//
//	vault ADDRESS ROOT-TOKEN
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	log "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: vault ADDRESS ROOT-TOKEN")
		os.Exit(2)
	}
	if err := serve(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address, token string) error {
	core, err := open(ctx, token)
	if err != nil {
		return err
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core: core, ListenerConfig: &configutil.Listener{Address: address},
	})
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

// open makes a core, initialises and unseals it, and gives it the root token.
func open(ctx context.Context, token string) (*vault.Core, error) {
	logger := log.New(&log.LoggerOptions{Level: log.Warn, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical: storage, Logger: logger, DisableMlock: true, DevToken: token,
		LogicalBackends: map[string]logical.Factory{"transit": transit.Factory},
		BuiltinRegistry: engines{},
	})
	if err != nil {
		return nil, err
	}
	made, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}, RecoveryConfig: &vault.SealConfig{},
	})
	if err != nil {
		return nil, err
	}
	unsealed, err := core.Unseal(made.SecretShares[0])
	if err == nil && !unsealed {
		err = errors.New("it is still sealed")
	}
	if err != nil {
		return nil, err
	}
	return core, giveToken(ctx, core, made.RootToken, token)
}

// giveToken makes a root token of a known name.
func giveToken(ctx context.Context, core *vault.Core, root, token string) error {
	answer, err := core.HandleRequest(namespace.RootContext(ctx), &logical.Request{
		Operation: logical.UpdateOperation, ClientToken: root, Path: "auth/token/create",
		Data: map[string]any{"id": token, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true},
	})
	if err == nil && answer.IsError() {
		err = answer.Error()
	}
	return err
}

// engines are those that are built in.
type engines struct{}

// Contains implements plugincatalog.BuiltinRegistry.
func (engines) Contains(name string, kind consts.PluginType) bool {
	return name == "transit" && kind == consts.PluginTypeSecrets
}

// Get implements plugincatalog.BuiltinRegistry.
func (e engines) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	return func() (any, error) { return logical.Factory(transit.Factory), nil }, e.Contains(name, kind)
}

// Keys implements plugincatalog.BuiltinRegistry.
func (engines) Keys(kind consts.PluginType) []string {
	if kind == consts.PluginTypeSecrets {
		return []string{"transit"}
	}
	return nil
}

// DeprecationStatus implements plugincatalog.BuiltinRegistry.
func (e engines) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, e.Contains(name, kind)
}

// IsBuiltinEntPlugin implements plugincatalog.BuiltinRegistry.
func (engines) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
