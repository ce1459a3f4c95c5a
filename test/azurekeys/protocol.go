// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package azurekeys

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// serve answers for both services.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	if r.Host == authority {
		s.letIn(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Host != host:
		w.WriteHeader(http.StatusMisdirectedRequest)
	case s.refusal != 0:
		refuse(w, s.refusal, "Refused")
	case r.Header.Get("Authorization") != "Bearer "+s.access:
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://`+authority+`/`+tenant+`", resource="https://vault.azure.net"`)
		refuse(w, http.StatusUnauthorized, "Unauthorized")
	default:
		s.act(w, r)
	}
}

// letIn gives an access token for that of the service account (RFC 7523, by Microsoft's endpoints).
func (s *Service) letIn(w http.ResponseWriter, r *http.Request) {
	const base = "https://" + authority + "/" + tenant
	switch r.URL.Path {
	case "/common/discovery/instance":
		answer(w, map[string]any{
			"tenant_discovery_endpoint": base + "/v2.0/.well-known/openid-configuration",
			"metadata":                  []any{map[string]any{"preferred_network": authority, "preferred_cache": authority, "aliases": []string{authority}}},
		})
	case "/" + tenant + "/v2.0/.well-known/openid-configuration":
		answer(w, map[string]any{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		})
	case "/" + tenant + "/oauth2/v2.0/token":
		if r.PostFormValue("client_id") != client || r.PostFormValue("client_assertion") != assertion ||
			!strings.Contains(r.PostFormValue("scope"), "https://vault.azure.net/.default") {
			w.WriteHeader(http.StatusUnauthorized)
			answer(w, map[string]any{"error": "invalid_client"})
			return
		}
		answer(w, map[string]any{"access_token": s.access, "token_type": "Bearer", "expires_in": 3600})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// act does what is asked for (Azure Key Vault REST API: Get Key, Sign).
func (s *Service) act(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/keys/"), "/")
	private, exists := s.keys[parts[0]]
	id := "https://" + host + "/keys/" + parts[0] + "/1"
	switch {
	case !exists:
		refuse(w, http.StatusNotFound, "KeyNotFound")
	case r.Method == http.MethodGet:
		point, err := private.PublicKey.Bytes()
		if err != nil {
			refuse(w, http.StatusInternalServerError, "InternalError")
			return
		}
		answer(w, map[string]any{"key": map[string]any{
			"kid": id, "kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:]), "key_ops": []string{"sign", "verify"},
		}})
	case r.Method == http.MethodPost && parts[len(parts)-1] == "sign":
		var request struct{ Alg, Value string }
		err := json.NewDecoder(r.Body).Decode(&request)
		digest, malformed := base64.RawURLEncoding.DecodeString(request.Value)
		if err != nil || malformed != nil || request.Alg != "ES256" || len(digest) != sha256.Size {
			refuse(w, http.StatusBadRequest, "BadParameter")
			return
		}
		answer(w, map[string]any{"kid": id, "value": encode(sign(private, digest))})
	default:
		refuse(w, http.StatusMethodNotAllowed, "BadParameter")
	}
}

// sign returns r and s side by side (RFC 7518, section 3.4).
func sign(private *ecdsa.PrivateKey, digest []byte) []byte {
	r, s, err := ecdsa.Sign(rand.Reader, private, digest)
	if err != nil {
		panic(err) // the key was made here
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return sig
}

func encode(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }

func answer(w http.ResponseWriter, fields map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(fields) // a client that is gone needs no answer
}

// refuse answers as the vault does, with a number for the request.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Ms-Request-Id", rand.Text())
	w.WriteHeader(status)
	answer(w, map[string]any{"error": map[string]string{"code": code, "message": "refused"}})
}
