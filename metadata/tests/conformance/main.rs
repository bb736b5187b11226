//! The conformance suite of the metadata stores: memory, SQLite and PostgreSQL, each with and without a cache in front
//! of it, and all behind a writer. The PostgreSQL cases run if `MARQUEE_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod correcting;
mod durability;
mod fresh;
mod movielens;
mod movies;
mod reading;
mod searching;
mod store;
mod traced;
mod writing;

use futures::future::{BoxFuture, FutureExt};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use store::{Backend, Kind, Store};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;
type Run = Arc<dyn Fn(Store) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// A behaviour, and the kinds of stores that must have it.
struct Case {
    name: &'static str,
    kinds: &'static [Kind],
    run: Run,
}

const EVERY: &[Kind] = &[Kind::Memory, Kind::Sqlite, Kind::Postgres];
const DURABLE: &[Kind] = &[Kind::Sqlite, Kind::Postgres];

fn main() -> ExitCode {
    let cases = [
        case("absent_id_is_none", EVERY, reading::absent_id_is_none),
        case("batch_get_returns_requested_order", EVERY, reading::batch_get_returns_requested_order),
        case("ids_are_compared_byte_by_byte", EVERY, reading::ids_are_compared_byte_by_byte),
        case("list_is_ordered_by_bytes", EVERY, reading::list_is_ordered_by_bytes),
        case(
            "list_returns_unchanged_records_exactly_once",
            EVERY,
            reading::list_returns_unchanged_records_exactly_once,
        ),
        case("put_keeps_every_field", EVERY, writing::put_keeps_every_field),
        case("put_replaces", EVERY, writing::put_replaces),
        case("put_of_equal_record_changes_nothing", EVERY, writing::put_of_equal_record_changes_nothing),
        case("batch_takes_revisions_in_its_order", EVERY, writing::batch_takes_revisions_in_its_order),
        case(
            "batch_of_500_longest_records_is_stored",
            EVERY,
            writing::batch_of_500_longest_records_is_stored,
        ),
        case("delete_takes_revision", EVERY, writing::delete_takes_revision),
        case("concurrent_writers_are_serialized", EVERY, writing::concurrent_writers_are_serialized),
        case("one_of_many_concurrent_puts_creates", EVERY, writing::one_of_many_concurrent_puts_creates),
        case(
            "changes_become_visible_in_order_of_revisions",
            EVERY,
            writing::changes_become_visible_in_order_of_revisions,
        ),
        case(
            "no_read_is_older_than_last_acknowledged_write",
            EVERY,
            fresh::no_read_is_older_than_last_acknowledged_write,
        ),
        case(
            "put_of_cancelled_caller_is_visible_or_absent",
            EVERY,
            fresh::put_of_cancelled_caller_is_visible_or_absent,
        ),
        case("search_finds_words_and_prefixes", EVERY, searching::finds_words_and_prefixes),
        case("search_finds_what_people_type", EVERY, searching::finds_what_people_type),
        case("search_takes_queries_of_any_shape", EVERY, searching::takes_queries_of_any_shape),
        case("search_follows_renames_and_deletes", EVERY, searching::follows_renames_and_deletes),
        case(
            "search_treats_special_characters_literally",
            EVERY,
            searching::treats_special_characters_literally,
        ),
        case("search_takes_as_many_words_as_fit", EVERY, searching::takes_as_many_words_as_fit),
        case("search_distinguishes_words_of_any_length", EVERY, searching::distinguishes_words_of_any_length),
        case("search_agrees_with_model", EVERY, searching::agrees_with_model),
        case("search_finds_similar_words", EVERY, correcting::finds_similar_words),
        case("search_corrects_queries_without_matches", EVERY, correcting::corrects_queries_without_matches),
        case(
            "titles_are_indexed_again_after_rules_changed",
            DURABLE,
            durability::titles_are_indexed_again_after_rules_changed,
        ),
        case("indexing_again_continues_after_last_batch", DURABLE, durability::indexing_again_continues),
        case("records_survive_restart", DURABLE, durability::records_survive_restart),
        case("failed_batch_stores_nothing", DURABLE, durability::failed_batch_stores_nothing),
        case(
            "statements_of_sampled_request_are_its_spans",
            DURABLE,
            traced::statements_of_sampled_request_are_its_spans,
        ),
        case("delete_leaves_tombstone", DURABLE, durability::delete_leaves_tombstone),
        case("error_names_row_that_breaks_rule", DURABLE, durability::error_names_row_that_breaks_rule),
        case("closed_store_is_unavailable", DURABLE, durability::closed_store_is_unavailable),
    ];
    let trials = cases.iter().flat_map(|case| {
        let backends =
            case.kinds.iter().flat_map(|&kind| [false, true].map(|cached| Backend { kind, cached }));
        backends.map(|backend| trial(case, backend))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.chain([movielens::trial()]).collect()).exit_code()
}

fn case<F>(name: &'static str, kinds: &'static [Kind], run: fn(Store) -> F) -> Case
where
    F: Future<Output = Outcome> + Send + 'static,
{
    Case { name, kinds, run: Arc::new(move |store| run(store).boxed()) }
}

fn trial(case: &Case, backend: Backend) -> Trial {
    let run = case.run.clone();
    Trial::ignorable_test(format!("{}::{}", backend.name(), case.name), move || {
        if let Err(reason) = backend.available() {
            return Ok(Completion::ignored_with(reason));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let outcome = runtime.block_on(async { run(Store::open(backend).await?).await });
        outcome.map(|()| Completion::Completed).map_err(|error| Failed::from(format!("{error:?}")))
    })
}
