// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pod returns a Pod with the image in its only container.
func pod(images ...string) *Pod {
	p := &Pod{Spec: &PodSpec{}}
	for i, image := range images {
		p.Spec.Containers = append(p.Spec.Containers, Container{Name: fmt.Sprint("c", i), Image: image})
	}
	return p
}

func volume(name, reference string) Volume {
	return Volume{Name: name, Image: &struct {
		Reference string `json:"reference"`
	}{reference}}
}

// TestReview holds that exactly what the namespace trusts may run, in whatever place of the Pod it stands.
func TestReview(t *testing.T) {
	good, bad := written(checkout, "trusted"), written(checkout, "other")
	cases := map[string]struct {
		request Request
		denied  string // what the message contains; "" for allowed
	}{
		"a trusted digest":                      {request: Request{Object: pod(good)}},
		"a trusted digest beside a tag":         {request: Request{Object: pod(strings.Replace(good, "@", ":1.8@", 1))}},
		"a platform of a trusted index":         {request: Request{Object: pod(written(checkout, "trusted amd64"))}},
		"an untrusted container":                {request: Request{Object: pod(bad)}, denied: "container c0"},
		"one of two containers":                 {request: Request{Object: pod(good, bad)}, denied: "container c1"},
		"an untrusted init container":           {request: Request{Object: &Pod{Spec: &PodSpec{InitContainers: []Container{{"i", bad}}}}}, denied: "init container i"},
		"an untrusted ephemeral container":      {request: Request{Object: &Pod{Spec: &PodSpec{EphemeralContainers: []Container{{"e", bad}}}}}, denied: "ephemeral container e"},
		"an untrusted image volume":             {request: Request{Object: &Pod{Spec: &PodSpec{Volumes: []Volume{volume("v", bad)}}}}, denied: "volume v"},
		"a trusted image volume":                {request: Request{Object: &Pod{Spec: &PodSpec{Volumes: []Volume{volume("v", good), {Name: "empty"}}}}}},
		"no container at all":                   {request: Request{Object: &Pod{Spec: &PodSpec{}}}},
		"a container without an image":          {request: Request{Object: pod("")}, denied: "malformed"},
		"no object":                             {request: Request{}, denied: "cannot be decoded"},
		"an object without a spec":              {request: Request{Object: &Pod{}}, denied: "cannot be decoded"},
		"a trusted digest in another namespace": {request: Request{Namespace: "staging", Object: pod(good)}, denied: "no TrustedImage"},
		"an object that is no Pod":              {request: Request{Kind: Kind{"apps", "Deployment"}, Object: pod(good)}, denied: "Pods only"},
		"an update that changes nothing":        {request: Request{Operation: "UPDATE", Object: pod(bad), OldObject: pod(bad)}},
		"an update to an untrusted image":       {request: Request{Operation: "UPDATE", Object: pod(bad), OldObject: pod(good)}, denied: "container c0"},
		"an update to a trusted image":          {request: Request{Operation: "UPDATE", Object: pod(good), OldObject: pod(bad)}},
		"an update that adds an untrusted one":  {request: Request{Operation: "UPDATE", Object: pod(good, bad), OldObject: pod(good)}, denied: "container c1"},
		"an update without the old object":      {request: Request{Operation: "UPDATE", Object: pod(bad)}, denied: "container c0"},
		"an update without the new object":      {request: Request{Operation: "UPDATE", OldObject: pod(bad)}, denied: "cannot be decoded"},
		"a deletion, which brings no image":     {request: Request{Operation: "DELETE"}},
		"more images than any Pod has":          {request: Request{Object: pod(make([]string, maxImages+1)...)}, denied: "more than 512 images"},
		"an old image that moves to another place": {request: Request{Operation: "UPDATE", OldObject: pod(bad),
			Object: &Pod{Spec: &PodSpec{Containers: pod(bad).Spec.Containers, EphemeralContainers: []Container{{"debug", bad}}}}}, denied: "ephemeral container debug"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			request := c.request
			request.UID = "1"
			if request.Kind == (Kind{}) {
				request.Kind = Kind{Kind: "Pod"}
			}
			if request.Namespace == "" {
				request.Namespace = "dev"
			}
			if request.Operation == "" {
				request.Operation = "CREATE"
			}
			got := newAdmitter(t).Review(&request)
			if got.UID != "1" || got.Allowed != (c.denied == "") {
				t.Errorf("got %+v, want allowed to be %t", got, c.denied == "")
			}
			if !got.Allowed && !strings.Contains(got.Status.Message, c.denied) {
				t.Errorf("the message %q does not contain %q", got.Status.Message, c.denied)
			}
		})
	}
}

