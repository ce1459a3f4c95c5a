// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// passport is what a TrustedImage says, as far as it matters here.
type passport struct {
	version string // of the object
	verdict v1alpha1.Verdict
	reason  string
	trusted v1alpha1.DigestString
	// settled says that there is a verdict, and that nothing more is to come of what is trusted.
	settled bool
}

// passports follow all TrustedImages.
type passports struct {
	mutex   sync.Mutex
	all     map[client.ObjectKey]passport
	changed time.Time // the last time that one did
	err     error
}

// followPassports follows them until ctx is done.
func followPassports(ctx context.Context, kubeconfig string) (*passports, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	api, err := client.NewWithWatch(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, err
	}
	p := &passports{all: map[client.ObjectKey]passport{}}
	go p.follow(ctx, api)
	return p, nil
}

// follow reads all and watches what changes, again and again: the API server ends a watch that does not keep up.
func (p *passports) follow(ctx context.Context, api client.WithWatch) {
	for ctx.Err() == nil {
		var list v1alpha1.TrustedImageList
		err := api.List(ctx, &list)
		if err == nil {
			for i := range list.Items {
				p.take(&list.Items[i])
			}
			err = p.watch(ctx, api, list.ResourceVersion)
		}
		if err != nil && ctx.Err() == nil {
			p.mutex.Lock()
			p.err = fmt.Errorf("follow TrustedImages: %w", err)
			p.mutex.Unlock()
			return
		}
	}
}

// watch takes what changes until the API server ends it.
func (p *passports) watch(ctx context.Context, api client.WithWatch, from string) error {
	events, err := api.Watch(ctx, &v1alpha1.TrustedImageList{}, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: from}})
	if err != nil {
		return err
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		object, is := event.Object.(*v1alpha1.TrustedImage)
		if !is {
			return nil // What is said is that the watch is too old.
		}
		p.take(object)
	}
	return nil
}

func (p *passports) take(object *v1alpha1.TrustedImage) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	key := client.ObjectKeyFromObject(object)
	if now := read(object); now != p.all[key] {
		p.all[key], p.changed = now, time.Now()
	}
}

func read(object *v1alpha1.TrustedImage) passport {
	status := &object.Status
	p := passport{version: object.ResourceVersion, verdict: status.Summary.Verdict, reason: status.Summary.Reason}
	if status.Trusted != nil {
		p.trusted = status.Trusted.Digest
	}
	for _, c := range status.Conditions {
		switch c.Type {
		case v1alpha1.SealedCondition:
			p.settled = p.settled || c.Reason != v1alpha1.ReasonInProgress
		case v1alpha1.PolicyPassedCondition:
			p.settled = p.settled || c.Status == "False"
		}
	}
	return p
}

// lookEvery is how often it is looked whether what is waited for has come.
const lookEvery = 250 * time.Millisecond

// copy is a snapshot of all.
func (p *passports) copy() map[client.ObjectKey]passport {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return maps.Clone(p.all)
}

// await waits until missing, which is called with all passports, returns "", and says now and then what it waits for.
func (p *passports) await(ctx context.Context, patience time.Duration, missing func(map[client.ObjectKey]passport) string) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look, tell := time.NewTicker(lookEvery), time.NewTicker(30*time.Second)
	defer look.Stop()
	defer tell.Stop()
	for {
		p.mutex.Lock()
		lacks, err := missing(p.all), p.err
		p.mutex.Unlock()
		if lacks == "" || err != nil {
			return err
		}
		select {
		case <-look.C:
		case <-tell.C:
			fmt.Println("    waiting:", lacks)
		case <-waiting.Done():
			return fmt.Errorf("waited too long: %s", lacks)
		}
	}
}

// quiet waits until no TrustedImage has changed for a while, and returns when the last one did.
func (p *passports) quiet(ctx context.Context, span time.Duration) (last time.Time, err error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	began := time.Now()
	for {
		p.mutex.Lock()
		last, err = p.changed, p.err
		p.mutex.Unlock()
		if err != nil || time.Since(last) > span && time.Since(began) > span {
			return last, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}
