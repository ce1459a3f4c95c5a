// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/controllers/certificate"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/internal/query/server"
)

// queryCertificateSecret holds the certificate of the query server.
const queryCertificateSecret = "assay-query-certificate"

// Bounds of the query server's connections. A header has a token, and those with many groups are long.
const (
	queryConnections     = 128
	queryHeader          = 64 << 10
	queryHeaderTimeout   = 5 * time.Second
	queryWriteTimeout    = 30 * time.Second
	queryIdleTimeout     = time.Minute
	queryShutdownTimeout = 5 * time.Second
)

// addQueryServer adds what answers kubectl assay affected, find and evidence, unless its address is "0".
func addQueryServer(mgr ctrl.Manager, uncached client.Client, index server.Index, store server.Store, o options) error {
	if o.queryAddress == "0" {
		return nil
	}
	// Reviews are bounded by the server itself, and somebody waits for them.
	config := rest.CopyConfig(mgr.GetConfig())
	config.QPS = -1
	reviews, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return err
	}
	keeper := &certificate.Keeper{
		Client:  uncached,
		Secret:  types.NamespacedName{Namespace: o.namespace, Name: queryCertificateSecret},
		Publish: certificate.ToConfigMap(uncached, types.NamespacedName{Namespace: o.namespace, Name: query.ConfigMapName}),
		Names:   append([]string{query.ServerName(o.namespace)}, o.queryHosts...),
		Clock:   clock.RealClock{},
	}
	if err := mgr.Add(keeper); err != nil {
		return err
	}
	return mgr.Add(queryServer{
		address: o.queryAddress,
		tls:     &tls.Config{GetCertificate: keeper.Certificate, MinVersion: tls.VersionTLS13},
		handler: server.New(server.Options{
			Index: index, Store: store, Images: mgr.GetClient(), Reviews: reviews, Clock: clock.RealClock{}, Log: ctrl.Log.WithName("query"),
		}),
	})
}

// queryServer is a manager.Runnable of the leader, which alone knows what is in the images.
type queryServer struct {
	address string
	tls     *tls.Config
	handler http.Handler
}

// Start serves until ctx is done.
func (s queryServer) Start(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.address)
	if err != nil {
		return err
	}
	ctrl.LoggerFrom(ctx).WithName("query").Info("Answers queries", "address", listener.Addr().String())
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	served := &http.Server{
		Handler: s.handler, Protocols: http1, MaxHeaderBytes: queryHeader,
		ReadHeaderTimeout: queryHeaderTimeout, ReadTimeout: queryHeaderTimeout, WriteTimeout: queryWriteTimeout, IdleTimeout: queryIdleTimeout,
		ErrorLog: log.New(io.Discard, "", 0), // Mostly handshakes that strangers broke off.
	}
	failed := make(chan error, 1)
	go func() {
		failed <- served.Serve(tls.NewListener(netutil.LimitListener(listener, queryConnections), s.tls))
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryShutdownTimeout)
	defer cancel()
	return served.Shutdown(ending)
}
