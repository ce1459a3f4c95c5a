// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// minWatch is how long the API server keeps a watch open at least, so that watches cost few requests at rest. A dead
// connection is found by HTTP/2's own pings.
const minWatch = 30 * time.Minute

// reconnect is how a watch that failed is tried again. What was revoked while the API server was down is known soon after.
func reconnect() *wait.Backoff {
	return &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 5 * time.Second}
}

// kind is what is watched: all objects of a kind, or the one with a name in a namespace.
type kind struct {
	version         schema.GroupVersion
	name, resource  string
	namespace, only string
}

func (k kind) String() string { return k.name }

// sink takes what is watched. It is called by one goroutine.
type sink[T any] interface {
	// set takes one object, new or changed.
	set(*object[T])
	// remove takes the deletion of one.
	remove(*object[T])
	// replace takes all objects that there are.
	replace([]*object[T])
}

// newReflector returns a reflector that keeps the sink up to date.
func newReflector[T any](config *rest.Config, k kind, s sink[T]) (*cache.Reflector, error) {
	client, err := newClient[T](config, k)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", k, err)
	}
	selector := fields.Everything()
	if k.only != "" {
		selector = fields.OneTermEqualSelector(metav1.ObjectNameField, k.only)
	}
	return cache.NewReflectorWithOptions(
		cache.NewListWatchFromClient(client, k.resource, k.namespace, selector),
		&object[T]{}, store[T]{s},
		cache.ReflectorOptions{Name: k.String(), TypeDescription: k.String(), MinWatchTimeout: minWatch, Backoff: reconnect()},
	), nil
}

// newClient returns a client that knows one kind, by its view.
func newClient[T any](config *rest.Config, k kind) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(k.version.WithKind(k.name), &object[T]{})
	scheme.AddKnownTypeWithName(k.version.WithKind(k.name+"List"), &objectList[T]{})
	metav1.AddToGroupVersion(scheme, k.version)
	if core := (schema.GroupVersion{Version: "v1"}); k.version != core {
		metav1.AddToGroupVersion(scheme, core) // An error is a Status of v1.
	}
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	config.GroupVersion = &k.version
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.APIPath = "/apis"
	if k.version.Group == "" {
		config.APIPath = "/api"
	}
	return rest.RESTClientFor(config)
}

// store is a sink as client-go's reflector knows it.
type store[T any] struct{ sink sink[T] }

func (s store[T]) Add(o any) error    { s.sink.set(o.(*object[T])); return nil }
func (s store[T]) Update(o any) error { s.sink.set(o.(*object[T])); return nil }
func (s store[T]) Delete(o any) error { s.sink.remove(o.(*object[T])); return nil }
func (s store[T]) Resync() error      { return nil }

func (s store[T]) Replace(all []any, _ string) error {
	objects := make([]*object[T], len(all))
	for i, o := range all {
		objects[i] = o.(*object[T])
	}
	s.sink.replace(objects)
	return nil
}
