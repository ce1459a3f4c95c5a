// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command assay-kms signs with keys in key management services, for Assay and for every other program that speaks the protocol of
// Sigstore's plugins (sigstore/sigstore, pkg/signature/kms/cliplugin). The last part of the name by which it is called says which service
// is meant: sigstore-kms-awskms, sigstore-kms-azurekms, sigstore-kms-gcpkms, sigstore-kms-hashivault. It is a module of its own, so that what it links is in nothing else.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/aws"
	"github.com/sigstore/sigstore/pkg/signature/kms/azure"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
	"github.com/sigstore/sigstore/pkg/signature/kms/gcp"
	"github.com/sigstore/sigstore/pkg/signature/kms/hashivault"
)

const (
	// prefix of the names of plugins.
	prefix = "sigstore-kms-"
	// longest that a call takes when the caller sets no time.
	longest = time.Minute
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Stdin, os.Stdout))
}

// run answers one call, and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) int {
	arguments, err := handler.GetPluginArgs(args)
	if err == nil && (arguments.InitOptions == nil || arguments.MethodArgs == nil || arguments.InitOptions.ProtocolVersion != common.ProtocolVersion) {
		err = fmt.Errorf("the caller does not speak version %s of the plugins' protocol", common.ProtocolVersion)
	}
	if err != nil {
		return refuse(stdout, err)
	}
	deadline := time.Now().Add(longest)
	if arguments.InitOptions.CtxDeadline != nil {
		deadline = *arguments.InitOptions.CtxDeadline
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	service, err := open(ctx, strings.TrimPrefix(filepath.Base(args[0]), prefix), arguments.InitOptions)
	if err != nil {
		return refuse(stdout, err)
	}
	return dispatch(stdout, stdin, arguments, service)
}

// open returns the client of the service that has the key.
func open(ctx context.Context, scheme string, options *common.InitOptions) (kms.SignerVerifier, error) {
	uri := scheme + "://" + options.KeyResourceID
	switch scheme + "://" {
	case aws.ReferenceScheme:
		return aws.LoadSignerVerifier(ctx, uri)
	case azure.ReferenceScheme:
		return azure.LoadSignerVerifier(ctx, uri)
	case gcp.ReferenceScheme:
		return gcp.LoadSignerVerifier(ctx, uri)
	case hashivault.ReferenceScheme:
		return hashivault.LoadSignerVerifier(uri, options.HashFunc)
	}
	return nil, fmt.Errorf("there is no service %q here: want awskms, azurekms, gcpkms or hashivault", scheme)
}
