-- As journal is to rating: what the last batches made of aggregates, of which the table does not know yet, a row a batch
-- in their order: a JSON array of [record, h1, …, h10, revision]. The last of a record counts.
CREATE TABLE aggregate_journal (
    key INTEGER PRIMARY KEY,
    changes TEXT NOT NULL
) STRICT;

-- The aggregates as they stand. With max() the other columns are those of the row that has it.
CREATE VIEW current_aggregate AS
SELECT latest.record, aggregate.record_type,
    latest.h1, latest.h2, latest.h3, latest.h4, latest.h5, latest.h6, latest.h7, latest.h8, latest.h9, latest.h10,
    latest.count, latest.sum,
    coalesce((latest.sum + prior_weight * prior_mean) / nullif(latest.count + prior_weight, 0), prior_mean)
        AS weighted_mean,
    latest.revision
FROM (
    SELECT *, h1 + h2 + h3 + h4 + h5 + h6 + h7 + h8 + h9 + h10 AS count,
        h1 + 2*h2 + 3*h3 + 4*h4 + 5*h5 + 6*h6 + 7*h7 + 8*h8 + 9*h9 + 10*h10 AS sum, max(batch)
    FROM (
        SELECT 0 AS batch, record, h1, h2, h3, h4, h5, h6, h7, h8, h9, h10, revision FROM aggregate
        UNION ALL
        SELECT aggregate_journal.key, row.value ->> 0, row.value ->> 1, row.value ->> 2, row.value ->> 3,
            row.value ->> 4, row.value ->> 5, row.value ->> 6, row.value ->> 7, row.value ->> 8, row.value ->> 9,
            row.value ->> 10, row.value ->> 11
        FROM aggregate_journal, json_each(aggregate_journal.changes) AS row
    )
    GROUP BY record
) AS latest
JOIN aggregate ON aggregate.record = latest.record
CROSS JOIN setting;
