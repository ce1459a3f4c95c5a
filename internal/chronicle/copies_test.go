// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/chronicle"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	registryfake "github.com/assay-dev/assay/internal/registry/fake"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/fake"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// cluster is a world with copies in a registry.
type cluster struct {
	*world
	*chronicle.Copies
	registry *registryfake.Registry
	about    image.Reference
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{world: newWorld(t), registry: &registryfake.Registry{}, about: reference(t, "registry.example.com/shop/checkout")}
	c.Copies = &chronicle.Copies{Chronicle: c.world.Chronicle, Signer: fake.NewSigner("seal")}
	return c
}

func reference(t *testing.T, repository string) image.Reference {
	t.Helper()
	parsed, err := image.ParseReference(repository + "@" + image.DigestOf([]byte("an image")).String())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// loseDisk opens an empty chronicle in place of the one that was there.
func (c *cluster) loseDisk() {
	c.t.Helper()
	if err := c.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.dir = c.t.TempDir()
	c.reopen()
}

func (c *cluster) reopen() {
	c.t.Helper()
	c.open()
	c.Copies = &chronicle.Copies{Chronicle: c.world.Chronicle, Signer: c.Signer, Retired: c.Retired, Repository: c.Repository}
}

// look gathers, dates and publishes as the controller does, and returns the times of the findings.
func (c *cluster) look(findings ...evidence.Finding) []evidence.Finding {
	c.t.Helper()
	if _, err := c.Restore(c.t.Context(), c.registry, c.about); err != nil {
		c.t.Fatal(err)
	}
	if err := c.Date(c.t.Context(), findings); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.Publish(c.t.Context(), c.registry, c.about, findings); err != nil {
		c.t.Fatal(err)
	}
	return findings
}

// puts counts how often a copy was written.
func (c *cluster) puts() int {
	return len(c.calls("PutTagged "))
}

func (c *cluster) calls(prefix string) (matching []string) {
	for _, call := range c.registry.Calls() {
		if strings.HasPrefix(call, prefix) {
			matching = append(matching, call)
		}
	}
	return matching
}

// TestALostDiskStartsNoGraceAgain: whatever happens to the disk, times are those of the first look.
func TestALostDiskStartsNoGraceAgain(t *testing.T) {
	c := newCluster(t)
	c.look(finding(openssl+"@1", ""))
	c.clock.SetTime(later)
	c.look(finding(openssl+"@1", "2"))

	c.clock.SetTime(noon.Add(1000 * time.Hour))
	c.loseDisk()
	findings := c.look(finding(openssl+"@1?arch=amd64", "2"), finding("pkg:deb/debian/zlib@1", "1"))
	if !findings[0].FirstSeen.Equal(noon) || !findings[0].FixSeen.Equal(later) {
		t.Errorf("first seen %v, fix seen %v", findings[0].FirstSeen, findings[0].FixSeen)
	}
	if !findings[1].FirstSeen.Equal(c.clock.Now()) {
		t.Errorf("what is new was seen %v", findings[1].FirstSeen)
	}
	if got := c.FirstSeen(c.about.Digest); !got.Equal(noon) {
		t.Errorf("the digest was first seen %v", got)
	}
}

// TestADamagedDiskStartsNoGraceAgain: what stood in a damaged line is read from the copy, although the digest is known.
func TestADamagedDiskStartsNoGraceAgain(t *testing.T) {
	c := newCluster(t)
	c.look(finding(openssl+"@1", ""))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.dir, "chronicle.log")
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(log, []byte("CVE-2026-1"), []byte("CVE-2026-7"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	c.reopen()
	c.clock.SetTime(later)
	if got := c.look(finding(openssl+"@1", ""))[0].FirstSeen; !got.Equal(noon) {
		t.Errorf("first seen %v", got)
	}
	if got := c.FirstSeen(c.about.Digest); !got.Equal(noon) || c.puts() != 1 {
		t.Errorf("the digest was first seen %v, and %d copies were written", got, c.puts())
	}
	reads := len(c.calls("Resolve "))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c.reopen()
	c.look(finding(openssl+"@1", ""))
	if again := len(c.calls("Resolve ")); again != reads {
		t.Error("the copy was read again after the damage was mended")
	}
}

// TestRestoreTellsWhatWasSeenEarlier: another image had the vulnerability, and was looked at first after the disk was lost.
func TestRestoreTellsWhatWasSeenEarlier(t *testing.T) {
	c := newCluster(t)
	c.look(finding(openssl+"@1", ""))
	c.clock.SetTime(later)
	c.loseDisk()
	c.date(finding(openssl+"@2", ""))
	earlier, err := c.Restore(t.Context(), c.registry, c.about)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]struct{}{"CVE-2026-1": {}}, earlier); diff != "" {
		t.Errorf("earlier (-want +got):\n%s", diff)
	}
	if got := c.date(finding(openssl+"@2", ""))[0]; !got.Equal(noon) {
		t.Errorf("first seen %v", got)
	}
}

