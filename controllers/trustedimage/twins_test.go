// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// twinKills is how often one of two controllers is killed.
const twinKills = 50

// maxKills is how often each of the two is killed at most over one entry.
const maxKills = 8

// TestTwoControllersLeaveOneSignatureAndOneSeal has two processes with one key and separate disks seal the same entry for two environments at
// the same time, kills them with SIGKILL at random moments fifty times in all, and has them come to their ends. Then everything must be there
// once, in each form and on registries of different kinds.
//
// The processes run what a controller does from the moment when an entry stands in the status: looking for the seal, signing, storing and
// attaching, with the real store, client and registries. They are no whole controllers, which take seconds to start, and what stands in the
// status and what was found out about the image is given: the former is shared in a cluster, too.
func TestTwoControllersLeaveOneSignatureAndOneSeal(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	withAPI, without := testregistry.New(t).Host(), testregistry.Distribution(t, "../../bin")
	for name, test := range map[string]struct {
		host string
		tags bool
	}{
		"with the referrers API": {withAPI, false},
		"with the fallback tag":  {without, false},
		"in tag-based form":      {without, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			begun := time.Now()
			span, kills, rounds := time.Duration(0), 0, 0
			for ; kills < twinKills; rounds++ {
				if rounds == twinKills {
					t.Fatalf("only %d kills hit in %d rounds", kills, rounds)
				}
				twins := newTwins(t, test.host, test.tags, span)
				kills += twins.killed(random, min(maxKills, maxKills*rounds), twinKills-kills)
				if took := twins.finished(); rounds == 0 {
					span = took // nobody was killed
				}
				twins.check()
			}
			t.Logf("%d kills in %d rounds, of which one without kills takes %s, in %s", kills, rounds, span, time.Since(begun))
		})
	}
}

// twins are two sealers of one entry.
type twins struct {
	t     *testing.T
	tasks [2]sealer
	// span is how long a sealer works when nobody kills it.
	span time.Duration
}

func newTwins(t *testing.T, host string, tags bool, span time.Duration) *twins {
	t.Helper()
	w := &twins{t: t, span: span}
	record := pushedIndex(t, host)
	for i := range w.tasks {
		w.tasks[i] = sealer{Host: host, Folder: t.TempDir(), Tags: tags, Record: record}
	}
	return w
}

// pushedIndex pushes an index that nobody has yet, and returns the record of it.
func pushedIndex(t *testing.T, host string) v1alpha1.TrustedDigest {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	record := v1alpha1.TrustedDigest{
		Repository: host + "/" + "shop/checkout", TrustedAt: "2026-11-21T09:30:15Z",
		PoliciesHash: v1alpha1.DigestString(image.DigestOf([]byte("policies")).String()),
	}
	for _, architecture := range []string{"amd64", "arm64"} {
		made, err := random.Image(16, 1)
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}})
		record.Platforms = append(record.Platforms, v1alpha1.PlatformDigest{
			Platform: v1alpha1.PlatformString("linux/" + architecture), Digest: v1alpha1.DigestString(digestOf(t, made).String()),
		})
	}
	record.Digest = v1alpha1.DigestString(digestOf(t, index).String())
	at, err := name.NewDigest(record.Repository + "@" + string(record.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(at, index, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return record
}

// killed starts both together and kills each up to so many times, at most so many times in all, and returns how often it hit.
func (w *twins) killed(random *rand.Rand, each, most int) (kills int) {
	var both sync.WaitGroup
	hits := [2]int{}
	for i := range w.tasks {
		moments := make([]time.Duration, min(each, (most+i)/2))
		for m := range moments {
			moments[m] = time.Duration(random.Int64N(int64(w.span) * 2 / 3))
		}
		both.Go(func() {
			for _, moment := range moments {
				ended, _ := w.live(w.tasks[i], moment)
				if ended {
					return
				}
				hits[i]++
			}
		})
	}
	both.Wait()
	return hits[0] + hits[1]
}

// finished starts both and waits for their ends. It returns how long they took.
func (w *twins) finished() (took time.Duration) {
	var both sync.WaitGroup
	spans := [2]time.Duration{}
	for i := range w.tasks {
		both.Go(func() { _, spans[i] = w.live(w.tasks[i], time.Minute) })
	}
	both.Wait()
	return max(spans[0], spans[1])
}

// live runs a sealer and kills it so long after it began to work, unless it ended before.
func (w *twins) live(task sealer, moment time.Duration) (ended bool, took time.Duration) {
	raw, err := json.Marshal(task)
	if err != nil {
		w.t.Error(err)
		return true, 0
	}
	command := exec.CommandContext(w.t.Context(), os.Args[0])
	command.Env = []string{sealerVariable + "=" + string(raw)}
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		w.t.Error(err)
		return true, 0
	}
	words := bufio.NewScanner(output)
	if !words.Scan() || words.Text() != sealerBegins {
		w.t.Errorf("the sealer says %q: %v", words.Text(), command.Wait())
		return true, 0
	}
	begun := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		words.Scan() // until it ends
	}()
	select {
	case <-done:
	case <-time.After(moment):
		_ = command.Process.Kill() // it may have ended by itself
	}
	err = command.Wait()
	if status, _ := command.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return false, 0
	}
	if err != nil {
		w.t.Errorf("the sealer ends with %v", err)
	}
	return true, time.Since(begun)
}

