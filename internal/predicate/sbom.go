// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// CheckSBOM says whether a predicate of type SPDX or CycloneDX, with a version after it or without, really is such a document in JSON: SPDX 2
// or 3, or CycloneDX. Older versions of cosign wrap the document in {"Data": …}. The error wraps ErrMalformed.
func CheckSBOM(predicateType string, predicate []byte) error {
	check := checkSPDX
	switch {
	case isVersionOf(predicateType, SPDX):
	case isVersionOf(predicateType, CycloneDX):
		check = checkCycloneDX
	default:
		return fmt.Errorf("%w SBOM: its type is %.80q, want %s or %s", ErrMalformed, predicateType, SPDX, CycloneDX)
	}
	document, err := unwrap(predicate)
	if err == nil {
		err = check(document)
	}
	if err != nil {
		return fmt.Errorf("SBOM: %w", err)
	}
	return nil
}

// isVersionOf says that the type is the one, or the one and a version, such as /v2.3 or /1.5.
func isVersionOf(predicateType, base string) bool {
	version, is := strings.CutPrefix(predicateType, base)
	if !is || version == "" {
		return is
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(version, "/"), "v")
	return version[0] == '/' && digits != "" && strings.Trim(digits, "0123456789.") == ""
}

// unwrap returns the document in cosign's {"Data": …}, as an object or as text, and anything else as it is.
func unwrap(predicate []byte) ([]byte, error) {
	var wrapped struct {
		Data json.RawMessage `json:"Data"`
	}
	if err := decode(predicate, &wrapped); err != nil || len(wrapped.Data) == 0 {
		return predicate, err
	}
	if !bytes.HasPrefix(wrapped.Data, []byte(`"`)) {
		return wrapped.Data, nil
	}
	var written string
	if json.Unmarshal(wrapped.Data, &written) != nil {
		return nil, errNoJSON
	}
	return []byte(written), nil
}

func checkSPDX(document []byte) error {
	var d struct {
		Version text            `json:"spdxVersion"`
		ID      text            `json:"SPDXID"`
		Context json.RawMessage `json:"@context"`
		Graph   []struct{}      `json:"@graph"`
	}
	if err := decode(document, &d); err != nil {
		return err
	}
	isVersion2 := strings.HasPrefix(string(d.Version), "SPDX-2.") && d.ID == "SPDXRef-DOCUMENT"
	isVersion3 := bytes.HasPrefix(d.Context, []byte(`"https://spdx.org/rdf/3.`)) && len(d.Graph) > 0
	if !isVersion2 && !isVersion3 {
		return fmt.Errorf("%w: it is no SPDX document of version 2 or 3", ErrMalformed)
	}
	return nil
}

func checkCycloneDX(document []byte) error {
	var d struct {
		Format  text `json:"bomFormat"`
		Version text `json:"specVersion"`
	}
	if err := decode(document, &d); err != nil {
		return err
	}
	if d.Format != "CycloneDX" || !strings.HasPrefix(string(d.Version), "1.") {
		return fmt.Errorf("%w: it is no CycloneDX document of version 1", ErrMalformed)
	}
	return nil
}
