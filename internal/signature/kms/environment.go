// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kms

import "strings"

// everyService are the variables that say how anything outside is reached.
var everyService = map[string]bool{
	"HTTPS_PROXY": true, "NO_PROXY": true, "https_proxy": true, "no_proxy": true, "SSL_CERT_FILE": true, "SSL_CERT_DIR": true,
}

// ofService begin the names of the variables with credentials and addresses by which the clients of a service are set up.
func ofService(scheme string) []string {
	switch scheme {
	case "awskms":
		return []string{"AWS_"}
	case "azurekms":
		return []string{"AZURE_"}
	case "gcpkms":
		return []string{"GOOGLE_"}
	case "hashivault":
		return []string{"VAULT_", "TRANSIT_SECRET_ENGINE_PATH"}
	}
	return []string{strings.ToUpper(strings.ReplaceAll(scheme, "-", "_")) + "_"}
}

// environmentFor returns the variables that a program which speaks to the service is given.
func environmentFor(scheme string, all []string) []string {
	given := []string{} // not nil, by which a program would get everything
	for _, variable := range all {
		name, _, _ := strings.Cut(variable, "=")
		needed := everyService[name]
		for _, beginning := range ofService(scheme) {
			needed = needed || strings.HasPrefix(name, beginning)
		}
		if needed {
			given = append(given, variable)
		}
	}
	return given
}