// check demands that everything is attached once, and verifies.
func (w *twins) check() {
	w.t.Helper()
	_, reader, err := w.tasks[0].reconciler(nil, signerfake.NewSigner("seal"))
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := w.tasks[0].entry()
	if err != nil {
		w.t.Fatal(err)
	}
	want := map[string]int{"signature": 1, "seal of dev": 1, "seal of prod": 1}
	if diff := cmp.Diff(want, w.attached(reader, e.reference)); diff != "" {
		w.t.Errorf("attached to the index (-want +got):\n%s", diff)
	}
	for _, manifest := range e.manifests() {
		want := map[string]int{attestation.PredicateSPDX: 1, attestation.PredicateCycloneDX: 1, attestation.PredicateVulnerabilities: 1}
		if diff := cmp.Diff(want, w.attached(reader, image.Reference{Repository: e.reference.Repository, Digest: manifest})); diff != "" {
			w.t.Errorf("attached to a platform's image (-want +got):\n%s", diff)
		}
	}
}

// attached counts what is attached to an image in the form that is meant, by what it is. What does not verify is counted as well.
func (w *twins) attached(reader registry.Reader, about image.Reference) map[string]int {
	w.t.Helper()
	counts, keys := map[string]int{}, attestation.Keys{signerfake.NewSigner("seal").Key()}
	for _, bundle := range w.bundles(reader, about, keys) {
		counts[kindOf(bundle, about, keys)]++
	}
	if !w.tasks[0].Tags {
		return counts
	}
	signed, err := reader.Resolve(w.t.Context(), attestation.SignatureTag(about.Repository, about.Digest))
	switch {
	case registry.IsKind(err, registry.KindNotFound):
	case err != nil:
		w.t.Fatal(err)
	case attestation.FindImageSignature(signed.Manifest.Layers, about, keys[0]) == nil:
		w.t.Error("there is no signature that verifies in the list of signatures")
	default:
		counts["signature"] = len(signed.Manifest.Layers)
	}
	return counts
}

// bundles are the statements about the image, those from a list put back into bundles.
func (w *twins) bundles(reader registry.Reader, about image.Reference, keys attestation.Keys) (bundles [][]byte) {
	w.t.Helper()
	if !w.tasks[0].Tags {
		referrers, err := reader.Referrers(w.t.Context(), about)
		for _, referrer := range referrers {
			var bundle []byte
			if bundle, err = readSeal(w.t.Context(), reader, about.Repository, referrer); err != nil {
				break
			}
			bundles = append(bundles, bundle)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return bundles
	}
	list, err := reader.Resolve(w.t.Context(), attestation.StatementTag(about.Repository, about.Digest))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, layer := range list.Manifest.Layers {
		content, err := readBlob(w.t.Context(), reader, about.Repository, layer)
		if err != nil {
			w.t.Fatal(err)
		}
		bundle, _ := attestation.FromTagged(content, keys) // empty when it does not verify
		bundles = append(bundles, bundle)
	}
	return bundles
}

// kindOf says what a bundle is, or that it does not verify.
func kindOf(bundle []byte, about image.Reference, keys attestation.Keys) string {
	for _, environmentName := range sealedEnvironments {
		if _, err := attestation.OpenSeal(bundle, keys, environment(environmentName), about); err == nil {
			return "seal of " + environmentName.Namespace
		}
	}
	for predicateType, kind := range map[string]string{
		evidence.SignaturePredicate: "signature", attestation.PredicateSPDX: attestation.PredicateSPDX,
		attestation.PredicateCycloneDX: attestation.PredicateCycloneDX, attestation.PredicateVulnerabilities: attestation.PredicateVulnerabilities,
	} {
		if _, err := attestation.Open(bundle, keys, about.Digest, predicateType); err == nil {
			return kind
		}
	}
	return fmt.Sprintf("not valid: %.80q", bundle)
}
