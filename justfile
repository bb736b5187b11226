# The project's commands; `just` lists them.

default:
    @just --list

# Starts the whole stack on this machine.
devstack *ARGS:
    cargo run --release -p devstack -- {{ARGS}}

# Runs every test.
test *ARGS:
    cargo test --workspace {{ARGS}}

# Checks formatting, lints and dependency arrows.
lint:
    cargo fmt --check
    cargo clippy --workspace --all-targets -- -D warnings
    scripts/arrows

# Measures the services and compares them with bare hyper servers; needs wrk and h2load.
bench *ARGS:
    bench/run {{ARGS}}

# Measures writes of ratings: writes per commit, writes per second, latency of a single caller.
bench-writes:
    cargo bench -p rating --bench put_rating

# Kills the service, Kafka and PostgreSQL repeatedly, and checks what is stored afterwards.
crash *ARGS:
    cargo build --profile dist -p devstack
    MARQUEE_TEST_KAFKA=own MARQUEE_TEST_DEVSTACK=$PWD/target/dist/devstack cargo test -p devstack --test crash -- {{ARGS}}

# Measures ingestion from Kafka into the database.
bench-ingest *ARGS:
    MARQUEE_TEST_KAFKA=own cargo bench -p devstack --bench ingest -- {{ARGS}}

# Measures picking an instance for a call.
bench-pick:
    cargo bench -p client --bench pick

# Measures parts: applying a batch to few and many ratings, decoding an event, a page of a list, validation, rejecting a request.
bench-parts:
    cargo bench -p rating --bench apply
    cargo bench -p rating --bench growth
    cargo bench -p api --bench event
    cargo bench -p metadata --bench paging
    cargo bench -p model --bench validation
    cargo bench -p service --bench problem

# Measures watching a service of 1,000 instances.
bench-watcher:
    cargo bench -p agent --bench watcher

# Checks the agent's web page in headless Chromium; writes screenshots to the folder.
agent-page FOLDER="target/agent-page":
    cargo build -p agent
    scripts/agent-page {{FOLDER}}

# Builds the console's page and tests it in headless Chromium; writes screenshots to target/console-page.
console-page *ARGS:
    scripts/console-page build
    scripts/console-page test {{ARGS}}

# Measures events per second from a file to the Kafka of MARQUEE_BENCH_KAFKA.
bench-produce:
    cargo bench -p ratingingester --bench produce

# Measures the stack's startup time and memory.
figures *ARGS:
    cargo build --profile dist -p devstack
    scripts/figures start {{ARGS}}

# Measures how long a newcomer waits for the stack and the tests to build.
figures-build:
    scripts/figures build

# Kills, freezes and replaces release builds of the services under steady load, and checks counts and times.
chaos *ARGS:
    cargo build --profile dist -p devstack
    MARQUEE_CHAOS_TIMES=1 MARQUEE_CHAOS_PROGRAM="$PWD/target/dist/devstack" \
        cargo test --workspace --test chaos -- {{ARGS}}

# Compares serialization formats by size, speed and allocations.
sizes *ARGS:
    cargo run --release -p sizecompare -- {{ARGS}}

# Runs what CI runs.
ci:
    .ci/run
