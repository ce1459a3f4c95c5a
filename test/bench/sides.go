// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/advisories"
)

const (
	// preparing is how long Assay is given to make itself ready for the next image.
	preparing = 4 * time.Second
	// verdictTimeout bounds one run of Assay.
	verdictTimeout = 5 * time.Minute
)

// side is one of what is compared.
type side struct {
	name string
	run  func(context.Context, *bench, bigPushed) (usage, error)
}

var (
	assaySide = side{"assay", assayVerdict}
	trivySide = side{"trivy image", trivyImage}
	plainSide = side{"fetch, hash, gunzip, untar", readLayers}
)

// assayVerdict gives the image a passport and measures the running controller until the verdict is in the passport's status.
func assayVerdict(ctx context.Context, b *bench, image bigPushed) (u usage, err error) {
	pid, err := child("assay-controller")
	if err != nil {
		return u, err
	}
	passport := &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: image.wanted.namespace, Name: fmt.Sprintf("big-%d", image.number)},
		Spec: v1alpha1.TrustedImageSpec{Source: v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{
			Repository: b.registry.Host() + "/" + bigRepository, Tag: fmt.Sprint(image.number),
		}}},
	}
	events, err := b.watch(ctx, passport)
	if err != nil {
		return u, err
	}
	defer events.Stop()
	m, err := startMeter(ctx, pid)
	if err != nil {
		return u, err
	}
	if err := b.world.Admin.Create(ctx, passport); err != nil {
		return u, err
	}
	if err := awaitTrust(ctx, events); err != nil {
		return u, err
	}
	if u, err = m.end(); err != nil {
		return u, err
	}
	u.prepared, err = peakFor(ctx, pid, preparing)
	return u, err
}

func (b *bench) watch(ctx context.Context, passport *v1alpha1.TrustedImage) (watch.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", b.world.Kubeconfig)
	if err != nil {
		return nil, err
	}
	watching, err := client.NewWithWatch(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, err
	}
	return watching.Watch(ctx, &v1alpha1.TrustedImageList{}, client.InNamespace(passport.Namespace),
		client.MatchingFields{"metadata.name": passport.Name})
}

// awaitTrust waits for the verdict, which must be the one that the image deserves.
func awaitTrust(ctx context.Context, events watch.Interface) error {
	waiting, cancel := context.WithTimeout(ctx, verdictTimeout)
	defer cancel()
	var last v1alpha1.ImageSummary
	for {
		select {
		case event, open := <-events.ResultChan():
			image, isImage := event.Object.(*v1alpha1.TrustedImage)
			if !open || !isImage {
				return errors.New("the watch ended")
			}
			last = image.Status.Summary
			switch last.Verdict {
			case v1alpha1.VerdictTrusted:
				return nil
			case v1alpha1.VerdictRejected:
				return fmt.Errorf("the image was rejected: %s", last.Reason)
			}
		case <-waiting.Done():
			return fmt.Errorf("no verdict came: %s %s", last.Verdict, last.Reason)
		}
	}
}

// trivyImage scans the image with the same database and an empty cache.
func trivyImage(ctx context.Context, b *bench, image bigPushed) (usage, error) {
	cache := filepath.Join(b.dir, fmt.Sprintf("trivy-%d", image.number))
	if err := os.MkdirAll(filepath.Join(cache, "db"), 0o700); err != nil {
		return usage{}, err
	}
	database, err := advisories.Load()
	if err != nil {
		return usage{}, err
	}
	if err := database.Write(filepath.Join(cache, "db")); err != nil {
		return usage{}, err
	}
	program, err := filepath.Abs("bin/clients/trivy")
	if err != nil {
		return usage{}, err
	}
	flags := append([]string{"image", "--cache-dir=" + cache, "--quiet", "--insecure", "--image-src=remote",
		"--skip-db-update", "--skip-java-db-update", "--offline-scan", "--skip-version-check", "--disable-telemetry",
		"--format=json", "--output=" + filepath.Join(cache, "report.json")}, image.wanted.flags...)
	command := exec.CommandContext(ctx, program, append(flags, b.world.Reference(image.tag, image.digest))...)
	command.Env = []string{"HOME=" + cache}
	return measureCommand(ctx, command)
}

// readLayers does the least that can be done with the layers.
func readLayers(ctx context.Context, b *bench, image bigPushed) (usage, error) {
	command, err := plainCommand(ctx, b.registry.URL()+"/v2/"+bigRepository, image.layers)
	if err != nil {
		return usage{}, err
	}
	return measureCommand(ctx, command)
}
