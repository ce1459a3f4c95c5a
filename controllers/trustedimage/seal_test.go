// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

func TestAFreshDiskMakesNoSecondSeal(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.push("1.8", "good")
	sealed := w.settle(dev).Status.Trusted.SealDigest
	w.clock.Step(time.Hour)
	w.start(w.reconciler.Seals.Signer, t.TempDir())
	attaches := w.registry.attaches
	object := w.settle(dev)
	if more := w.registry.attaches - attaches; more > 0 || object.Status.Trusted.SealDigest != sealed {
		t.Errorf("%d documents were attached again; the seal is %s, was %s",
			more, object.Status.Trusted.SealDigest, sealed)
	}
}

func TestARestartAsksNoRegistryAboutWhatWasAttached(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.push("1.8", "good")
	folder := t.TempDir()
	w.start(w.reconciler.Seals.Signer, folder)
	before := w.settle(dev)
	for name, test := range map[string]struct {
		wait time.Duration
		more int
	}{
		"soon":  {time.Hour, 1}, // what the tag names
		"later": {attachedFor, 1 + 2*4},
	} {
		t.Run(name, func(t *testing.T) {
			w.clock.Step(test.wait)
			w.start(w.reconciler.Seals.Signer, folder)
			requests := w.registry.requests
			after := w.settle(dev)
			if more := w.registry.requests - requests; more > test.more || after.ResourceVersion != before.ResourceVersion {
				t.Errorf("the registry was asked %d times; the status was written: %v", more, after.ResourceVersion != before.ResourceVersion)
			}
		})
	}
}

func TestTheStatusNamesTheSealThatIsKept(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.registry.denyPush = true
	digest := w.push("1.8", "good")
	w.settle(dev)
	w.clock.Step(time.Hour)
	w.start(w.reconciler.Seals.Signer, t.TempDir())
	object := w.settle(dev)
	kept, err := w.reconciler.Seals.Store.Get(t.Context(), digest, evidence.SealKind(environment(dev)))
	if err != nil {
		t.Fatal(err)
	}
	if want := v1alpha1.DigestString(imageDigest(kept)); object.Status.Trusted.SealDigest != want {
		t.Errorf("the status names the seal %s, kept is %s", object.Status.Trusted.SealDigest, want)
	}
}

func TestARegistryThatMayOnlyBeReadIsToldWithWhatADiskThatIsLostTakesAlong(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.registry.denyPush = true
	w.push("1.8", "good")
	object := w.settle(dev)
	sealed := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.SealedCondition)
	if sealed.Reason != v1alpha1.ReasonPushDenied {
		t.Errorf("Sealed=%s, %s", sealed.Status, sealed.Reason)
	}
	message := sealed.Message
	for _, want := range []string{"seal", "SBOMs", "first-seen times", "the controller's disk only", "--registry-config", "--evidence-repository"} {
		if !strings.Contains(message, want) {
			t.Errorf("%q does not name %q", message, want)
		}
	}
	if len(message) > 256 {
		t.Errorf("the message has %d characters", len(message))
	}
}
