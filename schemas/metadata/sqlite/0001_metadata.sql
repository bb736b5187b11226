-- What the metadata service keeps. Text compares byte by byte (SQLite's BINARY), which is the order of lists.

CREATE TABLE metadata (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    director TEXT NOT NULL,
    release_year INTEGER,
    -- A JSON array of strings.
    genres TEXT NOT NULL,
    -- The title's words as the model folds them, each with a blank before and after it.
    words TEXT NOT NULL,
    word_count INTEGER NOT NULL,
    revision INTEGER NOT NULL UNIQUE
) STRICT;

-- A deleted record's place in the order of changes.
CREATE TABLE tombstone (
    id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- The counter from which every change takes its revision.
CREATE TABLE revision (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;

INSERT INTO revision (one, last) VALUES (1, 0);

-- Which words begin how: the words are folded already, so that the tokenizer only splits at blanks.
CREATE VIRTUAL TABLE title_word USING fts5 (
    words, content = 'metadata', content_rowid = 'key', tokenize = 'ascii', detail = 'none', columnsize = 0
);

CREATE TRIGGER metadata_inserted AFTER INSERT ON metadata BEGIN
    INSERT INTO title_word (rowid, words) VALUES (new.key, new.words);
END;

CREATE TRIGGER metadata_deleted AFTER DELETE ON metadata BEGIN
    INSERT INTO title_word (title_word, rowid, words) VALUES ('delete', old.key, old.words);
END;

CREATE TRIGGER metadata_renamed AFTER UPDATE ON metadata WHEN old.words <> new.words BEGIN
    INSERT INTO title_word (title_word, rowid, words) VALUES ('delete', old.key, old.words);
    INSERT INTO title_word (rowid, words) VALUES (new.key, new.words);
END;
