# `make help` lists the targets. Everything that they need besides Go, make and
# git is built from Go modules.

# Whatever is built, tested or linted here shares one compile cache, so these
# hold for all of it and are set nowhere else. trivy needs jsonv2.
export GOEXPERIMENT := jsonv2
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STRIP := -s -w

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

##@ Develop

build: ## Build the programs into bin/.
	$(call step,building the programs)
	go build -ldflags "$(STRIP) -X main.version=$(VERSION)" -o bin/ ./cmd/...
	go -C cmd/assay-kms build -ldflags "$(STRIP)" -o $(CURDIR)/bin/ .

build-pkcs11: ## Build the controller with PKCS #11 into bin/pkcs11/; needs a C compiler.
	$(call step,building the controller with PKCS #11)
	CGO_ENABLED=1 go build -tags pkcs11 -ldflags "$(STRIP) -X main.version=$(VERSION)" -o bin/pkcs11/ ./cmd/assay-controller

generate: bin/tools/controller-gen ## Write the deep copies of the kinds.
	bin/tools/controller-gen $(OBJECT) paths=./api/...

manifests: bin/tools/controller-gen ## Write the CustomResourceDefinitions into config/crd.
	bin/tools/controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd/bases

lint: bin/tools/golangci-lint ## Check formatting and code (gofmt, go vet and more, by golangci-lint).
	$(call step,linting)
	bin/tools/golangci-lint run

verify: lint verify-generated ## Check everything that can be checked without running a test.

test: build control-plane clients sigstore kms ## Run all tests against one control plane; ARGS are passed to go test.
	$(call step,testing)
	go run ./test/controlplane/cmd/with-control-plane go test -timeout 30m $(or $(ARGS),$$(go list ./... | grep -vE '$(COUNTING)'))
ifndef ARGS
	$(call step,testing what is counted (findings beside those of trivy; kills; cases of sigstore-conformance))
	go test -v -timeout 30m ./test/equality ./test/kill
	go test -v -count=1 -run Conformance $(CONFORMANCE) >bin/test-conformance.log || { cat bin/test-conformance.log; exit 1; }
	@grep -E 'sigstore-conformance:|is not beside the project' bin/test-conformance.log
endif

test-pkcs11: bin/clients/cosign ## Test signing with PKCS #11 tokens; needs a C compiler and SoftHSM 2 (Debian: softhsm2).
	$(call step,testing with SoftHSM)
	CGO_ENABLED=1 go vet -tags pkcs11 $(PKCS11)
	CGO_ENABLED=1 go test -v -tags pkcs11 -run 'URI|Token|Session|PIN|SignerSigns/.*token' $(PKCS11)

bench: build control-plane clients ## Measure, and write bin/bench/results.json.
	go run ./test/bench

##@ Try

demo: build control-plane bin/clients/cosign bin/clients/crane ## Show an image's way from dev to prod, and keep it running.
	go run ./test/demo

demo-stop: ## End what `make demo` left running.
	go run ./test/demo stop

##@ Release

image: build bin/ca-certificates.crt ## Write the container image as an OCI layout into bin/image.
	go run ./test/image -version "$(VERSION)"

##@ What tests stand on

CONTROL_PLANE := etcd kube-apiserver kube-controller-manager kube-scheduler kubectl

control-plane: bin/k8s/kube-multicall ## Build etcd, the Kubernetes servers and kubectl into bin/k8s.

clients: $(addprefix bin/clients/,trivy cosign crane registry) ## Build trivy, cosign, crane and a registry into bin/clients.

sigstore: $(addprefix bin/sigstore/,fulcio rekor-server timestamp-server) ## Build the services of Sigstore into bin/sigstore.

kms: bin/vault/vault bin/gcpkms/server ## Build key management services: HashiCorp Vault into bin/vault, what stands in for Google's into bin/gcpkms.

tools: $(addprefix bin/tools/,controller-gen golangci-lint kustomize) ## Build the development tools into bin/tools.

help: ## List the targets.
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build build-pkcs11 generate manifests lint verify verify-generated test test-pkcs11 bench demo demo-stop image control-plane clients sigstore kms tools help

# --- how the files above are made ---

# Tests whose numbers count as much as that they pass.
COUNTING := /test/(equality|kill)$$
# Where sigstore-conformance runs, among tests that do not count. Its data is no input that go test's cache knows.
CONFORMANCE := ./internal/signature/cosign/entity
# What the build tag pkcs11 changes.
PKCS11 := ./internal/signature/pkcs11 ./cmd/internal/signing
step = @printf '\n==> %s\n' "$(1)"
OBJECT := object:headerFile=test/tools/controller-gen/header.txt

verify-generated: bin/tools/controller-gen
	$(call step,comparing the generated files with their sources)
	rm -rf bin/_generated && mkdir -p bin/_generated/api bin/_generated/crd
	bin/tools/controller-gen $(OBJECT) crd paths=./api/... output:object:dir=bin/_generated/api output:crd:artifacts:config=bin/_generated/crd
	diff bin/_generated/api/zz_generated.deepcopy.go api/v1alpha1/zz_generated.deepcopy.go || { echo 'run `make generate`'; exit 1; }
	diff -r bin/_generated/crd config/crd/bases || { echo 'run `make manifests`'; exit 1; }

# The servers report the version of the module that they are built from.
KUBERNETES := $(shell awk '$$1 == "k8s.io/kubernetes" {print $$2}' test/kubernetes/go.mod)
KUBERNETES_NUMBERS := $(subst ., ,$(KUBERNETES:v%=%))
COMPONENT := k8s.io/component-base/version

bin/k8s/kube-multicall: $(addprefix test/kubernetes/,go.mod go.sum main.go)
	$(call step,building Kubernetes $(KUBERNETES) (about 5 minutes on two cores))
	go -C test/kubernetes build -o $(CURDIR)/$@ -ldflags "$(STRIP) -X $(COMPONENT).gitVersion=$(KUBERNETES) \
		-X $(COMPONENT).gitMajor=$(word 1,$(KUBERNETES_NUMBERS)) -X $(COMPONENT).gitMinor=$(word 2,$(KUBERNETES_NUMBERS))" .
	@for name in $(CONTROL_PLANE); do ln -sf kube-multicall bin/k8s/$$name; done

bin/clients/trivy: COMMAND := github.com/aquasecurity/trivy/cmd/trivy
bin/clients/cosign: COMMAND := github.com/sigstore/cosign/v2/cmd/cosign
bin/clients/crane: COMMAND := github.com/google/go-containerregistry/cmd/crane
bin/clients/trivy bin/clients/cosign bin/clients/crane: test/clients/go.mod test/clients/go.sum
	$(call step,building $(@F))
	go -C test/clients build -o $(CURDIR)/$@ -ldflags "$(STRIP)" $(COMMAND)

bin/clients/registry: $(addprefix test/tools/registry/,go.mod go.sum main.go)
	$(call step,building $(@F))
	go -C test/tools/registry build -o $(CURDIR)/$@ -ldflags "$(STRIP)" .

bin/sigstore/fulcio: COMMAND := github.com/sigstore/fulcio
bin/sigstore/rekor-server: COMMAND := github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix
bin/sigstore/timestamp-server: COMMAND := github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server
bin/sigstore/%: $(addprefix test/sigstore/services/,go.mod go.sum)
	$(call step,building $(@F))
	go -C test/sigstore/services build -o $(CURDIR)/$@ -ldflags "$(STRIP)" $(COMMAND)

bin/vault/vault: $(addprefix test/vault/server/,go.mod go.sum main.go)
	$(call step,building Vault (about 4 minutes on two cores))
	go -C test/vault/server build -o $(CURDIR)/$@ -ldflags "$(STRIP)" .

bin/gcpkms/server: $(addprefix test/gcpkms/server/,go.mod go.sum main.go)
	$(call step,building what stands in for Google Cloud KMS)
	go -C test/gcpkms/server build -o $(CURDIR)/$@ -ldflags "$(STRIP)" .

bin/tools/%: test/tools/%/go.mod test/tools/%/go.sum
	$(call step,building $*)
	go -C test/tools/$* build -o $(CURDIR)/$@ -ldflags "$(STRIP)" tool

bin/ca-certificates.crt: $(addprefix test/tools/ca-certificates/,go.mod go.sum main.go)
	go -C test/tools/ca-certificates run . >$@
