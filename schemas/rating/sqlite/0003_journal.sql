-- What the last batches of writes left and is not merged into the table of ratings yet, a row a batch in their order:
-- a JSON array of [rater, record, value, provider_id, rated_at], where a value of null says that the rating is gone.
CREATE TABLE journal (
    key INTEGER PRIMARY KEY,
    changes TEXT NOT NULL
) STRICT;

-- The ratings as they stand: of what the table and the journal say of a rating, the last. With max() the other columns
-- are those of the row that has it.
CREATE VIEW current_rating AS
SELECT rater, record, value, provider_id, rated_at
FROM (
    SELECT rater, record, value, provider_id, rated_at, max(batch)
    FROM (
        SELECT 0 AS batch, rater, record, value, provider_id, rated_at FROM rating
        UNION ALL
        SELECT journal.key, row.value ->> 0, row.value ->> 1, row.value ->> 2, row.value ->> 3, row.value ->> 4
        FROM journal, json_each(journal.changes) AS row
    )
    GROUP BY rater, record
)
WHERE value IS NOT NULL;

-- For people: ratings by their names.
DROP VIEW named_rating;
CREATE VIEW named_rating AS
SELECT record.record_type, record.record_id, rater.user_id, rating.value, rating.provider_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', rating.rated_at / 1000.0, 'unixepoch') AS rated_at
FROM current_rating AS rating
JOIN record ON record.key = rating.record
JOIN rater ON rater.key = rating.rater;
