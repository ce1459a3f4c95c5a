// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Authority is somebody whose signatures may be believed: a key, identities that Sigstore's certificate authority vouches for, or
// a certificate authority of one's own.
//
// +kubebuilder:validation:ExactlyOneOf=key;keyless;certificate
type Authority struct {
	// name of the authority, unique in the policy.
	// +required
	Name RuleName `json:"name"`

	// key is a public key in PEM form, as `cosign generate-key-pair` writes it to cosign.pub.
	// +optional
	Key *KeySource `json:"key,omitempty"`

	// keyless names identities to which a certificate authority of Sigstore (Fulcio) issues short-lived certificates.
	// +optional
	Keyless *KeylessAuthority `json:"keyless,omitempty"`

	// certificate is a certificate authority of one's own.
	// +optional
	Certificate *CertificateAuthority `json:"certificate,omitempty"`
}

// KeySource says where a public key stands, and when signatures by it count. A public key is no secret.
//
// +kubebuilder:validation:ExactlyOneOf=inline;configMapKeyRef;secretKeyRef;kms
// +kubebuilder:validation:XValidation:rule="!has(self.notBefore) || !has(self.notAfter) || self.notBefore < self.notAfter",message="notBefore must be earlier than notAfter"
type KeySource struct {
	// inline is the key itself, in PEM form.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	Inline string `json:"inline,omitempty"`

	// configMapKeyRef names the key of a ConfigMap that holds the public key.
	// +optional
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`

	// secretKeyRef names the key of a Secret that holds the public key. The namespace must let Assay read its Secrets.
	// +optional
	SecretKeyRef *SecretKeyReference `json:"secretKeyRef,omitempty"`

	// kms is the URI of a key in a key management service, such as hashivault://release. Assay asks the service for the public key only.
	// +optional
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+://[^\s]+$`
	// +kubebuilder:validation:MaxLength=512
	KMS string `json:"kms,omitempty"`

	// notBefore is when the key came into use. A signature counts when a trusted time of it, from a transparency log or a
	// timestamp authority, is not earlier.
	// +optional
	NotBefore *Timestamp `json:"notBefore,omitempty"`

	// notAfter is when the key goes out of use. A signature counts when a trusted time of it is earlier: what was signed before
	// goes on counting.
	// +optional
	NotAfter *Timestamp `json:"notAfter,omitempty"`

	// transparencyLog says whether a signature must stand in a transparency log. Optional is the default for keys.
	// +optional
	TransparencyLog LogRequirement `json:"transparencyLog,omitempty"`

	// trustRoot is a trusted_root.json, as `cosign trusted-root create` writes it. It has the logs and timestamp authorities that are believed where times or entries are asked for. Without it those
	// of the public Sigstore are.
	// +optional
	TrustRoot *DocumentSource `json:"trustRoot,omitempty"`

	// timestamps has further timestamp authorities (RFC 3161) that are believed: the chain of each in PEM form, leaf first.
	// +optional
	Timestamps *TextSource `json:"timestamps,omitempty"`
}

// KeylessAuthority is identities that a certificate authority of Sigstore vouches for.
type KeylessAuthority struct {
	// identities of which any may have signed.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Identities []Identity `json:"identities"`

	// trustRoot is a trusted_root.json, as `cosign trusted-root create` writes it. It has the certificate authorities, logs and timestamp authorities that are believed. Without it those of the public
	// Sigstore are.
	// +optional
	TrustRoot *DocumentSource `json:"trustRoot,omitempty"`

	// transparencyLog says whether a signature must stand in a transparency log. Required is the default. With Optional a
	// timestamp must vouch for the time at which the certificate was valid.
	// +optional
	TransparencyLog LogRequirement `json:"transparencyLog,omitempty"`

	// timestamps has further timestamp authorities (RFC 3161) that are believed: the chain of each in PEM form, leaf first.
	// +optional
	Timestamps *TextSource `json:"timestamps,omitempty"`
}

