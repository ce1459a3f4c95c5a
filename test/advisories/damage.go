// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package advisories

import "math/rand/v2"

// Damage spoils a database in one way on its way into a file or an archive. It gets trivy.db and metadata.json by name. A
// database of another schema or an older one is made by [Database]'s fields instead.
type Damage func(files map[string][]byte)

// Empty makes trivy.db a file of nothing.
func Empty(files map[string][]byte) { files[databaseFile] = nil }

// Garbage makes trivy.db random bytes.
func Garbage(files map[string][]byte) { files[databaseFile] = noise(64 << 10) }

// Truncated cuts trivy.db off behind its first pages: it opens, and who reads on in it gets a signal that ends the process.
func Truncated(files map[string][]byte) { files[databaseFile] = files[databaseFile][:2*pageSize] }

// CorruptMiddle overwrites all pages but the first two and the last with random bytes: it opens and is nonsense.
func CorruptMiddle(files map[string][]byte) {
	body := files[databaseFile]
	copy(body[2*pageSize:len(body)-pageSize], noise(len(body)))
}

// Oversized pads trivy.db with zeros, which an archive makes small, to a size in bytes.
func Oversized(size int) Damage {
	return func(files map[string][]byte) {
		files[databaseFile] = append(files[databaseFile], make([]byte, max(0, size-len(files[databaseFile])))...)
	}
}

// WithoutMetadata leaves metadata.json out.
func WithoutMetadata(files map[string][]byte) { delete(files, metadataFile) }

// BrokenMetadata cuts metadata.json off.
func BrokenMetadata(files map[string][]byte) { files[metadataFile] = files[metadataFile][:10] }

// WithoutDatabase leaves trivy.db out.
func WithoutDatabase(files map[string][]byte) { delete(files, databaseFile) }

// Escaping adds a file whose name points out of the folder that the archive is unpacked into.
func Escaping(files map[string][]byte) { files["../../escaped"] = []byte("escaped\n") }

// pageSize is that of the database on the usual platforms.
const pageSize = 4096

// noise is n random bytes, always the same.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(b) // it never fails
	return b
}
