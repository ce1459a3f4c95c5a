// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command server serves the part of Google Cloud KMS that signs, with one key on P-256, whose version 1 is enabled, by the service's own
// gRPC definitions. Signatures are real, and checksums are kept. It is a module of its own, so that those definitions are in nothing else.
// For tests only.
//
//	server ADDRESS CERTIFICATE-FILE KEY-FILE ACCESS-TOKEN KEY-NAME
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"net"
	"os"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: server ADDRESS CERTIFICATE-FILE KEY-FILE ACCESS-TOKEN KEY-NAME")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address, certificate, key, token, name string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	secure, err := credentials.NewServerTLSFromFile(certificate, key)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.Creds(secure), grpc.UnaryInterceptor(letIn(token)))
	kmspb.RegisterKeyManagementServiceServer(server, &service{private: private, key: name})
	return server.Serve(listener)
}

// letIn lets in who has the access token.
func letIn(token string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		given := metadata.ValueFromIncomingContext(ctx, "authorization")
		if len(given) != 1 || given[0] != "Bearer "+token {
			return nil, status.Error(codes.Unauthenticated, "who are you?")
		}
		return handle(ctx, request)
	}
}

// service has one key.
type service struct {
	kmspb.UnimplementedKeyManagementServiceServer
	private *ecdsa.PrivateKey
	key     string
}

func (s *service) version() *kmspb.CryptoKeyVersion {
	return &kmspb.CryptoKeyVersion{
		Name: s.key + "/cryptoKeyVersions/1", State: kmspb.CryptoKeyVersion_ENABLED, Algorithm: kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256,
	}
}

// GetCryptoKey implements the service.
func (s *service) GetCryptoKey(_ context.Context, r *kmspb.GetCryptoKeyRequest) (*kmspb.CryptoKey, error) {
	if r.GetName() != s.key {
		return nil, status.Error(codes.NotFound, "no such key")
	}
	return &kmspb.CryptoKey{Name: s.key, Purpose: kmspb.CryptoKey_ASYMMETRIC_SIGN}, nil
}

// ListCryptoKeyVersions implements the service.
func (s *service) ListCryptoKeyVersions(context.Context, *kmspb.ListCryptoKeyVersionsRequest) (*kmspb.ListCryptoKeyVersionsResponse, error) {
	return &kmspb.ListCryptoKeyVersionsResponse{CryptoKeyVersions: []*kmspb.CryptoKeyVersion{s.version()}, TotalSize: 1}, nil
}

// GetCryptoKeyVersion implements the service.
func (s *service) GetCryptoKeyVersion(_ context.Context, r *kmspb.GetCryptoKeyVersionRequest) (*kmspb.CryptoKeyVersion, error) {
	if r.GetName() != s.version().GetName() {
		return nil, status.Error(codes.NotFound, "no such version")
	}
	return s.version(), nil
}

// GetPublicKey implements the service.
func (s *service) GetPublicKey(context.Context, *kmspb.GetPublicKeyRequest) (*kmspb.PublicKey, error) {
	encoded, err := x509.MarshalPKIXPublicKey(s.private.Public())
	if err != nil {
		return nil, err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded})
	return &kmspb.PublicKey{Name: s.version().GetName(), Pem: string(block), Algorithm: s.version().GetAlgorithm()}, nil
}

// AsymmetricSign implements the service.
func (s *service) AsymmetricSign(_ context.Context, r *kmspb.AsymmetricSignRequest) (*kmspb.AsymmetricSignResponse, error) {
	digest := r.GetDigest().GetSha256()
	if r.GetName() != s.version().GetName() || len(digest) != crypto.SHA256.Size() {
		return nil, status.Error(codes.InvalidArgument, "not for this key")
	}
	if sum := r.GetDigestCrc32C(); sum != nil && sum.GetValue() != checksum(digest) {
		return nil, status.Error(codes.InvalidArgument, "corrupted")
	}
	sig, err := s.private.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return &kmspb.AsymmetricSignResponse{
		Name: r.GetName(), Signature: sig, SignatureCrc32C: wrapperspb.Int64(checksum(sig)), VerifiedDigestCrc32C: r.GetDigestCrc32C() != nil,
	}, nil
}

func checksum(content []byte) int64 {
	return int64(crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)))
}
