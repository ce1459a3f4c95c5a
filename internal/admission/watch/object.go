// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// object is the view of an object of the API that decodes only what is needed: of its metadata what a watch needs, and of
// its content what T names. A content that cannot be decoded does not keep the object, or any other, from being
// delivered: it is left empty, and err says so. So nothing that anybody can store stops the watch of a kind.
type object[T any] struct {
	metav1.TypeMeta
	metadata
	content T
	err     error
}

// metadata has the strings of an object's metadata that a watch needs.
type metadata struct {
	Namespace       string `json:"namespace"`
	Name            string `json:"name"`
	ResourceVersion string `json:"resourceVersion"`
	// DeletionTimestamp is set on an object that is being deleted.
	DeletionTimestamp string `json:"deletionTimestamp"`
	Annotations       struct {
		InitialEventsEnd string `json:"k8s.io/initial-events-end"`
	} `json:"annotations"`
}

// UnmarshalJSON decodes the metadata, and the content if that is possible.
func (o *object[T]) UnmarshalJSON(raw []byte) error {
	var head struct {
		metav1.TypeMeta
		Metadata metadata `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	*o = object[T]{TypeMeta: head.TypeMeta, metadata: head.Metadata}
	var content T
	if o.err = json.Unmarshal(raw, &content); o.err == nil {
		o.content = content
	}
	return nil
}

// GetObjectMeta makes the object known to client-go's reflector.
func (o *object[T]) GetObjectMeta() metav1.Object {
	meta := &metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name, ResourceVersion: o.ResourceVersion}
	if end := o.Annotations.InitialEventsEnd; end != "" {
		meta.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: end}
	}
	return meta
}

// DeepCopyObject returns the object itself: nobody changes one.
func (o *object[T]) DeepCopyObject() runtime.Object { return o }

func (o *object[T]) key() types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
}

// objectList is a list of objects.
type objectList[T any] struct {
	metav1.TypeMeta
	metav1.ListMeta `json:"metadata"`
	Items           []object[T] `json:"items"`
}

// DeepCopyObject returns the list itself: nobody changes one.
func (l *objectList[T]) DeepCopyObject() runtime.Object { return l }
