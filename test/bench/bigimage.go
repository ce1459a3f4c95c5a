// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/assay-dev/assay/test/images"
)

// The big image: Debian's package database and nine layers of an application's files, 100 MB compressed and 250 MB unpacked.
const (
	bigLayers     = 9
	libraries     = 12        // of a layer, which do not compress
	librarySize   = 320 << 10 // bytes, at the mean
	documents     = 1250      // of a layer, which compress to about a third
	documentSize  = 18 << 10  // bytes, at the mean
	words         = 1024
	longestWord   = 9
	shortestWord  = 3
	wordsPerLine  = 12
	commonWordsOf = 6 // of so many draws the lowest is taken, so that some words are more frequent
)

// bigImage makes an image that differs in every layer but the first from that of another number, and is always the same for
// the same number. The number for each layer says which image it is a layer of.
func bigImage(number func(layer uint64) uint64) (v1.Image, error) {
	image, err := images.PatchedDebian()
	if err != nil {
		return nil, err
	}
	for layer := range uint64(bigLayers) {
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], number(layer))
		binary.LittleEndian.PutUint64(seed[8:], layer)
		files := bigFiles(layer, rand.NewChaCha8(seed))
		filled, err := images.Layer(files...)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, filled); err != nil {
			return nil, err
		}
	}
	return image, nil
}

// ownLayers are those of an image that has none from another one.
func ownLayers(number int) func(uint64) uint64 {
	return func(uint64) uint64 { return uint64(number) }
}

// lastLayerNew has all layers but the last from the image that was measured as many runs before.
func lastLayerNew(number int) func(uint64) uint64 {
	return func(layer uint64) uint64 {
		if layer == bigLayers-1 {
			return uint64(number)
		}
		return uint64(number - runs)
	}
}

func bigFiles(layer uint64, source *rand.ChaCha8) []images.File {
	random := rand.New(source)
	size := func(mean int) int { return mean/2 + random.IntN(mean) }
	var files []images.File
	for i := range libraries {
		body := make([]byte, size(librarySize))
		_, _ = source.Read(body) // never fails
		files = append(files, images.File{Path: fmt.Sprintf("opt/app/part%d/lib%d.so.1", layer, i), Body: body})
	}
	vocabulary := vocabulary(random)
	for i := range documents {
		body := text(random, vocabulary, size(documentSize))
		files = append(files, images.File{Path: fmt.Sprintf("opt/app/part%d/%d/notes.txt", layer, i), Body: body})
	}
	return files
}

func vocabulary(random *rand.Rand) []string {
	made := make([]string, words)
	for i := range made {
		word := make([]byte, shortestWord+random.IntN(longestWord-shortestWord+1))
		for j := range word {
			word[j] = byte('a' + random.IntN('z'-'a'+1))
		}
		made[i] = string(word)
	}
	return made
}

// text is lines of words, some of which are more frequent.
func text(random *rand.Rand, vocabulary []string, size int) []byte {
	body := make([]byte, 0, size+longestWord+1)
	for n := 1; len(body) < size; n++ {
		index := words
		for range commonWordsOf {
			index = min(index, random.IntN(words))
		}
		body = append(body, vocabulary[index]...)
		if n%wordsPerLine == 0 {
			body = append(body, '\n')
		} else {
			body = append(body, ' ')
		}
	}
	return body
}
