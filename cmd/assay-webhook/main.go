// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command assay-webhook answers the API server's question whether a Pod may run. It answers from memory: it watches what is
// trusted, and while it does it needs neither a registry nor assay-controller.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/assay-dev/assay/internal/admission/watch"
)

// version is set when the program is built.
var version = "dev"

// options are the program's flags.
type options struct {
	kubeconfig    string
	namespace     string
	address       string
	healthAddress string
	version       bool
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	klog.SetSlogLogger(log)
	if err := run(ctx, log, parse(os.Args[1:])); err != nil {
		log.Error("assay-webhook ends", "error", err)
		os.Exit(1) //nolint:gocritic // nothing is left to cancel
	}
}

func parse(args []string) options {
	var o options
	flags := flag.NewFlagSet("assay-webhook", flag.ExitOnError)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file; empty means the service account of the Pod")
	flags.StringVar(&o.namespace, "namespace", "assay-system", "namespace that Assay runs in")
	flags.StringVar(&o.address, "bind-address", ":9443", "address that the API server calls, by HTTPS")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address for /healthz and /readyz")
	flags.BoolVar(&o.version, "version", false, "print the version and exit")
	_ = flags.Parse(args) // It exits on an error.
	return o
}

func run(ctx context.Context, log *slog.Logger, o options) error {
	if o.version {
		_, err := fmt.Fprintln(os.Stdout, "assay-webhook", version)
		return err
	}
	config, err := restConfig(o.kubeconfig)
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	config.UserAgent = "assay-webhook/" + version
	watcher, err := watch.New(config, o.namespace, log)
	if err != nil {
		return err
	}
	return serve(ctx, log, o, watcher)
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}
