// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/assay-dev/assay/cmd/internal/assembly"
)

// options are what the flags say.
type options struct {
	kubeconfig       string
	namespace        string
	dataDir          string
	indexer          string
	indexMemory      int64
	indexDeadline    time.Duration
	workers          int
	database         string
	databaseFile     string
	javaDatabases    list
	javaDatabaseFile string
	kev              string
	epss             string
	sigstoreTUF      bool
	registryConfig   string
	// evidenceRepository is empty when each image's own is meant.
	evidenceRepository string
	attach             string
	signing            signerOptions
	insecureHosts      list
	allowAddresses     list
	webhookHosts       list
	queryAddress       string
	queryHosts         list
	metricsAddress     string
	healthAddress      string
	leaderElection     bool
	qps                float32
	burst              int
	allowed            []netip.Prefix
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set appends a value.
func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := o.flags()
	flags.SetOutput(io.Discard) // The caller says what is wrong.
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
	}
	if err != nil {
		return o, err
	}
	return o, o.complete(flags.Args())
}

// flags are the program's flags, which set the options.
func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("assay-controller", flag.ContinueOnError)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file; empty means the service account of the Pod")
	flags.StringVar(&o.namespace, "namespace", "assay-system", "namespace that Assay runs in")
	flags.StringVar(&o.dataDir, "data-dir", "/var/lib/assay", "folder for evidence, the vulnerability database and scratch files")
	flags.StringVar(&o.indexer, "indexer", assembly.BesideThisProgram("assay-index"), "the program assay-index")
	flags.Int64Var(&o.indexMemory, "index-memory", assembly.DefaultIndexMemory, "memory that indexing one image may take, in bytes")
	flags.DurationVar(&o.indexDeadline, "index-deadline", assembly.DefaultIndexDeadline, "time that indexing one image may take")
	flags.IntVar(&o.workers, "workers", 3, "how many images are worked on at a time; those of one namespace or one registry take all but one")
	flags.StringVar(&o.database, "database-repository", assembly.DefaultDatabase, "OCI artifact with the vulnerability database; a mirror works as well")
	flags.StringVar(&o.databaseFile, "database-file", "", "vulnerability database as a local db.tar.gz, or a folder with trivy.db and metadata.json; instead of --database-repository")
	flags.Var(&o.javaDatabases, "java-database-repository", "OCI artifact with the Java database, such as ghcr.io/aquasecurity/trivy-java-db:1, which names jars that do not say what they are; may be repeated with mirrors; default is none")
	flags.StringVar(&o.javaDatabaseFile, "java-database-file", "", "Java database as a local tar.gz, or a folder with trivy-java.db and metadata.json; instead of --java-database-repository")
	flags.StringVar(&o.kev, "kev", "", "CISA's catalogue of known exploited vulnerabilities in JSON, plain or gzip: a file, an https URL, or configmap:NAME/KEY in Assay's namespace; without it rules on exploited vulnerabilities are Unknown")
	flags.StringVar(&o.epss, "epss", "", "FIRST's EPSS scores in CSV, plain or gzip: a file, an https URL, or configmap:NAME/KEY in Assay's namespace, which holds 1 MiB and so not all of FIRST's; without them rules on minEPSS are Unknown")
	flags.BoolVar(&o.sigstoreTUF, "sigstore-tuf", false, "look once a day for a newer trust root of the public Sigstore, by TUF; without it the one that Assay was built with is believed")
	flags.StringVar(&o.registryConfig, "registry-config", "", "Docker config file with the credentials that Assay pushes seals and SBOMs with")
	flags.StringVar(&o.evidenceRepository, "evidence-repository", "", "repository that seals, SBOMs, reports and first-seen times of all images are put in; default is each image's own")
	o.signing.addFlags(flags)
	flags.StringVar(&o.attach, "attach", attachBundles, "form of what is attached to images: "+attachBundles+" for Sigstore bundles among the referrers, or "+attachTags+" for the tag-based form of cosign, which images need whose users verify tag-based signatures: beside a bundle, cosign verify finds those no longer")
	flags.Var(&o.insecureHosts, "insecure-registry", "host:port of a registry that is spoken to without TLS; may be repeated")
	flags.Var(&o.allowAddresses, "allow-address", "CIDR of private addresses that registries and feeds may have, such as 10.0.0.0/8; may be repeated")
	flags.Var(&o.webhookHosts, "webhook-host", "name or address in the webhook's certificate; default is its Service; may be repeated")
	flags.StringVar(&o.queryAddress, "query-bind-address", ":8443", "address that answers kubectl assay affected and find, by HTTPS, 0 for none")
	flags.Var(&o.queryHosts, "query-host", "name or address in the query server's certificate beside its Service; may be repeated")
	o.qps = defaultQPS
	flags.Func("kube-api-qps", fmt.Sprintf("requests of one kind to the API server in a second, which bounds the statuses written when something concerns many images (default %d)", defaultQPS), o.setQPS)
	flags.IntVar(&o.burst, "kube-api-burst", 100, "requests to the API server beyond that, now and then")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", "0", "address for metrics, 0 for none")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address for /healthz and /readyz")
	flags.BoolVar(&o.leaderElection, "leader-elect", false, "hold a lease, so that only one controller writes")
	return flags
}

// The forms of what is attached to images.
const (
	attachBundles = "bundles"
	attachTags    = "tags"
)

// defaultQPS is how many requests in a second an API server on two cores answers without others noticing.
const defaultQPS = 20

func (o *options) setQPS(value string) error {
	parsed, err := strconv.ParseFloat(value, 32)
	if err != nil || parsed <= 0 {
		return errors.New("want a number above 0")
	}
	o.qps = float32(parsed)
	return nil
}

func (o *options) complete(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if o.attach != attachBundles && o.attach != attachTags {
		return fmt.Errorf("--attach %q: want %s or %s", o.attach, attachBundles, attachTags)
	}
	if o.workers < 1 || o.burst < 1 {
		return errors.New("--workers and --kube-api-burst must be at least 1")
	}
	for _, address := range o.allowAddresses {
		prefix, err := netip.ParsePrefix(address)
		if err != nil {
			return fmt.Errorf("--allow-address %q: want a CIDR such as 10.0.0.0/8", address)
		}
		o.allowed = append(o.allowed, prefix)
	}
	if len(o.webhookHosts) == 0 {
		o.webhookHosts = list{"assay-webhook." + o.namespace + ".svc"}
	}
	return nil
}