// TestARegistryThatFailsIsNoFreshStart: nothing is known of a digest whose copy nobody could look for.
func TestARegistryThatFailsIsNoFreshStart(t *testing.T) {
	for name, failure := range map[string]*registry.Error{
		"that cannot be reached":    registry.NewError(registry.KindUnavailable, nil, "it does not answer"),
		"that lets nobody look":     registry.NewError(registry.KindUnauthorized, nil, "it wants credentials"),
		"that gives something else": registry.NewError(registry.KindDigestMismatch, nil, "it has another digest"),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.look(finding(openssl+"@1", ""))
			c.clock.SetTime(later)
			c.loseDisk()
			c.registry.Fail(failure)
			for range 2 {
				if _, err := c.Restore(t.Context(), c.registry, c.about); !registry.IsKind(err, failure.Kind) {
					t.Errorf("got %v", err)
				}
			}
			c.registry.Fail(nil)
			if got := c.look(finding(openssl+"@1", ""))[0].FirstSeen; !got.Equal(noon) {
				t.Errorf("first seen %v", got)
			}
		})
	}
}

// TestCopiesThatAreNotAssays are left out and written over.
func TestCopiesThatAreNotAssays(t *testing.T) {
	const predicate = `{"entries":[{"id":"CVE-2026-1","package":"pkg:deb/debian/openssl","firstSeen":"2020-01-01T00:00:00Z"}]}`
	attested := func(t *testing.T, signer signature.Signer, about image.Reference, predicateType, predicate string) registry.Artifact {
		t.Helper()
		made, err := attestation.Attest(t.Context(), attestation.ByKey(signer), about, predicateType, []byte(predicate))
		if err != nil {
			t.Fatal(err)
		}
		return attestation.Artifact(made, predicateType)
	}
	seal := fake.NewSigner("seal")
	longAgo := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		put  func(*testing.T, *cluster) registry.Artifact
		want time.Time
	}{
		"one of Assay's": {func(t *testing.T, c *cluster) registry.Artifact {
			return attested(t, seal, c.about, attestation.PredicateChronicle, predicate)
		}, longAgo},
		"one by a seal key of before": {func(t *testing.T, c *cluster) registry.Artifact {
			c.Retired = []signature.Key{fake.NewSigner("seal before").Key()}
			return attested(t, fake.NewSigner("seal before"), c.about, attestation.PredicateChronicle, predicate)
		}, longAgo},
		"one by another key": {func(t *testing.T, c *cluster) registry.Artifact {
			return attested(t, fake.NewSigner("another"), c.about, attestation.PredicateChronicle, predicate)
		}, later},
		"one about another digest": {func(t *testing.T, c *cluster) registry.Artifact {
			other := image.Reference{Repository: c.about.Repository, Digest: image.DigestOf([]byte("another"))}
			return attested(t, seal, other, attestation.PredicateChronicle, predicate)
		}, later},
		"another attestation": {func(t *testing.T, c *cluster) registry.Artifact {
			return attested(t, seal, c.about, attestation.PredicateSPDX, predicate)
		}, later},
		"one of another form": {func(t *testing.T, c *cluster) registry.Artifact {
			return attested(t, seal, c.about, attestation.PredicateChronicle, `{"entries":{}}`)
		}, later},
		"one with times that are none": {func(t *testing.T, c *cluster) registry.Artifact {
			return attested(t, seal, c.about, attestation.PredicateChronicle, strings.ReplaceAll(predicate, "2020-01-01T00:00:00Z", "0000-00-00"))
		}, later},
		"something else": {func(*testing.T, *cluster) registry.Artifact {
			return registry.Artifact{MediaType: "text/plain", Content: []byte("hello")}
		}, later},
		"something large": {func(*testing.T, *cluster) registry.Artifact {
			return registry.Artifact{MediaType: attestation.BundleMediaType, Content: make([]byte, 8<<20+1)}
		}, later},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.clock.SetTime(later)
			tag := image.Tag{Repository: c.about.Repository, Name: "sha256-" + c.about.Digest.Hex() + ".chronicle"}
			if _, err := c.registry.PutTagged(t.Context(), tag, test.put(t, c)); err != nil {
				t.Fatal(err)
			}
			if got := c.look(finding(openssl+"@1", ""))[0].FirstSeen; !got.Equal(test.want) {
				t.Errorf("first seen %v, want %v", got, test.want)
			}
			c.Retired = nil
			c.loseDisk()
			c.clock.SetTime(later.Add(1000 * time.Hour))
			if got := c.look(finding(openssl+"@1", ""))[0].FirstSeen; !got.Equal(test.want) {
				t.Errorf("first seen after the disk was lost %v, want %v", got, test.want)
			}
		})
	}
}

