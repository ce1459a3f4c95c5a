// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/fake"
)

func TestRemember(t *testing.T) {
	holding := func(text string) *fake.Texts {
		objects := map[string]map[string]string{"prod/keys": {"cosign.pub": text}}
		return &fake.Texts{ConfigMaps: objects, Secrets: objects}
	}
	forbidden := holding("text")
	forbidden.Forbidden = map[string]bool{"prod": true}
	configMap := keys.Place{Kind: keys.ConfigMap, Namespace: "prod", Name: "keys", Key: "cosign.pub"}
	secret, another := configMap, configMap
	secret.Kind, another.Key = keys.Secret, "release.pub"
	for name, test := range map[string]struct {
		texts *fake.Texts
		place keys.Place
		after time.Duration
		reads int
		err   error
	}{
		"a text is remembered for two minutes":               {holding("text"), configMap, 119 * time.Second, 1, nil},
		"a text is read anew after that":                     {holding("text"), configMap, 2 * time.Minute, 2, nil},
		"that of a Secret is, too":                           {holding("text"), secret, 119 * time.Second, 1, nil},
		"and read anew after that":                           {holding("text"), secret, 2 * time.Minute, 2, nil},
		"that there is none is remembered for ten seconds":   {&fake.Texts{}, configMap, 9 * time.Second, 1, keys.ErrNotFound},
		"that there is none is found out anew after that":    {&fake.Texts{}, configMap, 10 * time.Second, 2, keys.ErrNotFound},
		"a key that is not there is remembered as long":      {holding("text"), another, 9 * time.Second, 1, keys.ErrKeyNotFound},
		"that nobody may look is remembered for ten seconds": {forbidden, secret, 9 * time.Second, 1, keys.ErrForbidden},
		"that somebody may is found out after that":          {forbidden, secret, 10 * time.Second, 2, keys.ErrForbidden},
		"an outage is not remembered":                        {&fake.Texts{Err: errGone}, configMap, 0, 2, errGone},
		"a large document is remembered, too":                {holding(strings.Repeat("a", 1<<20)), configMap, 0, 1, nil},
		"a text that no ConfigMap holds is not remembered":   {holding(strings.Repeat("a", 16<<20+1)), configMap, 0, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			test.texts.Reads = 0
			clock := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			remembering := keys.Remember(test.texts, clock)
			first, firstErr := remembering.Read(t.Context(), test.place)
			clock.SetTime(clock.Now().Add(test.after))
			second, secondErr := remembering.Read(t.Context(), test.place)
			if test.texts.Reads != test.reads {
				t.Errorf("read %d times, want %d", test.texts.Reads, test.reads)
			}
			if first != second || !errors.Is(firstErr, test.err) || !errors.Is(secondErr, test.err) {
				t.Errorf("first %.20q, %v; second %.20q, %v", first, firstErr, second, secondErr)
			}
		})
	}
}

var errGone = errors.New("the API server is gone")

// TestPlacesAreToldApart: a Secret is no ConfigMap of its name, nor one of another namespace.
func TestPlacesAreToldApart(t *testing.T) {
	texts := &fake.Texts{
		ConfigMaps: map[string]map[string]string{"prod/keys": {"a": "1", "b": "2"}, "dev/keys": {"a": "3"}},
		Secrets:    map[string]map[string]string{"prod/keys": {"a": "4"}, "prod/other": {"a": "5"}},
	}
	remembering := keys.Remember(texts, clocktesting.NewFakePassiveClock(time.Now()))
	for range 2 {
		for place, want := range map[keys.Place]string{
			{Kind: keys.ConfigMap, Namespace: "prod", Name: "keys", Key: "a"}: "1", {Kind: keys.ConfigMap, Namespace: "prod", Name: "keys", Key: "b"}: "2",
			{Kind: keys.ConfigMap, Namespace: "dev", Name: "keys", Key: "a"}: "3", {Kind: keys.Secret, Namespace: "prod", Name: "keys", Key: "a"}: "4",
			{Kind: keys.Secret, Namespace: "prod", Name: "other", Key: "a"}: "5",
		} {
			if got, err := remembering.Read(t.Context(), place); err != nil || got != want {
				t.Errorf("%s: got %q, %v, want %q", place, got, err, want)
			}
		}
	}
	if texts.Reads != 5 {
		t.Errorf("read %d times", texts.Reads)
	}
}

// TestWhatIsRememberedIsBounded however many places policies name.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	big := strings.Repeat("a", 1<<20)
	texts := &fake.Texts{ConfigMaps: map[string]map[string]string{"prod/keys": {}}}
	for i := range 40 {
		texts.ConfigMaps["prod/keys"][fmt.Sprint(i)] = big
	}
	remembering := keys.Remember(texts, clocktesting.NewFakePassiveClock(time.Now()))
	for range 2 {
		for i := range 40 {
			if _, err := remembering.Read(t.Context(), keys.Place{Kind: keys.ConfigMap, Namespace: "prod", Name: "keys", Key: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if texts.Reads < 60 {
		t.Errorf("read %d times: 40 MiB were remembered", texts.Reads)
	}
}
