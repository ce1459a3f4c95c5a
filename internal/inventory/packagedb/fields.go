// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package packagedb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxField is how much of a line is looked at, in bytes: names and versions come first and are short.
const maxField = 4 << 10

// eachLine calls line with the number of each line, from 1, and with what it begins with.
func eachLine(r io.Reader, line func(number int, text string)) error {
	buffered := bufio.NewReaderSize(r, maxField)
	for number := 1; ; number++ {
		text, err := buffered.ReadSlice('\n')
		beginning := string(text)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = buffered.ReadSlice('\n')
		}
		if beginning != "" {
			line(number, strings.TrimRight(beginning, "\r\n"))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// entry is a package in a database.
type entry struct {
	started               bool
	name, version, status string
}

// fieldReader gathers entries, which blank lines separate.
type fieldReader struct {
	Claim
	entry entry
}

func newFieldReader() *fieldReader { return &fieldReader{Claim: Claim{packages: map[string]bool{}}} }

// wrong remembers the first fault of the database.
func (f *fieldReader) wrong(format string, args ...any) {
	if f.fault == "" {
		f.fault = fmt.Sprintf(format, args...)
	}
}

// set sets a field of the entry, which may have it once.
func (f *fieldReader) set(number int, field *string, value string) {
	if *field != "" {
		f.wrong("line %d repeats a field of the package before it", number)
	}
	*field = strings.TrimSpace(value)
}

// end ends the entry. Packages without a version are there unless the status says that they are not.
func (f *fieldReader) end(number int) {
	e := f.entry
	f.entry = entry{}
	switch {
	case !e.started || e.gone():
	case e.name == "":
		f.wrong("the package that ends before line %d has no name", number)
	default:
		f.packages[e.name+"@"+e.version] = true
	}
}

// gone says that the package is known to dpkg, but is not installed (dpkg(1), package states).
func (e entry) gone() bool {
	for _, word := range strings.Fields(e.status) {
		if word == "deinstall" || word == "purge" {
			return true
		}
	}
	return e.version == "" && (strings.HasSuffix(e.status, " not-installed") || strings.HasSuffix(e.status, " config-files"))
}

// readDpkg reads the fields of a Debian control file (deb822(5)).
func readDpkg(r io.Reader) (Claim, error) {
	f := newFieldReader()
	last := 0
	err := eachLine(r, func(number int, text string) {
		last = number
		if strings.TrimSpace(text) == "" {
			f.end(number)
			return
		}
		if (text[0] == ' ' || text[0] == '\t') && f.entry.started {
			return // it continues the field of the line before
		}
		f.entry.started = true
		name, value, found := strings.Cut(text, ":")
		if !found || name == "" || strings.ContainsAny(name, " \t") {
			f.wrong("line %d is not a field of a package", number)
			return
		}
		switch strings.ToLower(name) {
		case "package":
			f.set(number, &f.entry.name, value)
		case "version":
			f.set(number, &f.entry.version, value)
		case "status":
			f.set(number, &f.entry.status, value)
		}
	})
	f.end(last + 1)
	return f.Claim, err
}

// readApk reads the fields of an apk database, each of which has one letter.
func readApk(r io.Reader) (Claim, error) {
	f := newFieldReader()
	last := 0
	err := eachLine(r, func(number int, text string) {
		last = number
		if text == "" {
			f.end(number)
			return
		}
		f.entry.started = true
		if len(text) < 2 || text[1] != ':' {
			f.wrong("line %d is not a field of a package", number)
			return
		}
		switch text[0] {
		case 'P':
			f.set(number, &f.entry.name, text[2:])
		case 'V':
			f.set(number, &f.entry.version, text[2:])
		}
	})
	f.end(last + 1)
	return f.Claim, err
}

// readRPMManifest reads what Azure Linux leaves of the database in distroless images: a line for each package, which begins
// with its name.
func readRPMManifest(r io.Reader) (Claim, error) {
	c := Claim{packages: map[string]bool{}}
	err := eachLine(r, func(_ int, text string) {
		name, _, _ := strings.Cut(text, "\t")
		c.packages[name] = true
	})
	return c, err
}
