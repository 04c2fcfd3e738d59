# The gateway's image: built from the clone, runs as an unprivileged user, contains only the required libraries.
#
#   cargo xtask image                                        with docker, podman or buildah; or
#   docker build --tag rolecalld .
#   docker build --tag rolecall-demo --target demo .
#
# Base images are pinned by digest; `apt-get upgrade` below installs later security fixes.

FROM docker.io/library/rust:1.95.0-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        clang libclang-dev libssl-dev libxml2-dev libxmlsec1-dev libxmlsec1-openssl pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --package rolecalld --package rolecall-demo \
    && mkdir /out && cp target/release/rolecalld target/release/rolecall-demo /out/

FROM docker.io/library/debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241 AS runtime
RUN apt-get update \
    && apt-get upgrade --yes \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3 libxml2 libxmlsec1 libxmlsec1-openssl \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/rolecall
# A user without a name and a home directory, which owns only /var/lib/rolecall.
USER 65532:65532
WORKDIR /var/lib/rolecall

FROM runtime AS demo
COPY --from=build /out/rolecall-demo /usr/local/bin/
ENTRYPOINT ["rolecall-demo"]

# `docker build` without --target builds the last stage.
FROM runtime AS gateway
COPY --from=build /out/rolecalld /usr/local/bin/
EXPOSE 8443
ENTRYPOINT ["rolecalld"]
CMD ["serve", "--config", "/etc/rolecall/rolecall.toml"]
