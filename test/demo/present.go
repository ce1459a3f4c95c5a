// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/story"
)

// present shows how the story ended: the table, why the refused image was refused, and which Pods may run.
func present(ctx context.Context, w *story.World, digests story.Digests) error {
	if err := show(ctx, w, "get", "trustedimages", "-A"); err != nil {
		return err
	}
	if err := explain(ctx, w); err != nil {
		return err
	}
	checkout, legacy := w.Reference(story.CheckoutImage, digests.Checkout), w.Reference(story.LegacyImage, digests.Legacy)
	if err := w.AwaitAdmission(ctx, "prod", checkout, ""); err != nil {
		return err
	}
	if err := show(ctx, w, "run", "checkout", "--namespace=prod", "--image="+checkout); err != nil {
		return err
	}
	for _, namespace := range []string{"dev", "prod"} {
		if err := showDenied(ctx, w, "run", "legacy", "--namespace="+namespace, "--image="+legacy); err != nil {
			return err
		}
	}
	return nil
}

// explain tells why legacy was refused, from its status.
func explain(ctx context.Context, w *story.World) error {
	var image v1alpha1.TrustedImage
	if err := w.Admin.Get(ctx, types.NamespacedName{Namespace: "dev", Name: "legacy"}, &image); err != nil {
		return err
	}
	if image.Status.Candidate == nil {
		return errors.New("dev/legacy has no candidate")
	}
	fmt.Println("\nWhy legacy was refused:")
	for _, rule := range image.Status.Candidate.Rules {
		if rule.Result == v1alpha1.ResultFail {
			fmt.Printf("  %s, %s: %s\n", rule.Policy, rule.Rule, rule.Message)
		}
	}
	return nil
}

// show runs kubectl as somebody would by hand and prints what it says.
func show(ctx context.Context, w *story.World, args ...string) error {
	prompt(args)
	output, err := w.Kubectl(ctx, args...)
	fmt.Print(output)
	return err
}

// showDenied is show for what admission must deny.
func showDenied(ctx context.Context, w *story.World, args ...string) error {
	prompt(args)
	output, err := w.Kubectl(ctx, args...)
	var denied *story.CommandError
	if !errors.As(err, &denied) || !strings.Contains(denied.Message, "denied the request") {
		return fmt.Errorf("kubectl %s was not denied: %s%w", strings.Join(args, " "), output, err)
	}
	fmt.Println(denied.Message)
	return nil
}

func prompt(args []string) { fmt.Printf("\n$ kubectl %s\n", strings.Join(args, " ")) }