// Identity describes a certificate. All fields that are set must hold of the same one. Regular expressions (RE2) match the whole text.
//
// +kubebuilder:validation:ExactlyOneOf=issuer;issuerRegExp
// +kubebuilder:validation:ExactlyOneOf=subject;subjectRegExp
type Identity struct {
	// issuer is the OpenID Connect issuer that vouched for the subject, such as https://token.actions.githubusercontent.com.
	// +optional
	Issuer IdentityString `json:"issuer,omitempty"`

	// issuerRegExp matches the issuer.
	// +optional
	IssuerRegExp IdentityString `json:"issuerRegExp,omitempty"`

	// subject is the certificate's subject alternative name, such as an e-mail address or the URI of a workflow at a ref.
	// +optional
	Subject IdentityString `json:"subject,omitempty"`

	// subjectRegExp matches the subject.
	// +optional
	SubjectRegExp IdentityString `json:"subjectRegExp,omitempty"`

	// sourceRepository that was built, such as https://github.com/shop/checkout; * stands for any characters.
	// +optional
	SourceRepository IdentityString `json:"sourceRepository,omitempty"`

	// sourceRef that was built, such as refs/heads/main or refs/tags/v*; * stands for any characters.
	// +optional
	SourceRef IdentityString `json:"sourceRef,omitempty"`

	// workflow that built it: the URI of the build's configuration, in which * stands for any characters. A word without / : and * is
	// compared with the workflow's own name instead, which its author chooses.
	// +optional
	Workflow IdentityString `json:"workflow,omitempty"`

	// trigger of the build, such as push; * stands for any characters.
	// +optional
	Trigger IdentityString `json:"trigger,omitempty"`
}

// IdentityString is a text, or a pattern of texts, in a certificate.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
type IdentityString string

// CertificateAuthority is a certificate authority of one's own, whose certificates may live long.
//
// +kubebuilder:validation:AtMostOneOf=subject;subjectRegExp
type CertificateAuthority struct {
	// chain is the root certificate and, if any, intermediate ones, in PEM form.
	// +required
	Chain TextSource `json:"chain"`

	// subject is the subject alternative name that the signer's certificate must have. A common name is none.
	// +optional
	Subject IdentityString `json:"subject,omitempty"`

	// subjectRegExp is a regular expression (RE2) that matches the whole subject.
	// +optional
	SubjectRegExp IdentityString `json:"subjectRegExp,omitempty"`

	// timestamps has timestamp authorities (RFC 3161) that are believed: the chain of each in PEM form, leaf first. A signature counts
	// when every certificate was valid at a trusted time. One without any counts while they are valid now.
	// +optional
	Timestamps *TextSource `json:"timestamps,omitempty"`

	// transparencyLog says whether a signature must stand in a transparency log. Optional is the default.
	// +optional
	TransparencyLog LogRequirement `json:"transparencyLog,omitempty"`

	// trustRoot is a trusted_root.json, as `cosign trusted-root create` writes it. It has the logs and timestamp authorities that are believed where entries are asked for. Without it those of the
	// public Sigstore are.
	// +optional
	TrustRoot *DocumentSource `json:"trustRoot,omitempty"`
}

// LogRequirement says whether signatures must stand in a transparency log.
//
// +kubebuilder:validation:Enum=Required;Optional
type LogRequirement string

// The requirements.
const (
	LogRequired LogRequirement = "Required"
	LogOptional LogRequirement = "Optional"
)

// TextSource says where a text stands.
//
// +kubebuilder:validation:ExactlyOneOf=inline;configMapKeyRef;secretKeyRef
type TextSource struct {
	// inline is the text itself.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32768
	Inline string `json:"inline,omitempty"`

	// configMapKeyRef names the key of a ConfigMap that holds the text.
	// +optional
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`

	// secretKeyRef names the key of a Secret that holds the text. The namespace must let Assay read its Secrets.
	// +optional
	SecretKeyRef *SecretKeyReference `json:"secretKeyRef,omitempty"`
}
