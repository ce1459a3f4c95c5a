// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/assay-dev/assay/internal/admission"
	"github.com/assay-dev/assay/internal/admission/watch"
)

// Bounds of a connection. The API server waits for an answer for five seconds.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	// shutdownTimeout is how long reviews under way may take when the program ends.
	shutdownTimeout = 10 * time.Second
)

// serve watches and answers until ctx is done. Then it finishes what is under way.
func serve(ctx context.Context, log *slog.Logger, o options, watcher *watch.Watcher) error {
	reviews, err := listen(ctx, o.address)
	if err != nil {
		return err
	}
	health, err := listen(ctx, o.healthAddress)
	if err != nil {
		return errors.Join(err, reviews.Close())
	}
	log.Info("assay-webhook listens", "reviews", reviews.Addr().String(), "health", health.Addr().String(), "version", version)
	secure := &tls.Config{GetCertificate: watcher.Certificate, MinVersion: tls.VersionTLS13}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	running.Go(func() { watcher.Run(ctx) })
	running.Go(func() { cancel(serveUntilDone(ctx, tls.NewListener(reviews, secure), reviewRoutes(watcher), log)) })
	running.Go(func() { cancel(serveUntilDone(ctx, health, healthRoutes(watcher), log)) })
	running.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

func reviewRoutes(watcher *watch.Watcher) http.Handler {
	routes := http.NewServeMux()
	routes.Handle("/validate-pods", admission.NewHandler(&admission.Admitter{
		Index: watcher.Index(), Policies: watcher.Policies, Synced: watcher.Synced,
	}))
	return routes
}

// healthRoutes says that the program lives, and whether it can answer reviews.
func healthRoutes(watcher *watch.Watcher) http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	routes.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !watcher.Synced() {
			http.Error(w, "what is trusted is not known yet", http.StatusServiceUnavailable)
			return
		}
		if _, err := watcher.Certificate(nil); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	return routes
}

// serveUntilDone serves until ctx is done, and then lets requests under way finish.
func serveUntilDone(ctx context.Context, listener net.Listener, routes http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           routes,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
		Protocols:      new(http.Protocols),
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // Mostly handshakes that strangers broke off.
	}
	server.Protocols.SetHTTP1(true) // Streams without number over one connection are not needed.
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return server.Shutdown(ending)
}
