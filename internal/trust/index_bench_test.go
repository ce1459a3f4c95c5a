// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/assay-dev/assay/internal/image"
)

// fleet returns the passports of n images in dev, staging and prod, each an index of two platforms that all three trust.
func fleet(b *testing.B, seal *sealKey, n int) []Passport {
	b.Helper()
	var passports []Passport
	for i := range n / 3 {
		repository := repositoryOf(b, fmt.Sprintf("registry.example.com/team-%d/service-%d", i%50, i))
		name := fmt.Sprint("service-", i)
		for _, namespace := range []string{"dev", "staging", "prod"} {
			passports = append(passports, seal.sign(Passport{Namespace: namespace, Name: name, Claims: []Claim{{
				Repository: repository, Digest: digest(name), PoliciesHash: digest(namespace),
				Platforms: []image.Digest{digest(name + "amd64"), digest(name + "arm64")},
			}}}))
		}
	}
	return passports
}

func BenchmarkAdmissible(b *testing.B) {
	for _, n := range []int{1000, 10000, 50000} {
		b.Run(fmt.Sprint(n, " images"), func(b *testing.B) {
			seal := newSeal(b)
			x := &Index{}
			x.SetKeys(seal.public())
			passports := fleet(b, seal, n)
			x.Replace(passports)
			p := passports[len(passports)/2]
			reference := image.Reference{Repository: p.Claims[0].Repository, Digest: p.Claims[0].Platforms[1]}
			b.ReportAllocs()
			for b.Loop() {
				if !x.Admissible(p.Namespace, reference) {
					b.Fatal("not admissible")
				}
			}
		})
	}
}

// BenchmarkReplace measures what a first list costs, with the verification of every entry, and what is kept of it.
func BenchmarkReplace(b *testing.B) {
	for _, n := range []int{10000, 50000} {
		b.Run(fmt.Sprint(n, " images"), func(b *testing.B) {
			empty := heap()
			x := replaced(b, n)
			b.ReportMetric(float64(heap()-empty)/float64(n), "B/image")
			runtime.KeepAlive(x)
		})
	}
}

// replaced returns an index into which a fleet was put as often as the benchmark asks.
func replaced(b *testing.B, n int) *Index {
	b.Helper()
	seal := newSeal(b)
	passports := fleet(b, seal, n)
	x := &Index{}
	for b.Loop() {
		x = &Index{}
		x.SetKeys(seal.public())
		x.Replace(passports)
	}
	return x
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
