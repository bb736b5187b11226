-- Integer keys of records and users; given once, never taken back.
CREATE TABLE record (
    key INTEGER PRIMARY KEY,
    record_type TEXT NOT NULL,
    record_id TEXT NOT NULL,
    UNIQUE (record_type, record_id)
) STRICT;

CREATE TABLE rater (
    key INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE
) STRICT;

-- One rating a user and record; times are milliseconds since 1970. Without foreign keys: the one writer makes
-- the keys in the same transaction, and the checks would cost more than the rows.
CREATE TABLE rating (
    record INTEGER NOT NULL,
    rater INTEGER NOT NULL,
    provider_id TEXT,
    value INTEGER NOT NULL CHECK (value BETWEEN 1 AND 10),
    rated_at INTEGER NOT NULL,
    PRIMARY KEY (record, rater)
) STRICT, WITHOUT ROWID;

CREATE INDEX rating_by_rater ON rating (rater, rated_at DESC, record);

-- What a record's ratings come to, kept with every write. The row stays when the last rating goes, because its
-- revision only grows.
CREATE TABLE aggregate (
    record INTEGER PRIMARY KEY,
    record_type TEXT NOT NULL,
    h1 INTEGER NOT NULL DEFAULT 0 CHECK (h1 >= 0),
    h2 INTEGER NOT NULL DEFAULT 0 CHECK (h2 >= 0),
    h3 INTEGER NOT NULL DEFAULT 0 CHECK (h3 >= 0),
    h4 INTEGER NOT NULL DEFAULT 0 CHECK (h4 >= 0),
    h5 INTEGER NOT NULL DEFAULT 0 CHECK (h5 >= 0),
    h6 INTEGER NOT NULL DEFAULT 0 CHECK (h6 >= 0),
    h7 INTEGER NOT NULL DEFAULT 0 CHECK (h7 >= 0),
    h8 INTEGER NOT NULL DEFAULT 0 CHECK (h8 >= 0),
    h9 INTEGER NOT NULL DEFAULT 0 CHECK (h9 >= 0),
    h10 INTEGER NOT NULL DEFAULT 0 CHECK (h10 >= 0),
    count INTEGER NOT NULL GENERATED ALWAYS AS (h1 + h2 + h3 + h4 + h5 + h6 + h7 + h8 + h9 + h10) STORED,
    sum INTEGER NOT NULL GENERATED ALWAYS AS
        (h1 + 2*h2 + 3*h3 + 4*h4 + 5*h5 + 6*h6 + 7*h7 + 8*h8 + 9*h9 + 10*h10) STORED,
    weighted_mean REAL NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX aggregate_by_weighted_mean ON aggregate (record_type, weighted_mean DESC) WHERE count > 0;

-- How far each partition of a topic has been applied; moves only together with the writes it stands for.
CREATE TABLE ingest_offset (
    cluster TEXT NOT NULL,
    topic TEXT NOT NULL,
    "partition" INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    last_timestamp INTEGER NOT NULL,
    last_digest INTEGER NOT NULL,
    PRIMARY KEY (cluster, topic, "partition")
) STRICT, WITHOUT ROWID;

-- What the stored weighted means were computed with; one row.
CREATE TABLE setting (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    prior_weight REAL NOT NULL,
    prior_mean REAL NOT NULL
) STRICT;

INSERT INTO setting (one, prior_weight, prior_mean) VALUES (1, 25, 6.9);

-- For people: ratings by their names.
CREATE VIEW named_rating AS
SELECT record.record_type, record.record_id, rater.user_id, rating.value, rating.provider_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', rating.rated_at / 1000.0, 'unixepoch') AS rated_at
FROM rating
JOIN record ON record.key = rating.record
JOIN rater ON rater.key = rating.rater;
