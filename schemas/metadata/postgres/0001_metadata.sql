-- What the metadata service keeps, in a schema of its own. Ids compare byte by byte, which is the order of lists.

CREATE TABLE metadata (
    id text COLLATE "C" PRIMARY KEY,
    title text NOT NULL,
    description text NOT NULL,
    director text NOT NULL,
    release_year integer,
    -- An array of strings.
    genres jsonb NOT NULL,
    -- The title's words as the model folds them.
    words text[] NOT NULL,
    -- The words' beginnings, by which the index finds candidates: a tsvector has no room for words over 2,046
    -- bytes, and does not say so.
    beginnings tsvector NOT NULL,
    revision bigint NOT NULL UNIQUE
);

CREATE INDEX metadata_beginnings ON metadata USING gin (beginnings);

-- A deleted record's place in the order of changes.
CREATE TABLE tombstone (
    id text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL UNIQUE
);

-- The counter from which every change takes its revision.
CREATE TABLE revision (
    one integer PRIMARY KEY CHECK (one = 1),
    last bigint NOT NULL
);

INSERT INTO revision (one, last) VALUES (1, 0);
