// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// isAdmitted says whether a new Pod of the namespace dev may run.
func isAdmitted(a *Admitter, p *Pod) bool {
	return a.Review(&Request{UID: "1", Kind: Kind{Kind: "Pod"}, Namespace: "dev", Operation: "CREATE", Object: p}).Allowed
}

// rotated is the list from the place i on, and then what is before it.
func rotated(list []string, i int) []string { return slices.Concat(list[i:], list[:i]) }

// TestSEC30NoPlaceAmongTheContainersIsOverlooked: of kyverno's faults #14862, by which only what came first was enforced, and #16208, by
// which what no rule spoke of ended the work. Pods of 1 to 20 containers in every rotation, with what is enforced, what is audited and
// what no policy speaks of.
func TestSEC30NoPlaceAmongTheContainersIsOverlooked(t *testing.T) {
	a := newAdmitter(t)
	good, audited := written(checkout, "trusted"), written("registry.example.com/shop/lenient", "any")
	untrusted := map[string]string{
		"an untrusted digest":                 written(checkout, "other"),
		"a refused digest":                    written(checkout, "vulnerable"),
		"a forged claim":                      written(payment, "forged"),
		"an image that no policy speaks of":   written("docker.io/library/nginx", "any"),
		"an image without a digest":           checkout + ":1.8",
		"an image that is malformed":          "nginx@sha256:x",
		"a container without an image at all": "",
	}
	for n := range 20 {
		images := make([]string, n+1)
		for i := range images {
			images[i] = []string{good, audited}[i%2]
		}
		for i := range images {
			if !isAdmitted(a, pod(rotated(images, i)...)) {
				t.Errorf("%d containers that may run, from the one at %d on, are denied", n+1, i)
			}
		}
		for what, image := range untrusted {
			images[0] = image
			for i := range images {
				if isAdmitted(a, pod(rotated(images, i)...)) {
					t.Errorf("%d containers, from the one at %d on, are admitted with %s", n+1, i, what)
				}
			}
		}
	}
}

// TestSEC30AddingAContainerNeverTurnsADenialIntoAnAdmission, wherever in the Pod it is added and whatever its image is.
func TestSEC30AddingAContainerNeverTurnsADenialIntoAnAdmission(t *testing.T) {
	a, random := newAdmitter(t), rand.New(rand.NewPCG(30, 14862))
	all := []string{
		written(checkout, "trusted"), written(checkout, "trusted amd64"), written("registry.example.com/shop/lenient", "any"),
		written(checkout, "other"), written(payment, "forged"), written("docker.io/library/nginx", "any"), checkout, "",
	}
	anyContainer := func() Container {
		return Container{Name: fmt.Sprint("c", random.IntN(4)), Image: all[random.IntN(len(all))]}
	}
	denied := 0
	for range 20_000 {
		before := PodSpec{}
		for range random.IntN(5) {
			before = with(before, random, anyContainer())
		}
		if isAdmitted(a, &Pod{Spec: &before}) {
			continue
		}
		denied++
		after := with(before, random, anyContainer())
		if isAdmitted(a, &Pod{Spec: &after}) {
			t.Fatalf("%+v is denied, and %+v is admitted", before, after)
		}
	}
	if denied < 5000 {
		t.Errorf("only %d denials were there to turn", denied)
	}
}

// with is the Pod with one more image, somewhere.
func with(spec PodSpec, random *rand.Rand, c Container) PodSpec {
	into := func(list []Container) []Container {
		return slices.Insert(slices.Clone(list), random.IntN(len(list)+1), c)
	}
	switch random.IntN(4) {
	case 0:
		spec.InitContainers = into(spec.InitContainers)
	case 1:
		spec.EphemeralContainers = into(spec.EphemeralContainers)
	case 2:
		spec.Volumes = append(slices.Clone(spec.Volumes), volume(c.Name, c.Image))
	default:
		spec.Containers = into(spec.Containers)
	}
	return spec
}

// TestSEC30WhatIsNoPodIsDenied: of kyverno's fault #15705, an object that was lost on the way was judged as a Pod without containers.
func TestSEC30WhatIsNoPodIsDenied(t *testing.T) {
	for name, p := range map[string]*Pod{"no object": nil, "an empty object": {}, "an object without a spec": {Spec: nil}} {
		if isAdmitted(newAdmitter(t), p) {
			t.Errorf("%s is admitted", name)
		}
	}
	good := string(reviewOf(t, written(checkout, "trusted")))
	for name, body := range map[string]string{
		"no object":              strings.Replace(good, `"object":`, `"anotherObject":`, 1),
		"null":                   rawObject(good, "null"),
		"an empty object":        rawObject(good, "{}"),
		"a list":                 rawObject(good, "[]"),
		"a text":                 rawObject(good, `"Pod"`),
		"a spec that is null":    rawObject(good, `{"spec":null}`),
		"a spec that is a list":  rawObject(good, `{"spec":[]}`),
		"a spec in another case": rawObject(good, `{"SPEC":{"containers":[{"image":"nginx"}]}}`),
		"containers in a text":   rawObject(good, `{"spec":{"containers":"x"}}`),
		"an object that is cut":  rawObject(good, `{"spec":{"containers":[`),
	} {
		recorder := httptest.NewRecorder()
		NewHandler(newAdmitter(t)).ServeHTTP(recorder, post(t, []byte(body)))
		if answer := recorder.Body.String(); recorder.Code == 200 && !strings.Contains(answer, `"allowed":false`) {
			t.Errorf("%s: %s", name, answer)
		}
	}
}
