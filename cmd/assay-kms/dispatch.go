// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	vault "github.com/hashicorp/vault/api"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Exit codes. A caller that knows temporaryFailure (EX_TEMPFAIL of sysexits.h) may try again later.
const (
	done             = 0
	refused          = 1
	temporaryFailure = 75
)

// dispatch lets the service answer.
func dispatch(stdout io.Writer, stdin io.Reader, arguments *common.PluginArgs, service kms.SignerVerifier) int {
	watched := &watched{SignerVerifier: service}
	answer, err := handler.Dispatch(stdout, stdin, arguments, watched)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return refused
	case watched.temporary:
		return temporaryFailure
	case answer.ErrorMessage != "":
		return refused
	}
	return done
}

func refuse(stdout io.Writer, err error) int {
	if err := handler.WriteErrorResponse(stdout, err); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return refused
}

// watched puts a service's errors into words that are the same each time, and remembers whether one was about reaching it.
type watched struct {
	kms.SignerVerifier
	temporary bool
}

// PublicKey implements signature.PublicKeyProvider.
func (w *watched) PublicKey(options ...signature.PublicKeyOption) (crypto.PublicKey, error) {
	key, err := w.SignerVerifier.PublicKey(options...)
	return key, w.explain(err)
}

// SignMessage implements signature.Signer.
func (w *watched) SignMessage(message io.Reader, options ...signature.SignOption) ([]byte, error) {
	sig, err := w.SignerVerifier.SignMessage(message, options...)
	return sig, w.explain(err)
}

// explain leaves out of a service's error what is another each time, such as numbers of requests and ports.
func (w *watched) explain(err error) error {
	var (
		ofAWS    smithy.APIError
		response *smithyhttp.ResponseError
		ofVault  *vault.ResponseError
		ofAzure  *azcore.ResponseError
		network  net.Error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ofAWS):
		w.temporary = ofAWS.ErrorFault() == smithy.FaultServer || ofAWS.ErrorCode() == "ThrottlingException" ||
			errors.As(err, &response) && isTemporary(response.HTTPStatusCode())
		return fmt.Errorf("%s from AWS KMS", ofAWS.ErrorCode())
	case errors.As(err, &ofVault):
		w.temporary = isTemporary(ofVault.StatusCode)
		return fmt.Errorf("status %d from Vault", ofVault.StatusCode)
	case errors.As(err, &ofAzure):
		w.temporary = isTemporary(ofAzure.StatusCode)
		return fmt.Errorf("status %d (%.40s) from Azure Key Vault", ofAzure.StatusCode, ofAzure.ErrorCode)
	case ofGoogle(err) != codes.Unknown:
		code := ofGoogle(err)
		w.temporary = code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.ResourceExhausted || code == codes.Internal
		return fmt.Errorf("%s from Google Cloud KMS", code)
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded), errors.As(err, &response):
		w.temporary = true
		return errors.New("no connection, or no answer")
	}
	return err
}

// ofGoogle is the code of an answer by gRPC, Unknown for other errors.
func ofGoogle(err error) codes.Code {
	if answer, is := status.FromError(err); is {
		return answer.Code()
	}
	return codes.Unknown
}

func isTemporary(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
}
