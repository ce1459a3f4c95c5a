// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/query"
)

// controllerPods chooses the Pods of assay-controller.
const controllerPods = "app.kubernetes.io/name=assay-controller"

// tunnel leads to the query server through the API server, as kubectl port-forward does, but without a port on this host.
type tunnel struct {
	config    *rest.Config
	namespace string
}

// dial implements http.Transport.DialContext, whatever the address.
func (t tunnel) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	core, err := corev1client.NewForConfig(t.config)
	if err != nil {
		return nil, err
	}
	pods, err := core.Pods(t.namespace).List(ctx, metav1.ListOptions{LabelSelector: controllerPods})
	if err != nil {
		return nil, fmt.Errorf("find assay-controller: %w; --assay-server needs no right to do so", err)
	}
	pod, port, err := serving(pods.Items)
	if err != nil {
		return nil, fmt.Errorf("in namespace %s: %w", t.namespace, err)
	}
	url := core.RESTClient().Post().Resource("pods").Namespace(t.namespace).Name(pod).SubResource("portforward").URL()
	dialer, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, t.config)
	if err != nil {
		return nil, err
	}
	conn, err := forward(ctx, dialer, port)
	if err != nil {
		return nil, fmt.Errorf("forward a port of Pod %s: %w; --assay-server needs no right to do so", pod, err)
	}
	return conn, nil
}

// serving returns a Pod that runs, and the port of its query server.
func serving(pods []corev1.Pod) (name string, port int32, err error) {
	for _, pod := range pods {
		if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
			continue
		}
		for _, container := range pod.Spec.Containers {
			for _, p := range container.Ports {
				if p.Name == query.PortName {
					return pod.Name, p.ContainerPort, nil
				}
			}
		}
	}
	return "", 0, fmt.Errorf("no Pod of assay-controller runs with a port named %s", query.PortName)
}

// forward opens the pair of streams that carries one connection.
func forward(ctx context.Context, dialer httpstream.Dialer, port int32) (net.Conn, error) {
	connection, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(int(port)))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	problems, err := connection.CreateStream(headers)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	_ = problems.Close() // Nothing is written to it.
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := connection.CreateStream(headers)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return &forwarded{Stream: data, problems: problems, connection: connection, stop: stop}, nil
}

// forwarded is a connection through a tunnel. It has no deadlines: the question's context closes it.
type forwarded struct {
	httpstream.Stream
	problems   io.Reader
	connection httpstream.Connection
	stop       func() bool
}

// Read implements net.Conn. At the end it says what the other side of the tunnel says went wrong.
func (f *forwarded) Read(p []byte) (int, error) {
	n, err := f.Stream.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		message, failed := io.ReadAll(io.LimitReader(f.problems, maxMessage))
		if failed == nil && len(message) > 0 {
			return 0, errors.New(evidence.Printable(string(message), maxMessage))
		}
	}
	return n, err
}

// Close implements net.Conn.
func (f *forwarded) Close() error {
	f.stop()
	return f.connection.Close()
}

// LocalAddr implements net.Conn.
func (f *forwarded) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr implements net.Conn.
func (f *forwarded) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// SetDeadline implements net.Conn.
func (f *forwarded) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (f *forwarded) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (f *forwarded) SetWriteDeadline(time.Time) error { return nil }
