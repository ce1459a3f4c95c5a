// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/watch"
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
	wake    chan struct{}
	err     error
}

// followPassports follows them until ctx is done. There must be none yet.
func followPassports(ctx context.Context, kubeconfig string) (*passports, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	api, err := client.NewWithWatch(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, err
	}
	events, err := api.Watch(ctx, &v1alpha1.TrustedImageList{})
	if err != nil {
		return nil, err
	}
	p := &passports{all: map[client.ObjectKey]passport{}, wake: make(chan struct{}, 1)}
	go p.follow(events)
	return p, nil
}

func (p *passports) follow(events watch.Interface) {
	defer events.Stop()
	for event := range events.ResultChan() {
		p.mutex.Lock()
		object, is := event.Object.(*v1alpha1.TrustedImage)
		if !is {
			p.err = fmt.Errorf("the watch of TrustedImages said %s: %v", event.Type, event.Object)
		} else {
			p.all[client.ObjectKeyFromObject(object)] = read(object)
		}
		p.changed = time.Now()
		p.mutex.Unlock()
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.err = errors.Join(p.err, errors.New("the watch of TrustedImages ended"))
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
	tell := time.NewTicker(30 * time.Second)
	defer tell.Stop()
	for {
		p.mutex.Lock()
		lacks, err := missing(p.all), p.err
		p.mutex.Unlock()
		if lacks == "" || err != nil {
			return err
		}
		select {
		case <-p.wake:
		case <-tell.C:
			fmt.Println("    waiting:", lacks)
		case <-waiting.Done():
			return fmt.Errorf("waited too long: %s", lacks)
		}
	}
}

// quiet waits until no TrustedImage has changed for a while, and returns when the last one did.
func (p *passports) quiet(ctx context.Context, span time.Duration) (last time.Time, err error) {
	tick := time.NewTicker(100 * time.Millisecond)
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
