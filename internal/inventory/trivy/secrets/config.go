// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/inventory"
)

// configuration is where a secret is that is neither in the environment nor in the history.
const configuration = "configuration"

// unreadable is the problem of a configuration that cannot be searched.
const unreadable = "the configuration is not searched for secrets, because it "

// configText is a text of a configuration and the place that it has there.
type configText struct {
	text  string
	place func() string
}

// Config searches an image's configuration: the document that trivy makes of it, and each text of it for itself, since JSON
// writes some characters otherwise.
func (s *Search) Config(raw []byte) {
	var config v1.ConfigFile
	if err := json.Unmarshal(raw, &config); err != nil {
		s.unsearched(configuration, unreadable+"cannot be parsed")
		return
	}
	document, err := json.MarshalIndent(config, "  ", "") // as trivy's analyzer of configurations has it
	if err != nil {
		s.unsearched(configuration, unreadable+"cannot be written anew")
		return
	}
	var found []inventory.Secret
	add := func(place string, f finding) {
		found = append(found, inventory.Secret{Rule: f.rule, Severity: f.severity, Place: place})
	}
	findings, err := s.scan("config.json", bytes.NewReader(document))
	if len(findings) > 0 {
		places := s.placesOfLines(string(document))
		for _, f := range findings {
			add(places[min(f.line, len(places))-1](), f)
		}
	}
	for _, t := range s.textsOf(config) {
		if err != nil {
			break
		}
		findings, err = s.scan("config.json", strings.NewReader(t.text))
		for _, f := range findings {
			add(t.place(), f)
		}
	}
	if err != nil { // nothing but the effort can fail on what is in memory
		s.unsearched(configuration, unreadable+"takes too long to search")
	}
	for _, each := range found {
		if !slices.Contains(s.Secrets, each) {
			s.add(each)
		}
	}
}

// textsOf returns the texts of a configuration.
func (s *Search) textsOf(config v1.ConfigFile) []configText {
	var texts []configText
	for i, variable := range config.Config.Env {
		texts = append(texts, configText{variable, s.variable(i+1, variable)})
	}
	for i, entry := range config.History {
		for _, text := range []string{entry.CreatedBy, entry.Comment, entry.Author} {
			texts = append(texts, configText{text, historyEntry(i + 1)})
		}
	}
	c := config.Config
	others := slices.Concat(c.Cmd, c.Entrypoint, c.OnBuild, c.Shell, []string{config.Author, c.User, c.WorkingDir})
	for key, value := range c.Labels {
		others = append(others, key+"="+value)
	}
	slices.Sort(others)
	for _, text := range others {
		texts = append(texts, configText{text, elsewhere})
	}
	return texts
}

// placesOfLines returns the place of each line of a document, in which every element of a list has its own.
func (s *Search) placesOfLines(document string) []func() string {
	var places []func() string
	list, element := "", 0
	for line := range strings.Lines(document) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasSuffix(line, `": [`):
			list, element = line, 0
		case line == "]" || line == "],":
			list = ""
		case list == `"Env": [` || line == "{":
			element++
		}
		switch {
		case list == `"Env": [` && element > 0:
			var variable string
			_ = json.Unmarshal([]byte(strings.TrimSuffix(line, ",")), &variable) // it was just written
			places = append(places, s.variable(element, variable))
		case list == `"history": [` && element > 0:
			places = append(places, historyEntry(element))
		default:
			places = append(places, elsewhere)
		}
	}
	return places
}

// variable is the place of the variable with the number: its name, unless that gives a secret away.
func (s *Search) variable(number int, variable string) func() string {
	return func() string {
		name, _, _ := strings.Cut(variable, "=")
		if found, err := s.scan("config.json", strings.NewReader(name)); len(found) > 0 || err != nil {
			return fmt.Sprintf("environment variable number %d", number)
		}
		return "environment variable " + name
	}
}

func historyEntry(number int) func() string {
	return func() string { return fmt.Sprintf("history entry %d", number) }
}

func elsewhere() string { return configuration }
