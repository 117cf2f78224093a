# Builds the program, and an image that holds little else.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /hansom
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN useradd --system --create-home hansom && install -d -o hansom /data
COPY --from=build /hansom/target/release/hansom /usr/local/bin/hansom
USER hansom
VOLUME /data
ENTRYPOINT ["hansom"]
