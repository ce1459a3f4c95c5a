// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// dialIn connects to a socket in a folder whose path may be longer than a
// socket's may be, which is 107 bytes.
func dialIn(ctx context.Context, dir, socket string) (net.Conn, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", filepath.Join("/proc/self/fd", strconv.Itoa(int(folder.Fd())), socket))
}
