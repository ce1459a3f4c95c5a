# The container image: six static programs and the root certificates, nothing
# else. `make image` writes the same image without Docker; what the last stage
# says is said again in test/image/builder.go.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY . .
ARG VERSION=dev
RUN make build bin/ca-certificates.crt VERSION="$VERSION"

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="assay" \
      org.opencontainers.image.description="Tests container images and promotes those that pass from one environment to the next" \
      org.opencontainers.image.source="https://github.com/assay-dev/assay" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build --chmod=644 /src/bin/ca-certificates.crt /etc/ssl/certs/
# A layer each: a program that a release does not change is not pulled again.
COPY --from=build /src/bin/assay-index /usr/local/bin/
COPY --from=build /src/bin/assay /usr/local/bin/
COPY --from=build /src/bin/assay-controller /usr/local/bin/
COPY --from=build /src/bin/assay-kms /usr/local/bin/
COPY --from=build /src/bin/assay-webhook /usr/local/bin/
COPY --from=build /src/bin/kubectl-assay /usr/local/bin/
# Nothing is written outside mounted volumes: the root file system may be read-only.
ENV PATH=/usr/local/bin
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/assay-controller"]
