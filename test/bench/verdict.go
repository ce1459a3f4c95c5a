// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// runs of each side, in turn, each on an image of its own.
	runs = 3
	// bigRepository is where the big images are pushed.
	bigRepository = "bench/big"
	// wallTarget and peakTarget are what a new image of 100 MB may cost of `trivy image`, knownTarget what one may of which 9 of 10
	// layers are known.
	wallTarget  = 0.6
	peakTarget  = 1.0
	knownTarget = 0.05
)

// demand is what is to be found out about an image.
type demand struct {
	title string
	// namespace is that of Assay's environment, flags are trivy's.
	namespace string
	flags     []string
	// images are numbered from here on.
	first int
}

var (
	vulnerabilitiesOnly = demand{title: "push to verdict of %d MB", namespace: "dev", flags: []string{"--scanners=vuln"}}
	// secretsToo is what the command does unless it is told otherwise.
	secretsToo = demand{title: "push to verdict of %d MB with a search for secrets", namespace: "searched", first: 100}
)

// searched demands what the environments of the story do, and that there are no secrets in the image.
const searched = `
apiVersion: v1
kind: Namespace
metadata: {name: searched}
---
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: searched}
spec:
  namespaces: [searched]
  vulnerabilities:
    block:
    - {name: exploited, exploited: Known}
    - {name: fixable, minSeverity: Critical, fix: Available}
  image: {secrets: Deny}
  authorities:
  - name: release
    key: {configMapKeyRef: {name: release-key, key: cosign.pub}}
  signatures:
  - {name: released, anyOf: [release]}
`

// bigPushed is a big image in the registry.
type bigPushed struct {
	wanted demand
	number int
	tag    string
	digest string
	layers []string // digests
	bytes  int64    // compressed
}

// pushToVerdict measures the way of a new image from its passport to its verdict.
func pushToVerdict(ctx context.Context, b *bench) ([]result, error) {
	measured, size, err := b.takeTurns(ctx, vulnerabilitiesOnly, ownLayers, assaySide, trivySide, plainSide)
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf(vulnerabilitiesOnly.title, size/1e6)
	may := targets{wall: []float64{wallTarget}, peak: []float64{peakTarget}}
	results := append(against(title, measured, trivySide, may), against(title, measured, plainSide, targets{})...)
	prepared := medianOf(measured[assaySide.name], func(u usage) float64 { return float64(u.prepared) / mebibyte })
	theirs := medianOf(measured[trivySide.name], func(u usage) float64 { return float64(u.peak) / mebibyte })
	return append(results, compare("afterwards, while children for the next image start, peak memory, of trivy image", "MiB", prepared, theirs)), nil
}

// knownLayers measures the same for images of which all layers but the last are those of images that were judged before.
func knownLayers(ctx context.Context, b *bench) ([]result, error) {
	measured, size, err := b.takeTurns(ctx, vulnerabilitiesOnly.after(runs), lastLayerNew, assaySide, trivySide)
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf(vulnerabilitiesOnly.title, size/1e6) + ", 9 of 10 layers known"
	return against(title, measured, trivySide, targets{wall: []float64{knownTarget}}), nil
}

// secretSearch measures both with all that the command looks for.
func secretSearch(ctx context.Context, b *bench) ([]result, error) {
	policies, err := b.world.Expand(searched)
	if err != nil {
		return nil, err
	}
	if err := b.world.Apply(ctx, policies); err != nil {
		return nil, err
	}
	measured, size, err := b.takeTurns(ctx, secretsToo, ownLayers, assaySide, trivySide)
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf(secretsToo.title, size/1e6)
	results := against(title, measured, trivySide, targets{wall: []float64{wallTarget}, peak: []float64{peakTarget}})
	if measured, _, err = b.takeTurns(ctx, secretsToo.after(runs), lastLayerNew, assaySide, trivySide); err != nil {
		return nil, err
	}
	return append(results, against(title+", 9 of 10 layers known", measured, trivySide, targets{wall: []float64{knownTarget}})...), nil
}

// after is the same demand on later images.
func (d demand) after(images int) demand {
	d.first += images
	return d
}

// takeTurns has all sides look at an image, some times, and returns what it cost them by their names. layers says of which image
// each layer is.
func (b *bench) takeTurns(ctx context.Context, wanted demand, layers func(image int) func(layer uint64) uint64, sides ...side) (measured map[string][]usage, size int64, err error) {
	measured = map[string][]usage{}
	for run := range runs {
		pushed, err := b.pushBig(ctx, wanted, wanted.first+run, layers)
		if err != nil {
			return nil, 0, err
		}
		size = pushed.bytes
		for turn := range sides {
			side := sides[(run+turn)%len(sides)]
			u, err := side.run(ctx, b, pushed)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", side.name, err)
			}
			fmt.Printf("    %-28s %6.2f s, %6.2f s of processors, %4d MiB\n", side.name, u.wall.Seconds(), u.cpu.Seconds(), u.peak/mebibyte)
			measured[side.name] = append(measured[side.name], u)
		}
	}
	return measured, size, nil
}

// targets are what may be taken of the yardstick, none where nothing is promised.
type targets struct{ wall, peak []float64 }

// against compares medians of Assay and of another side.
func against(title string, measured map[string][]usage, other side, may targets) []result {
	ours, theirs, yardstick := measured[assaySide.name], measured[other.name], other.name
	wall := func(u usage) float64 { return u.wall.Seconds() }
	cpu := func(u usage) float64 { return u.cpu.Seconds() }
	peak := func(u usage) float64 { return float64(u.peak) / mebibyte }
	return []result{
		compare(title+", time, of "+yardstick, "s", medianOf(ours, wall), medianOf(theirs, wall), may.wall...),
		compare(title+", processor time, of "+yardstick, "s", medianOf(ours, cpu), medianOf(theirs, cpu)),
		compare(title+", peak memory, of "+yardstick, "MiB", medianOf(ours, peak), medianOf(theirs, peak), may.peak...),
	}
}

func medianOf(all []usage, number func(usage) float64) float64 {
	var values []float64
	for _, u := range all {
		values = append(values, number(u))
	}
	return median(values)
}

// pushBig pushes and signs a big image that nobody has seen before.
func (b *bench) pushBig(ctx context.Context, wanted demand, number int, layers func(int) func(uint64) uint64) (bigPushed, error) {
	image, err := bigImage(layers(number))
	if err != nil {
		return bigPushed{}, err
	}
	p := bigPushed{wanted: wanted, number: number, tag: fmt.Sprintf("%s:%d", bigRepository, number)}
	if p.digest, err = b.world.Release(ctx, p.tag, image); err != nil {
		return p, err
	}
	return p, p.describe(image)
}

func (p *bigPushed) describe(image v1.Image) error {
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	for _, layer := range manifest.Layers {
		p.layers = append(p.layers, layer.Digest.String())
		p.bytes += layer.Size
	}
	return nil
}
