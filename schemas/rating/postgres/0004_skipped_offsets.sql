-- How many offsets lie between the last record that was read and next_offset. They hold no event: a transaction's
-- marker, records of an aborted transaction, or nothing after compaction.
ALTER TABLE ingest_offset ADD COLUMN skipped bigint NOT NULL DEFAULT 0;
