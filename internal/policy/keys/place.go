// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// Errors of TextReader.
var (
	// ErrNotFound: the ConfigMap or Secret does not exist.
	ErrNotFound = errors.New("the object does not exist")
	// ErrKeyNotFound: the ConfigMap or Secret exists and has no such key.
	ErrKeyNotFound = errors.New("the object has no such key")
	// ErrForbidden: Assay may not read Secrets there.
	ErrForbidden = errors.New("no permission to read Secrets there")
)

// Kind of an object that holds texts.
type Kind string

// The kinds.
const (
	ConfigMap Kind = "ConfigMap"
	Secret    Kind = "Secret"
)

// Place is where a text stands: under one key of a ConfigMap or a Secret.
type Place struct {
	Kind      Kind
	Namespace string
	Name, Key string
}

// String names the place for people.
func (p Place) String() string {
	return fmt.Sprintf("%s of %s %s in namespace %s", p.Key, p.Kind, p.Name, p.Namespace)
}

// InConfigMap is the place that a reference names.
func InConfigMap(namespace string, reference v1alpha1.ConfigMapKeyReference) Place {
	return Place{ConfigMap, namespace, string(reference.Name), reference.Key}
}

// InSecret is the place that a reference names.
func InSecret(namespace string, reference v1alpha1.SecretKeyReference) Place {
	return Place{Secret, namespace, string(reference.Name), reference.Key}
}

// TextReader reads what policies refer to from ConfigMaps and Secrets: keys, trust roots, layouts and VEX documents.
type TextReader interface {
	// Read returns the text that stands in the place. The error wraps ErrNotFound, ErrKeyNotFound or ErrForbidden when there is none;
	// any other says that nobody could look, and is worth another try.
	Read(ctx context.Context, place Place) (string, error)
}

// source is where a policy says that a text stands: inline, or in a place of the policy's own namespace.
type source struct {
	field     string
	inline    string
	configMap *v1alpha1.ConfigMapKeyReference
	secret    *v1alpha1.SecretKeyReference
}

func ofText(field string, s v1alpha1.TextSource) source {
	return source{field, s.Inline, s.ConfigMapKeyRef, s.SecretKeyRef}
}

func ofDocument(field string, s v1alpha1.DocumentSource) source {
	return source{field, "", s.ConfigMapKeyRef, s.SecretKeyRef}
}

func ofKey(field string, s v1alpha1.KeySource) source {
	return source{field, s.Inline, s.ConfigMapKeyRef, s.SecretKeyRef}
}

// text is what stood where a policy said, or why nothing does.
type text struct {
	content string
	// at names the place for people.
	at string
	// place is zero for what stands in the policy itself.
	place Place
	// reason and missing say why there is none; empty when there is one.
	reason, missing string
}

// read reads what a policy refers to, which stands in its own namespace, and for cluster-wide ones in Assay's. what names it for people. The
// error says that nobody could look.
func (r *Resolver) read(ctx context.Context, namespace string, from source, what string) (text, error) {
	if namespace == "" {
		namespace = r.Namespace
	}
	var place Place
	switch {
	case from.inline != "":
		return text{content: from.inline, at: from.field + ".inline"}, nil
	case from.configMap != nil:
		place = InConfigMap(namespace, *from.configMap)
	case from.secret != nil:
		place = InSecret(namespace, *from.secret)
	default:
		return text{reason: v1alpha1.ReasonKeyNotFound, missing: from.field + " says nowhere where " + what + " stands"}, nil
	}
	content, err := r.Texts.Read(ctx, place)
	found := text{content: content, at: place.String(), place: place}
	switch {
	case errors.Is(err, ErrNotFound):
		found.reason = v1alpha1.ReasonKeyNotFound
		found.missing = fmt.Sprintf("%s %s does not exist in namespace %s; create it with %s under %s", place.Kind, place.Name, place.Namespace, what, place.Key)
	case errors.Is(err, ErrKeyNotFound):
		found.reason = v1alpha1.ReasonKeyNotFound
		found.missing = fmt.Sprintf("%s %s in namespace %s has no key %s; put %s there", place.Kind, place.Name, place.Namespace, place.Key, what)
	case errors.Is(err, ErrForbidden):
		found.reason = v1alpha1.ReasonSecretForbidden
		found.missing = fmt.Sprintf("Assay may not read Secrets in namespace %[1]s; allow it with: kubectl create rolebinding assay-secret-reader "+
			"--namespace=%[1]s --clusterrole=assay-secret-reader --serviceaccount=%[2]s:assay-controller", place.Namespace, r.ownNamespace())
	case err != nil:
		return text{}, fmt.Errorf("read %s %s in namespace %s: %w", place.Kind, place.Name, place.Namespace, err)
	}
	return found, nil
}

// ownNamespace is Assay's, as manifests have it where nobody says.
func (r *Resolver) ownNamespace() string {
	if r.Namespace == "" {
		return "assay-system"
	}
	return r.Namespace
}
