//! What the two SQL stores share: keys, the steps of a transaction, rows, and the statements that both dialects
//! understand.

mod keys;
mod rows;
mod transaction;

pub(super) use keys::{
    KeyCache, KeyStatements, NameStatements, NewKeys, ResolvedKeys, TwoGenerationCache, unresolved,
};
pub(super) use rows::{
    AggregateRow, PositionRow, RatingRow, StoredRow, aggregate, number, place, position, rating, stored,
};
pub(super) use transaction::{Changed, Changes, Grown, Pair, Statements, apply};

macro_rules! aggregate_columns {
    () => {
        "r.record_type, r.record_id, a.h1, a.h2, a.h3, a.h4, a.h5, a.h6, a.h7, a.h8, a.h9, a.h10, \
         a.weighted_mean, a.revision"
    };
}
pub(super) use aggregate_columns;

/// The top rated records of type `$1` with at least `$2` ratings that come after weighted mean `$3` and id `$4`; at
/// most `$5`.
pub(super) const LIST_TOP_RATED: &str = concat!(
    "SELECT ",
    aggregate_columns!(),
    ", a.record FROM aggregate AS a JOIN record AS r ON r.key = a.record \
     WHERE a.record_type = $1 AND a.count > 0 AND a.count >= $2 \
     AND a.weighted_mean <= $3 AND (a.weighted_mean < $3 OR r.record_id > $4) \
     ORDER BY a.weighted_mean DESC, r.record_id LIMIT $5"
);

/// The ratings of user `$1`, of all record types or of `$2`, that come after time `$3`, record type `$4` and id
/// `$5`; at most `$6`. More conditions may be appended.
macro_rules! list_user_ratings {
    ($more:literal) => {
        concat!(
            "SELECT r.record_type, r.record_id, u.user_id, CAST(g.value AS bigint), g.provider_id, g.rated_at \
             FROM rater AS u JOIN rating AS g ON g.rater = u.key JOIN record AS r ON r.key = g.record \
             WHERE u.user_id = $1 AND ($2 IS NULL OR r.record_type = $2) \
             AND g.rated_at <= $3 AND (g.rated_at < $3 OR (r.record_type, r.record_id) > ($4, $5))",
            $more,
            " ORDER BY g.rated_at DESC, r.record_type, r.record_id LIMIT $6"
        )
    };
}
pub(super) use list_user_ratings;

/// The positions of topic `$2` of cluster `$1`.
pub(super) const POSITIONS: &str = "SELECT \"partition\", next_offset, last_timestamp, last_digest, skipped \
     FROM ingest_offset WHERE cluster = $1 AND topic = $2 ORDER BY \"partition\"";

/// The clusters with stored positions of topic `$1`.
pub(super) const CLUSTERS: &str =
    "SELECT DISTINCT cluster FROM ingest_offset WHERE topic = $1 ORDER BY cluster";

/// Deletes the positions of topic `$1`.
pub(super) const FORGET_POSITIONS: &str = "DELETE FROM ingest_offset WHERE topic = $1";

/// Inserts the first position of a partition, unless it has one.
pub(super) const FIRST_POSITION: &str = "INSERT INTO ingest_offset \
     (cluster, topic, \"partition\", next_offset, last_timestamp, last_digest, skipped) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT DO NOTHING";

/// Advances the position of a partition, if its next offset is `$8`.
pub(super) const NEXT_POSITION: &str = "UPDATE ingest_offset \
     SET next_offset = $4, last_timestamp = $5, last_digest = $6, skipped = $7 \
     WHERE cluster = $1 AND topic = $2 AND \"partition\" = $3 AND next_offset = $8";

/// Stores the prior weight `$1` and mean `$2`, if they differ from the stored ones.
pub(super) const SET_PRIOR: &str =
    "UPDATE setting SET prior_weight = $1, prior_mean = $2 WHERE prior_weight <> $1 OR prior_mean <> $2";

/// The weighted mean of a sum and a count with the prior in `s`, by the formula of `model::Prior::weighted_mean`.
macro_rules! weighted_mean {
    ($sum:literal, $count:literal) => {
        concat!(
            "coalesce((",
            $sum,
            " + s.prior_weight * s.prior_mean) / nullif(",
            $count,
            " + s.prior_weight, 0), s.prior_mean)"
        )
    };
}
pub(super) use weighted_mean;

/// Recomputes every weighted mean.
pub(super) const RECOMPUTE_WEIGHTED_MEANS: &str =
    concat!("UPDATE aggregate SET weighted_mean = ", weighted_mean!("sum", "count"), " FROM setting AS s");
