// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// runController makes a Pod of assay-controller whose query port leads to the address, on a node whose kubelet knows only how
// to forward it.
func runController(t *testing.T, api client.Client, namespace, address string) {
	t.Helper()
	kubelet := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { forwardPort(t, w, r, address) }))
	t.Cleanup(kubelet.Close)
	at, err := url.Parse(kubelet.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(at.Port()) // a server's
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	create(t, api, node)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: at.Hostname()}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	if err := api.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	create(t, api, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "assay-controller"}})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "assay-controller-0", Labels: map[string]string{"app.kubernetes.io/name": "assay-controller"}},
		Spec: corev1.PodSpec{
			NodeName: node.Name, ServiceAccountName: "assay-controller",
			Containers: []corev1.Container{{Name: "controller", Image: "assay", Ports: []corev1.ContainerPort{{Name: "query", ContainerPort: 8443}}}},
		},
	}
	create(t, api, pod)
	pod.Status.Phase = corev1.PodRunning
	if err := api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}

// forwardPort is a kubelet's side of forwarding a port (SPDY, portforward.k8s.io): a stream for problems and one for data.
func forwardPort(t *testing.T, w http.ResponseWriter, r *http.Request, address string) {
	if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
		t.Error(err)
		return
	}
	streams := make(chan httpstream.Stream)
	connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(stream httpstream.Stream, replied <-chan struct{}) error {
		go func() {
			<-replied
			streams <- stream
		}()
		return nil
	})
	if connection == nil {
		t.Error("the API server does not want to forward a port")
		return
	}
	defer connection.Close() //nolint:errcheck // Nothing can be done.
	for {
		select {
		case stream := <-streams:
			switch stream.Headers().Get(corev1.StreamType) {
			case corev1.StreamTypeError:
				_ = stream.Close()
			case corev1.StreamTypeData:
				go carry(r.Context(), stream, address)
			}
		case <-connection.CloseChan():
			return
		}
	}
}

// carry carries one connection between the stream and the address.
func carry(ctx context.Context, stream httpstream.Stream, address string) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		_ = stream.Reset()
		return
	}
	defer conn.Close() //nolint:errcheck // Nothing can be done.
	defer stream.Close()
	go func() { _, _ = io.Copy(conn, stream) }()
	_, _ = io.Copy(stream, conn)
}
