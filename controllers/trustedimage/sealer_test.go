// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
)

// sealerVariable of the environment has the task of a child that does nothing but seal.
const sealerVariable = "ASSAY_TEST_SEALER"

// What a sealer says when it starts to work.
const sealerBegins = "begins"

func TestMain(m *testing.M) {
	if task := os.Getenv(sealerVariable); task != "" {
		if err := beSealer(context.Background(), []byte(task)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// sealer is what a child needs to know.
type sealer struct {
	Host   string
	Folder string
	Tags   bool
	// Record stands in the status of both environments.
	Record v1alpha1.TrustedDigest
}

var sealedEnvironments = []types.NamespacedName{{Namespace: "dev", Name: "checkout"}, {Namespace: "prod", Name: "checkout"}}

// beSealer does what a controller does with an entry that stands in the statuses of two environments, both at a time, on its own disk.
func beSealer(ctx context.Context, raw []byte) error {
	var task sealer
	if err := json.Unmarshal(raw, &task); err != nil {
		return err
	}
	store, err := disk.Open(task.Folder)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // the process ends
	r, reader, err := task.reconciler(store, signerfake.NewSigner("seal"))
	if err != nil {
		return err
	}
	e, err := task.entry()
	if err != nil {
		return err
	}
	if err := task.gathered(ctx, store, e); err != nil {
		return err
	}
	fmt.Println(sealerBegins)
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range sealedEnvironments {
		group.Go(func() error {
			made, err := r.attach(ctx, name, e, reader, false)
			if err == nil && made.state != sealAttached {
				err = fmt.Errorf("the seal of %s is not attached", name)
			}
			return err
		})
	}
	return group.Wait()
}

// reconciler has what attaching takes.
func (s sealer) reconciler(store *disk.Store, signer signature.Signer) (*Reconciler, registry.Reader, error) {
	client, err := oci.New(oci.Options{
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, InsecureHosts: []string{s.Host}, RequestsPerSecond: 10_000, Burst: 1000,
	})
	if err != nil {
		return nil, nil, err
	}
	writer, err := client.Writer(registry.Credentials{})
	if err != nil {
		return nil, nil, err
	}
	reader, err := client.Reader(registry.Credentials{})
	if err != nil {
		return nil, nil, err
	}
	seals := &Seals{Signer: signer, Store: store, Ledger: store, Attacher: writer, Version: "test"}
	if s.Tags {
		seals.Lists = writer
	}
	return &Reconciler{Seals: seals, Gatherer: &gather.Gatherer{Store: store}, Clock: clock.RealClock{}}, reader, nil
}

// entry is what the record stands for.
func (s sealer) entry() (entry, error) {
	covered, err := coveredBy(sealedEnvironments[0], s.Record)
	return entry{record: s.Record, reference: image.Reference{Repository: covered.Repository, Digest: covered.Digest}}, err
}

// gathered puts into the store what every controller finds out about the image.
func (s sealer) gathered(ctx context.Context, store *disk.Store, e entry) error {
	for _, manifest := range e.manifests() {
		for _, d := range documents {
			kinds := []evidence.Kind{d.kind}
			if d.kind == evidence.KindVulnerabilities {
				kinds = []evidence.Kind{piece(d.kind, sealedEnvironments[0], e), piece(d.kind, sealedEnvironments[1], e)}
			}
			for _, kind := range kinds {
				if err := store.Put(ctx, manifest, kind, fmt.Appendf(nil, `{"about":%q}`, d.kind)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
