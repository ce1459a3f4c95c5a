// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// texts are strings that are or look valid to somebody and not to somebody else.
func texts() []string {
	return []string{
		"", " ", "banana", "null", "1", "-1", "\u0000", "\u202e", strings.Repeat("9", 64),
		// durations
		"1d", "3 days", "PT1H", "1h 30m", "-1h", "+1h", ".5h", "1.5h", "1e3h", "1H", "99999999h", "999999h999999h9h", "1ns", "1µs", "1h1h1h1h",
		// times
		"2027-01-31t00:00:00z", "2027-01-31T00:00:00z", "2027-01-31t00:00:00Z", "2027-01-31T00:00:00.5Z", "2027-01-31T00:00:00+01:00",
		"2027-01-31T00:00:00+99:99", "2027-01-31T24:00:00Z", "2027-01-31T23:59:60Z", "2027-02-30T00:00:00Z", "2027-13-01T00:00:00Z",
		"0000-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
		"2027-01-31", "2027-01-31 00:00:00Z", "2027-01-31T00:00Z", "2027-01-31T1:1:1:1:Z", "2027-01-31T::::::::Z", "1800000000",
	}
}

// poisons returns what is tried in the place of a value: for a string the texts, and for everything what has another type
// or is out of some range.
func poisons(value any) []json.RawMessage {
	var all []json.RawMessage
	if _, isText := value.(string); isText {
		for _, s := range texts() {
			quoted, _ := json.Marshal(s) // A string can always be encoded.
			all = append(all, quoted)
		}
	}
	for _, raw := range []string{
		"0", "-1", "1.0", "1.5", "1e2", "1e30", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
		"1e400", "123456789012345678901234567890", `"banana"`, "true", "null", "{}", "[]", "[null]", "[{}]", `[""]`, `{"a":null}`,
	} {
		all = append(all, json.RawMessage(raw))
	}
	return all
}

// TestWhatTheAPIServerAcceptsGoDecodes puts every poison into every field. One stored value that Go cannot decode stops every
// typed informer of its kind, for all namespaces, and nobody is told.
func TestWhatTheAPIServerAcceptsGoDecodes(t *testing.T) {
	c, kinds := newCluster(t), distinct{schemas: schemasByPath(t), seen: map[string]bool{}}
	all, total := samples(c.namespace), 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sample := all[name]
		t.Run(name, func(t *testing.T) {
			full := asMap(t, sample)
			if err := c.client.Create(t.Context(), sample); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.client.Delete(t.Context(), sample) }()
			full["apiVersion"], full["kind"] = v1alpha1.GroupVersion.String(), kindOf(sample)
			full["metadata"] = map[string]any{
				"namespace": sample.GetNamespace(), "name": sample.GetName(), "resourceVersion": sample.GetResourceVersion(),
			}
			api := newRawClient(t, c.config, sample)
			tried, accepted := 0, 0
			for _, part := range []string{"spec", "status"} {
				for _, path := range kinds.of(kindOf(sample), places(full[part], part)) {
					for _, poison := range poisons(path.value) {
						tried++
						answer, err := api.put(t, part, replaced(t, full, path.names, poison))
						if err != nil {
							continue
						}
						accepted++
						if err := decode(answer, sample); err != nil {
							t.Errorf("the API server accepts %s for %s, Go does not: %v", poison, strings.Join(path.names, "."), err)
						}
					}
				}
			}
			t.Logf("%d values tried, %d accepted", tried, accepted)
			total += accepted
		})
	}
	if total == 0 {
		t.Error("nothing was accepted, so nothing was tested")
	}
}

// place is a value in an object, and the names of fields and indexes of lists that lead to it.
type place struct {
	names []string
	value any
}

// places returns the places of everything in a value, and the value's own.
func places(value any, names ...string) []place {
	all := [][]place{{{names, value}}}
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			all = append(all, places(field, append(names[:len(names):len(names)], name)...))
		}
	case []any:
		for i, item := range v {
			all = append(all, places(item, append(names[:len(names):len(names)], strconv.Itoa(i))...))
		}
	}
	return slices.Concat(all...)
}

