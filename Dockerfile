# Builds the programs, and an image that holds nothing else: `hansom`, and with another entry point
# `ingest`, `processor` or `archiver`. The first build takes some minutes; what it compiled is kept in
# the builder's cache, so that the next one compiles what has changed.
FROM rust:1.95-bookworm AS build
WORKDIR /hansom
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/hansom/target \
    cargo build --release --locked --workspace --bins && \
    install -D --target-directory=/image/usr/local/bin \
        target/release/hansom target/release/ingest target/release/processor target/release/archiver && \
    install -d /image/data

# The C library, libgcc, and the authorities of TLS; no shell, and no user but 65532.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
COPY --from=build --chown=65532:65532 /image/data /data
COPY --from=build /image/usr/local/bin/ /usr/local/bin/
# A container's own loopback is reached by nobody: what is published decides who reaches it.
ENV HANSOM_DATA=/data \
    HANSOM_LISTEN=0.0.0.0:8080 \
    HANSOM_LIVE=0.0.0.0:8081 \
    HANSOM_ADMIN=0.0.0.0:8082
VOLUME /data
EXPOSE 8080 8081 8082
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["hansom", "check"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["hansom"]
CMD ["run"]