// TestCopiesAreWrittenSeldom: when times became known, and otherwise once a day at most.
func TestCopiesAreWrittenSeldom(t *testing.T) {
	c := newCluster(t)
	one, two := finding(openssl+"@1", ""), finding("pkg:deb/debian/zlib@1", "")
	fixed := one
	fixed.FixedVersion = "2"
	for i, step := range []struct {
		after    time.Duration
		findings []evidence.Finding
		restart  bool
		want     int // copies so far
	}{
		{0, []evidence.Finding{one}, false, 1},
		{0, []evidence.Finding{one}, false, 1},
		{100 * time.Hour, []evidence.Finding{one}, false, 1},
		{0, []evidence.Finding{one}, true, 1},
		{time.Minute, []evidence.Finding{one, two}, false, 2},      // a new one
		{time.Minute, []evidence.Finding{one}, false, 2},           // one less
		{time.Minute, []evidence.Finding{fixed, two}, true, 3},     // a fix
		{time.Minute, []evidence.Finding{two}, false, 3},           // one less
		{24 * time.Hour, []evidence.Finding{two}, true, 4},         // still one less a day later
		{time.Minute, []evidence.Finding{two, one}, false, 4},      // one that was seen before
		{24 * time.Hour, []evidence.Finding{one, two}, false, 5},   // still there a day later
		{time.Minute, []evidence.Finding{two, one, two}, false, 5}, // the same in another order
	} {
		c.clock.SetTime(c.clock.Now().Add(step.after))
		if step.restart {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			c.reopen()
		}
		c.look(step.findings...)
		if got := c.puts(); got != step.want {
			t.Errorf("step %d: %d copies written, want %d", i, got, step.want)
		}
	}
	if reads := len(c.calls("Resolve ")); reads != 1 {
		t.Errorf("the copy was looked for %d times, want once", reads)
	}
}

func TestAnImageWithoutFindingsIsRememberedToo(t *testing.T) {
	c := newCluster(t)
	c.look()
	c.clock.SetTime(later)
	c.loseDisk()
	c.look()
	if got := c.FirstSeen(c.about.Digest); !got.Equal(noon) || c.puts() != 1 {
		t.Errorf("first seen %v, %d copies", got, c.puts())
	}
}

func TestCopiesInARepositoryOfTheirOwn(t *testing.T) {
	c := newCluster(t)
	c.Repository = reference(t, "evidence.example.com/assay").Repository
	c.look(finding(openssl+"@1", ""))
	for _, call := range c.registry.Calls() {
		if !strings.Contains(call, "evidence.example.com/assay:") {
			t.Errorf("asked for %s", call)
		}
	}
	c.clock.SetTime(later)
	c.loseDisk()
	// The same digest in another repository: there is one copy for both.
	c.about = reference(t, "registry.example.com/elsewhere")
	if got := c.look(finding(openssl+"@1", ""))[0].FirstSeen; !got.Equal(noon) {
		t.Errorf("first seen %v", got)
	}
}