// TestReasons holds what a person reads whose Pod is denied.
func TestReasons(t *testing.T) {
	cases := map[string]struct{ namespace, image, want string }{
		"another digest is trusted": {image: written(checkout, "other"),
			want: fmt.Sprintf("digest %s is not trusted; TrustedImage checkout trusts %s", digestOf("other").Short(), digestOf("trusted").Short())},
		"the digest was refused": {image: written(checkout, "vulnerable"),
			want: fmt.Sprintf("digest %s was refused: Vulnerable: CVE-2021-44228 in log4j-core, fixed in 2.15.0", digestOf("vulnerable").Short())},
		"the entry is forged": {image: written(payment, "forged"),
			want: fmt.Sprintf("digest %s stands in TrustedImage payment without Assay's signature, which is no trust", digestOf("forged").Short())},
		"the passport trusts nothing yet": {image: written(payment, "new"),
			want: fmt.Sprintf("digest %s is not trusted; TrustedImage payment trusts nothing yet", digestOf("new").Short())},
		"there is no passport": {image: written(ledger, "any"),
			want: "no TrustedImage for repository registry.example.com/shop/ledger in namespace dev; create one"},
		"there is no policy": {image: written("docker.io/library/nginx", "any"),
			want: "no ImagePolicy or ClusterImagePolicy speaks of docker.io/library/nginx in namespace dev; create one"},
		"only a tag, of something trusted": {image: checkout + ":1.8",
			want: fmt.Sprintf("image %q names no digest; write %s", checkout+":1.8", written(checkout, "trusted"))},
		"only a tag, of something else": {image: "nginx:1.25",
			want: `image "nginx:1.25" names no digest; write docker.io/library/nginx@sha256:<digest>`},
		"neither tag nor digest, with a port": {image: "localhost:5000/nginx",
			want: `image "localhost:5000/nginx" names no digest; write localhost:5000/nginx@sha256:<digest>`},
		"another digest algorithm": {image: "nginx@sha512:" + strings.Repeat("a", 128),
			want: `image "nginx@sha512:` + strings.Repeat("a", 67) + `" is malformed; write repository@sha256:<digest>`},
		"an image that would move a cursor": {image: "nginx\x1b[2J",
			want: `image "nginx\x1b[2J" is malformed; write repository@sha256:<digest>`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := newAdmitter(t).Review(&Request{UID: "1", Kind: Kind{Kind: "Pod"}, Namespace: "dev", Operation: "CREATE", Object: pod(c.image)})
			if got.Allowed {
				t.Fatal("allowed")
			}
			if diff := cmp.Diff("container c0: "+c.want, got.Status.Message); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if got.Status.Code != 403 {
				t.Errorf("code %d, want 403", got.Status.Code)
			}
		})
	}
}

func TestNothingIsAdmittedBeforeTheIndexIsLoaded(t *testing.T) {
	a := newAdmitter(t)
	a.Synced = func() bool { return false }
	got := a.Review(&Request{UID: "1", Kind: Kind{Kind: "Pod"}, Namespace: "dev", Operation: "CREATE", Object: pod(written(checkout, "trusted"))})
	if got.Allowed || got.Status.Code != 503 {
		t.Errorf("got %+v, want a denial with 503", got)
	}
}

// TestAudit holds that the strictest mode counts, and that Audit lets in and tells.
func TestAudit(t *testing.T) {
	request := &Request{UID: "1", Kind: Kind{Kind: "Pod"}, Namespace: "dev", Operation: "CREATE"}
	lenient := written("registry.example.com/shop/lenient", "any")

	request.Object = pod(lenient)
	got := newAdmitter(t).Review(request)
	message := "container c0: no TrustedImage for repository registry.example.com/shop/lenient in namespace dev; create one"
	want := Response{UID: "1", Allowed: true, Warnings: []string{message}, AuditAnnotations: map[string]string{"untrusted": message}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("only Audit: want -, got +:\n%s", diff)
	}

	request.Object = pod(lenient, written(checkout, "other"))
	got = newAdmitter(t).Review(request)
	if got.Allowed || strings.Contains(got.Status.Message, "lenient") || len(got.Warnings) != 1 || len(got.AuditAnnotations) != 0 {
		t.Errorf("Audit beside Enforce: got %+v, want a denial for the enforced image with a warning for the other", got)
	}
}

func TestManyRefusalsAreCut(t *testing.T) {
	images := make([]string, 100)
	for i := range images {
		images[i] = fmt.Sprint(strings.Repeat("x", 300), i)
	}
	got := newAdmitter(t).Review(&Request{UID: "1", Kind: Kind{Kind: "Pod"}, Namespace: "dev", Operation: "CREATE", Object: pod(images...)})
	if message := got.Status.Message; len(message) > 9*(maxRefusal+2) || !strings.HasSuffix(message, "and 92 more") {
		t.Errorf("%d characters: %s", len(message), message)
	}
}

// TestAddingAContainerNeverAdmits holds that no order and no number of images turns a denial into an admission.
func TestAddingAContainerNeverAdmits(t *testing.T) {
	a := newAdmitter(t)
	good, bad, lenient := written(checkout, "trusted"), written(checkout, "other"), written("registry.example.com/shop/lenient", "any")
	for n := range 20 {
		images := make([]string, n+1)
		for i := range images {
			images[i] = []string{good, lenient}[i%2]
		}
		images[n/2] = bad
		if a.Review(&Request{UID: "1", Kind: Kind{Kind: "Pod"}, Namespace: "dev", Operation: "CREATE", Object: pod(images...)}).Allowed {
			t.Errorf("%d containers with an untrusted one in place %d are admitted", n+1, n/2)
		}
	}
}
