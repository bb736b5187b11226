-- By which rules the titles are indexed.
CREATE TABLE search_index (
    one integer PRIMARY KEY CHECK (one = 1),
    -- The version of the rules.
    version integer NOT NULL,
    -- The last id that is indexed by these rules, while the stored titles are indexed again; otherwise NULL.
    indexed_to text COLLATE "C"
);

INSERT INTO search_index (one, version, indexed_to) VALUES (1, 1, '');

-- The revision whose title is indexed by the rules of search_index: different from the record's if an instance with
-- older rules has stored the record.
ALTER TABLE metadata ADD COLUMN indexed_revision bigint NOT NULL DEFAULT 0;

CREATE INDEX metadata_outdated ON metadata (id) WHERE indexed_revision <> revision;

-- The words that queries are corrected to, each under its first and its last letters. Words of titles that have been
-- replaced or deleted stay.
CREATE TABLE word_half (
    half text COLLATE "C" NOT NULL,
    word text COLLATE "C" NOT NULL,
    PRIMARY KEY (half, word)
);