// TestARegistryThatMayNotBeWritten is told, and not asked again and again.
func TestARegistryThatMayNotBeWritten(t *testing.T) {
	c := newCluster(t)
	if _, err := c.Restore(t.Context(), c.registry, c.about); err != nil {
		t.Fatal(err)
	}
	c.registry.Fail(registry.NewError(registry.KindUnauthorized, nil, "it may be read only"))
	findings := []evidence.Finding{finding(openssl+"@1", "")}
	if err := c.Date(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		after time.Duration
		tries int
	}{{0, 1}, {11 * time.Hour, 1}, {time.Hour, 2}} {
		c.clock.SetTime(c.clock.Now().Add(step.after))
		if wrote, err := c.Publish(t.Context(), c.registry, c.about, findings); wrote || !registry.IsKind(err, registry.KindUnauthorized) {
			t.Errorf("got %v, %v", wrote, err)
		}
		if got := c.puts(); got != step.tries {
			t.Errorf("step %d: %d tries, want %d", i, got, step.tries)
		}
	}
	c.clock.SetTime(c.clock.Now().Add(12 * time.Hour))
	c.registry.Fail(nil)
	if wrote, err := c.Publish(t.Context(), c.registry, c.about, findings); !wrote || err != nil {
		t.Errorf("when it may be written again: %v, %v", wrote, err)
	}
}

func TestACopyThatCouldNotBeWrittenIsTriedAgain(t *testing.T) {
	c := newCluster(t)
	c.look()
	c.registry.Fail(registry.NewError(registry.KindUnavailable, nil, "it does not answer"))
	findings := []evidence.Finding{finding(openssl+"@1", "")}
	if err := c.Date(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	if wrote, err := c.Publish(t.Context(), c.registry, c.about, findings); wrote || !registry.IsKind(err, registry.KindUnavailable) {
		t.Errorf("got %v, %v", wrote, err)
	}
	c.registry.Fail(nil)
	if wrote, err := c.Publish(t.Context(), c.registry, c.about, findings); !wrote || err != nil {
		t.Errorf("got %v, %v", wrote, err)
	}
}

// TestCopiesInARealRegistry: on both kinds of registries, and the list of the image's referrers does not grow.
func TestCopiesInARealRegistry(t *testing.T) {
	for name, r := range map[string]*testregistry.Registry{
		"with the referrers API":    testregistry.New(t),
		"without the referrers API": testregistry.New(t, testregistry.WithoutReferrers()),
	} {
		t.Run(name, func(t *testing.T) {
			client, err := oci.New(oci.Options{AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, InsecureHosts: []string{r.Host()}})
			if err != nil {
				t.Fatal(err)
			}
			reader, err := client.Reader(registry.Credentials{})
			if err != nil {
				t.Fatal(err)
			}
			writer, err := client.Writer(registry.Credentials{})
			if err != nil {
				t.Fatal(err)
			}
			c := newCluster(t)
			c.about = reference(t, r.Host()+"/shop/checkout")
			look := func(findings ...evidence.Finding) time.Time {
				t.Helper()
				if _, err := c.Restore(t.Context(), reader, c.about); err != nil {
					t.Fatal(err)
				}
				if err := c.Date(t.Context(), findings); err != nil {
					t.Fatal(err)
				}
				if wrote, err := c.Publish(t.Context(), writer, c.about, findings); err != nil || !wrote {
					t.Fatalf("got %v, %v", wrote, err)
				}
				return findings[0].FirstSeen
			}
			for i := range 3 {
				c.clock.SetTime(noon.Add(time.Duration(i) * time.Minute))
				look([]evidence.Finding{finding(openssl+"@1", ""), finding("pkg:deb/debian/zlib@1", ""), finding("pkg:deb/debian/bash@1", "")}[:i+1]...)
			}
			c.loseDisk()
			if got := look(finding(openssl+"@1", ""), finding("pkg:deb/debian/attr@1", "")); !got.Equal(noon) {
				t.Errorf("first seen %v", got)
			}
			if referrers, err := reader.Referrers(t.Context(), c.about); len(referrers) > 0 {
				t.Errorf("%d referrers, %v", len(referrers), err)
			}
			r.Script(testregistry.Row{Fault: testregistry.Unavailable})
			c.loseDisk()
			if _, err := c.Restore(t.Context(), reader, c.about); !registry.IsKind(err, registry.KindUnavailable) {
				t.Errorf("a registry that fails: %v", err)
			}
		})
	}
}
