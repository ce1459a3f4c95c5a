// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command ca-certificates prints the root certificates of Mozilla's trust store
// as PEM, for the container image. They come from a Go module, so go.sum pins
// them and every host builds the same image.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ca-certificates:", err)
		os.Exit(1)
	}
}

// write leaves out the roots that Mozilla trusts under a condition only, such
// as for certificates issued before a date: PEM cannot say so.
func write(w io.Writer) error {
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "# %s\n", certificate.Subject); err != nil {
			return err
		}
		if err := pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return err
		}
	}
	return nil
}
