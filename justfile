# The commands of the project, by name. `just` alone lists them.

default:
    @just --list

# Starts everything on this machine.
devstack *ARGS:
    cargo run --release -p devstack -- {{ARGS}}

# Runs every test.
test *ARGS:
    cargo test --workspace {{ARGS}}

# Checks formatting, lints and the arrows of the house.
lint:
    cargo fmt --check
    cargo clippy --workspace --all-targets -- -D warnings
    scripts/arrows

# Measures the services against raw hyper and holds what comes out against the lines; needs wrk and h2load.
bench *ARGS:
    bench/run {{ARGS}}

# Measures writes of ratings: writes a commit, writes a second, and what one caller alone waits.
bench-writes:
    cargo bench -p rating --bench put_rating

# Kills the service, Kafka and PostgreSQL again and again, and recounts what is stored afterwards.
crash *ARGS:
    cargo build --profile dist -p devstack
    MARQUEE_TEST_KAFKA=own MARQUEE_TEST_DEVSTACK=$PWD/target/dist/devstack cargo test -p devstack --test crash -- {{ARGS}}

# Measures how fast events get from Kafka into the database.
bench-ingest *ARGS:
    MARQUEE_TEST_KAFKA=own cargo bench -p devstack --bench ingest -- {{ARGS}}

# Measures how long it takes to pick the instance that a call goes to.
bench-pick:
    cargo bench -p client --bench pick

# Measures parts of the way: applying a batch, to few ratings and to many, decoding an event, a page of a list, checking nouns, refusing.
bench-parts:
    cargo bench -p rating --bench apply
    cargo bench -p rating --bench growth
    cargo bench -p api --bench event
    cargo bench -p metadata --bench paging
    cargo bench -p model --bench validation
    cargo bench -p service --bench problem

# Measures what watching a service of 1,000 instances costs.
bench-watcher:
    cargo bench -p agent --bench watcher

# Shows the agent's page to headless Chromium and checks what it shows; leaves pictures of it in the folder.
agent-page FOLDER="target/agent-page":
    cargo build -p agent
    scripts/agent-page {{FOLDER}}

# Measures how many events a second go from a file to the Kafka that MARQUEE_BENCH_KAFKA names.
bench-produce:
    cargo bench -p ratingingester --bench produce

# Measures how long the stack takes to be ready and what it holds in memory.
figures *ARGS:
    cargo build --profile dist -p devstack
    scripts/figures {{ARGS}}

# Kills, freezes and replaces release builds of the services under a steady load, and holds counts and times.
chaos *ARGS:
    cargo build --profile dist -p devstack
    MARQUEE_CHAOS_TIMES=1 MARQUEE_CHAOS_PROGRAM="$PWD/target/dist/devstack" \
        cargo test --workspace --test chaos -- {{ARGS}}

# Compares serialization formats by size, speed and allocations.
sizes *ARGS:
    cargo run --release -p sizecompare -- {{ARGS}}

# Runs what the build server runs.
ci:
    .ci/run
