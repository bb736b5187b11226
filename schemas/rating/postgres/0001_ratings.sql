-- Integer keys of records and users; given once, never taken back. Names are compared byte by byte.
CREATE TABLE record (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record_type text COLLATE "C" NOT NULL,
    record_id text COLLATE "C" NOT NULL,
    UNIQUE (record_type, record_id)
);

CREATE TABLE rater (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL UNIQUE
);

-- One rating a user and record; times are milliseconds since 1970. Without foreign keys: the writer makes the
-- keys in the same transaction, and the checks would cost more than the rows.
CREATE TABLE rating (
    record bigint NOT NULL,
    rater bigint NOT NULL,
    rated_at bigint NOT NULL,
    value smallint NOT NULL CHECK (value BETWEEN 1 AND 10),
    provider_id text COLLATE "C",
    PRIMARY KEY (record, rater)
);

CREATE INDEX rating_by_rater ON rating (rater, rated_at DESC, record);

-- What a record's ratings come to, kept with every write. The row stays when the last rating goes, because its
-- revision only grows.
CREATE TABLE aggregate (
    record bigint PRIMARY KEY,
    record_type text COLLATE "C" NOT NULL,
    h1 bigint NOT NULL DEFAULT 0 CHECK (h1 >= 0),
    h2 bigint NOT NULL DEFAULT 0 CHECK (h2 >= 0),
    h3 bigint NOT NULL DEFAULT 0 CHECK (h3 >= 0),
    h4 bigint NOT NULL DEFAULT 0 CHECK (h4 >= 0),
    h5 bigint NOT NULL DEFAULT 0 CHECK (h5 >= 0),
    h6 bigint NOT NULL DEFAULT 0 CHECK (h6 >= 0),
    h7 bigint NOT NULL DEFAULT 0 CHECK (h7 >= 0),
    h8 bigint NOT NULL DEFAULT 0 CHECK (h8 >= 0),
    h9 bigint NOT NULL DEFAULT 0 CHECK (h9 >= 0),
    h10 bigint NOT NULL DEFAULT 0 CHECK (h10 >= 0),
    count bigint NOT NULL GENERATED ALWAYS AS (h1 + h2 + h3 + h4 + h5 + h6 + h7 + h8 + h9 + h10) STORED,
    sum bigint NOT NULL GENERATED ALWAYS AS
        (h1 + 2*h2 + 3*h3 + 4*h4 + 5*h5 + 6*h6 + 7*h7 + 8*h8 + 9*h9 + 10*h10) STORED,
    weighted_mean double precision NOT NULL DEFAULT 0,
    revision bigint NOT NULL DEFAULT 0
);

CREATE INDEX aggregate_by_weighted_mean ON aggregate (record_type, weighted_mean DESC) WHERE count > 0;

-- How far each partition of a topic has been applied; moves only together with the writes it stands for.
CREATE TABLE ingest_offset (
    cluster text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    last_timestamp bigint NOT NULL,
    last_digest bigint NOT NULL,
    PRIMARY KEY (cluster, topic, partition)
);

-- What the stored weighted means were computed with; one row.
CREATE TABLE setting (
    one integer PRIMARY KEY CHECK (one = 1),
    prior_weight double precision NOT NULL,
    prior_mean double precision NOT NULL
);

INSERT INTO setting (one, prior_weight, prior_mean) VALUES (1, 25, 6.9);

-- For people: ratings by their names.
CREATE VIEW named_rating AS
SELECT record.record_type, record.record_id, rater.user_id, rating.value, rating.provider_id,
    to_timestamp(rating.rated_at / 1000.0) AS rated_at
FROM rating
JOIN record ON record.key = rating.record
JOIN rater ON rater.key = rating.rater;