// distinct tells fields apart by their name and schema. What the API server accepts for one of those that have both in common it accepts for
// all of them, and they are decoded alike.
type distinct struct {
	schemas map[string]string // by path
	seen    map[string]bool
}

// of returns one place of each field that was not there yet.
func (d distinct) of(kind string, all []place) []place {
	return slices.DeleteFunc(all, func(p place) bool {
		path, name := kind, ""
		for _, part := range p.names {
			if _, err := strconv.Atoi(part); err == nil {
				path += "[]"
				continue
			}
			path, name = path+"."+part, part
		}
		field := name + d.schemas[path]
		before := d.seen[field]
		d.seen[field] = true
		return before
	})
}

// schemasByPath returns the schemas of all fields without what they say to people.
func schemasByPath(t *testing.T) map[string]string {
	t.Helper()
	schemas := map[string]string{}
	for _, f := range fields(t) {
		f.Description = ""
		encoded, err := json.Marshal(f.JSONSchemaProps)
		if err != nil {
			t.Fatal(err)
		}
		schemas[f.path] = string(encoded)
	}
	return schemas
}

// replaced returns the JSON of the object with another value at the path.
func replaced(t *testing.T, object map[string]any, path []string, value json.RawMessage) []byte {
	t.Helper()
	encoded, err := json.Marshal(replace(object, path, value))
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func replace(in any, path []string, value json.RawMessage) any {
	if len(path) == 0 {
		return value
	}
	switch v := in.(type) {
	case map[string]any:
		copied := maps.Clone(v)
		copied[path[0]] = replace(v[path[0]], path[1:], value)
		return copied
	case []any:
		at, err := strconv.Atoi(path[0])
		if err != nil {
			panic(err) // Places name the entries of lists by their index.
		}
		copied := slices.Clone(v)
		copied[at] = replace(v[at], path[1:], value)
		return copied
	}
	return in
}

// rawClient sends and receives bytes: no client's type stands between the test and the API server.
type rawClient struct {
	rest *rest.RESTClient
	path string
}

func newRawClient(t *testing.T, config *rest.Config, object client.Object) rawClient {
	t.Helper()
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	config.GroupVersion, config.APIPath = &v1alpha1.GroupVersion, "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	c, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	resource := map[string]string{"TrustedImage": "trustedimages", "ImagePolicy": "imagepolicies", "ClusterImagePolicy": "clusterimagepolicies"}[kindOf(object)]
	path := fmt.Sprintf("/apis/%s/%s/%s", v1alpha1.GroupVersion, resource, object.GetName())
	if namespace := object.GetNamespace(); namespace != "" {
		path = fmt.Sprintf("/apis/%s/namespaces/%s/%s/%s", v1alpha1.GroupVersion, namespace, resource, object.GetName())
	}
	return rawClient{c, path}
}

// put tries to store the object, and returns it as it would be stored.
func (c rawClient) put(t *testing.T, part string, body []byte) ([]byte, error) {
	t.Helper()
	path := c.path
	if part == "status" {
		path += "/status"
	}
	answer, err := c.rest.Put().AbsPath(path).Param("dryRun", "All").Param("fieldValidation", "Ignore").SetHeader("Content-Type", "application/json").Body(body).Do(t.Context()).Raw()
	if err != nil && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		t.Fatalf("%s: %v", body, err)
	}
	return answer, err
}

// decode decodes as a typed informer does.
func decode(stored []byte, as client.Object) error {
	types := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(types); err != nil {
		return err
	}
	into := reflect.New(reflect.TypeOf(as).Elem()).Interface().(client.Object)
	_, _, err := serializer.NewCodecFactory(types).UniversalDeserializer().Decode(stored, nil, into)
	return err
}

func kindOf(object any) string { return reflect.TypeOf(object).Elem().Name() }
