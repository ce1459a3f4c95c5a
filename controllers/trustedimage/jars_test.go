// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/inventory"
)

// fakeJavaDatabase names all jars, or none.
type fakeJavaDatabase struct {
	version string
	names   bool
	err     error
}

func (f *fakeJavaDatabase) Version() string { return f.version }

func (f *fakeJavaDatabase) Name(_ context.Context, jars []inventory.Jar) (inventory.Naming, error) {
	naming := inventory.Naming{Database: f.version}
	for i := range jars {
		if f.names {
			naming.Jars = append(naming.Jars, i)
		}
	}
	return naming, f.err
}

// denyingUnidentified refuses images with jars that nobody can name.
func denyingUnidentified() *v1alpha1.ClusterImagePolicy {
	policy := noFixableCriticals()
	policy.Spec.Vulnerabilities.Unidentified = v1alpha1.ToleranceDeny
	return policy
}

func TestAnotherJavaDatabaseWakesExactlyThoseWithJars(t *testing.T) {
	w, names, _ := fleet(t, denyingUnidentified())
	java := &fakeJavaDatabase{version: "1"}
	w.reconciler.Gatherer.Jars = java
	w.registry.jars = []inventory.Jar{{Path: "app/library.jar"}}
	w.push("b", "with a jar")
	w.clock.Step(time.Hour)
	if object := w.settle(names...); object.Namespace != "dev" || w.get(names[1]).Status.Summary.Reason != v1alpha1.ReasonUnidentified {
		t.Fatalf("%+v", w.get(names[1]).Status.Summary)
	}
	requests, indexed := w.registry.requests, w.registry.indexed
	changed := func() []string {
		return w.wokenBy(func(waker *Waker) { waker.JavaDatabaseChanged(t.Context()) })
	}

	java.version, java.err = "2", errors.New("it is damaged")
	mustWake(t, changed(), "dev/b")
	version := w.get(names[1]).ResourceVersion
	if object := w.settle(names[1]); object.ResourceVersion != version {
		t.Errorf("the names of before do not count while there are no new ones: %+v", object.Status.Summary)
	}

	java.version, java.err = "3", nil
	mustWake(t, changed(), "dev/b")
	if object := w.settle(names...); w.get(names[1]).ResourceVersion != version {
		t.Errorf("the status was written though the database says the same: %+v", object.Status.Summary)
	}
	if w.registry.requests != requests {
		t.Errorf("the registry was asked %d times because of a Java database", w.registry.requests-requests)
	}

	java.version, java.names = "4", true
	mustWake(t, changed(), "dev/b")
	if object := w.settle(names[1]); object.Status.Summary.Reason != v1alpha1.ReasonPolicyPassed {
		t.Errorf("a jar that has a name now is unidentified still: %+v", object.Status.Summary)
	}
	if w.registry.indexed != indexed {
		t.Error("the image was indexed again")
	}
}
