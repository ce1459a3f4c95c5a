// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package publicgood

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// maxFileSize bounds each file of the TUF repository in bytes.
const maxFileSize = 4 << 20

// fetch gets a file of at most so many bytes.
type fetch func(url string, limit int64) ([]byte, error)

// DownloadFile implements the TUF client's fetcher.
func (f fetch) DownloadFile(url string, limit int64, _ time.Duration) ([]byte, error) {
	return f(url, limit)
}

// fetcher gets files once each, until the context ends. The TUF client's own one knows no context.
func fetcher(ctx context.Context, client *http.Client) fetch {
	if client == nil {
		client = http.DefaultClient
	}
	return func(url string, limit int64) (content []byte, err error) {
		limit = min(limit, maxFileSize)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, response.Body.Close()) }()
		if response.StatusCode != http.StatusOK {
			return nil, &metadata.ErrDownloadHTTP{StatusCode: response.StatusCode, URL: url}
		}
		content, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
		if err == nil && int64(len(content)) > limit {
			return nil, &metadata.ErrDownloadLengthMismatch{Msg: fmt.Sprintf("%s has more than %d bytes", url, limit)}
		}
		return content, err
	}
}
