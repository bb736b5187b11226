-- By which rules the titles are indexed.
CREATE TABLE search_index (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- The version of the rules.
    version INTEGER NOT NULL,
    -- The last id that is indexed by these rules, while the stored titles are indexed again; otherwise NULL.
    indexed_to TEXT
) STRICT;

INSERT INTO search_index (one, version, indexed_to) VALUES (1, 1, '');

-- The words that queries are corrected to, each under its first and its last letters. Words of titles that have been
-- replaced or deleted stay.
CREATE TABLE word_half (
    half TEXT NOT NULL,
    word TEXT NOT NULL,
    PRIMARY KEY (half, word)
) STRICT, WITHOUT ROWID;
