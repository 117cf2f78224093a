# Builds the programs, and an image that holds little else: `hansom`, and with another entry point
# `ingest`, `processor` or `archiver`.
FROM rust:1.95-bookworm AS build
WORKDIR /hansom
COPY . .
RUN cargo build --release --locked --workspace --bins

FROM debian:bookworm-slim
RUN useradd --system --create-home hansom && install -d -o hansom /data
COPY --from=build \
    /hansom/target/release/hansom \
    /hansom/target/release/ingest \
    /hansom/target/release/processor \
    /hansom/target/release/archiver \
    /usr/local/bin/
USER hansom
# A container's own loopback is reached by nobody: what is published decides who reaches it.
ENV HANSOM_DATA=/data \
    HANSOM_LISTEN=0.0.0.0:8080 \
    HANSOM_LIVE=0.0.0.0:8081 \
    HANSOM_ADMIN=0.0.0.0:8082
VOLUME /data
EXPOSE 8080 8081 8082
ENTRYPOINT ["hansom"]
CMD ["run"]
