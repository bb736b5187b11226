# All binaries in one image; the container's command selects one.

FROM rust:1.95.0-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --workspace --bins \
        --features rating/kafka-tls,ratingingester/kafka-tls,devstack/kafka-tls \
    && mkdir /out \
    && cp target/dist/agent target/dist/devstack target/dist/metadata target/dist/movie \
        target/dist/rating target/dist/ratingingester /out/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/marquee --create-home marquee
COPY --from=build /out/ /usr/local/bin/
USER marquee
WORKDIR /var/lib/marquee
ENV HEALTH_URL=http://127.0.0.1:8081/readyz
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s --retries=6 CMD curl --fail --silent --show-error "$HEALTH_URL"
STOPSIGNAL SIGTERM
CMD ["metadata"]
